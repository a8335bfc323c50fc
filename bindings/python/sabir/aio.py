"""The client for asyncio."""

from __future__ import annotations

import asyncio
import ssl
import time
from typing import Any, AsyncIterator, Dict, Optional, Tuple, Type, TypeVar, cast

from . import trust
from .address import Address, default, parse
from .clientcore import MAX_WINDOW, WINDOW, ClientCore, Event, Pending, Position, find, late, passing, pauses, prepare, repeatable, unanswered
from .description import Description
from .errors import Cancelled, Draining, OutcomeUnknown, ParseError, SabirError, TooLarge, Unavailable
from .link import loopback, watch
from .scram import Scram

C = TypeVar("C", bound="AsyncClient")
TRIES = 3
CONNECT = 10.0


class _Connection(asyncio.Protocol):
    """One connection: bytes between a transport and a core."""

    def __init__(self, descriptions: Dict[str, Description]) -> None:
        self.core = ClientCore(descriptions)
        self.transport: Optional[asyncio.WriteTransport] = None
        self.loop = asyncio.get_running_loop()
        self.scheduled = False
        self.child: Optional[asyncio.SubprocessTransport] = None
        self.exited: Optional["asyncio.Future[None]"] = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        try:
            self.core.receive(data)
        except (ParseError, TooLarge) as e:
            self.core.lose(e)
            self.close()
        if self.core.out:
            self.flush()

    def connection_lost(self, exc: Optional[BaseException]) -> None:
        self.core.lose(exc if isinstance(exc, Exception) else ConnectionError("the service ended the connection"))

    def start(self, method: str, params: Dict[str, Any], member: Any, window: Optional[int], since: Optional[Tuple[str, int]],
              timeout: Optional[float]) -> Pending:
        if self.core.closed or self.core.goaway or self.transport is None or self.transport.is_closing():
            raise unanswered(self.core.closed or Draining("the service is stopping"))
        p = self.core.request(method, params, member, window, since, timeout)
        if not self.scheduled:  # one write for all that is asked for in this turn of the loop
            self.scheduled = True
            self.loop.call_soon(self.flush)
        return p

    def flush(self) -> None:
        self.scheduled = False
        data = self.core.take()
        if data and self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    async def wait(self, p: Pending) -> None:
        """Returns when something has become of a call."""
        if p.events or p.done:
            return
        future = self.loop.create_future()

        def change() -> None:
            if not future.done():
                future.set_result(None)
        p.on_change = change
        try:
            await future
        except asyncio.CancelledError:
            self.leave(p)
            raise

    async def wait_until(self, p: Pending, deadline: Optional[float]) -> None:
        if deadline is None:
            await self.wait(p)
            return
        try:
            await asyncio.wait_for(self.wait(p), deadline - time.monotonic())
        except asyncio.TimeoutError:
            self.leave(p)
            raise late() from None

    def leave(self, p: Pending) -> None:
        self.core.cancel(p)
        if not p.done:
            p.end(error=Cancelled("cancelled"))
        self.flush()

    def took(self, p: Pending, e: Event[Any]) -> None:
        self.core.took(p, e)
        if self.core.out:
            self.flush()

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()

    async def over(self) -> None:
        """A child is waited for, and killed if it does not end with its input."""
        if self.child is not None and self.exited is not None:
            await asyncio.wait([self.exited], timeout=4)
            self.child.close()

    async def call(self, method: str, params: Dict[str, Any]) -> Any:
        p = self.start(method, params, None, None, None, None)
        await self.wait_until(p, time.monotonic() + CONNECT)
        if p.error:
            raise p.error
        return p.result


class _Child(asyncio.SubprocessProtocol):
    def __init__(self, connection: _Connection) -> None:
        self.connection = connection
        connection.exited = connection.loop.create_future()

    def process_exited(self) -> None:
        if self.connection.exited and not self.connection.exited.done():
            self.connection.exited.set_result(None)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.connection.data_received(data)

    def pipe_connection_lost(self, fd: int, exc: Optional[Exception]) -> None:
        if fd == 1:
            self.connection.connection_lost(exc)


async def _dial(address: str, descriptions: Dict[str, Description]) -> _Connection:
    a = parse(address)
    loop = asyncio.get_running_loop()
    c = _Connection(descriptions)
    try:
        if a.kind == "exec":
            transport, _ = await loop.subprocess_exec(lambda: _Child(c), *a.command, stderr=None)
            c.child = transport
            c.connection_made(cast(asyncio.BaseTransport, transport.get_pipe_transport(0)))
        elif a.kind == "unix":
            await loop.create_unix_connection(lambda: c, a.path)
        elif a.kind == "tcp":
            loopback(a.host)
            await loop.create_connection(lambda: c, a.host, a.port)
        else:
            await loop.create_connection(lambda: c, a.host, a.port, ssl=trust.context(), server_hostname=a.host)
    except ssl.SSLError as e:
        raise Unavailable(f"TLS to {a.host}:{a.port}: {e}") from None
    except OSError as e:
        raise Unavailable(f"nobody answers at {address.partition('#')[0]}: {e.strerror or e}") from None
    if a.kind in ("tcp", "tls"):
        try:
            assert c.transport is not None
            watch(c.transport.get_extra_info("socket"))
            await _login(c, a)
        except BaseException:
            c.close()
            raise
    return c


async def _login(c: _Connection, a: Address) -> None:
    """Proves both ends to each other before anything else is sent. [K2] [K9]"""
    known = trust.Trust(a) if a.kind == "tls" else None
    binding = None
    if known is not None:
        assert c.transport is not None
        binding = known.judge(c.transport.get_extra_info("ssl_object").getpeercert(True))
    loop = asyncio.get_running_loop()
    scram = Scram(*trust.secret_for(a), binding)
    answer = await c.call("rpc.auth", {"mechanism": scram.mechanism, "data": scram.first()})
    # A password takes 600000 rounds: not in the loop's thread.
    final = await loop.run_in_executor(None, scram.final, str(answer.get("data")))
    answer = await c.call("rpc.auth", {"data": final})
    scram.check(str(answer.get("data")))
    if known is not None:
        known.proved(str((await c.call("rpc.info", {})).get("next") or ""))


class AsyncClient:
    """A client of one address, for the tasks of one loop. See `Client`, which has the same methods."""

    def __init__(self, address: Optional[str] = None, *descriptions: Description, timeout: Optional[float] = None) -> None:
        self.address = default(address)
        self.timeout = timeout
        self.descriptions = {d.name: d for d in descriptions}
        self._now: Optional[_Connection] = None
        self._dialling: Optional["asyncio.Task[_Connection]"] = None
        self._closed = False

    async def __aenter__(self: C) -> C:
        return self

    async def __aexit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException], trace: Any) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the connection and the calls under way."""
        self._closed = True
        if self._dialling:
            self._dialling.cancel()
        if self._now:
            self._now.core.lose(ConnectionError("closed"))
            self._now.close()
            await self._now.over()

    def know(self, description: Description) -> None:
        """Checks and converts results of a service by its description, as typed clients do."""
        self.descriptions[description.name] = description

    async def call(self, method: str, params: Optional[Dict[str, Any]] = None, *, timeout: Optional[float] = None, **named: Any) -> Any:
        """Makes a call. Cancelling the task cancels the call."""
        timeout = self.timeout if timeout is None else timeout
        deadline = None if timeout is None else time.monotonic() + timeout
        member, sent = prepare(self.descriptions, method, params, named)
        for tries in range(TRIES, -1, -1):
            c = self._now
            if c is None or c.core.closed or c.core.goaway:
                c = await self._connection()
            try:
                p = c.start(method, sent, member, None, None, None if deadline is None else max(deadline - time.monotonic(), 0.001))
            except Unavailable:
                if not tries:
                    raise
                self._drop(c)
                continue
            await c.wait_until(p, deadline)
            if p.error is None:
                return p.result
            again = isinstance(p.error, Draining) or isinstance(p.error, OutcomeUnknown) and c.core.heard and await self._repeatable(method)
            if not again or not tries:
                raise p.error
            self._drop(c)
        raise AssertionError("not reached")

    async def notify(self, method: str, params: Optional[Dict[str, Any]] = None, **named: Any) -> None:
        """Makes a call that is not answered. [M6]"""
        _, sent = prepare(self.descriptions, method, params, named)
        c = await self._connection()
        c.core.notify(method, sent)
        c.flush()

    async def items(self, method: str, params: Optional[Dict[str, Any]] = None, *, window: int = WINDOW, timeout: Optional[float] = None,
                    **named: Any) -> AsyncIterator[Any]:
        """The items of a stream as they come. Leaving the loop ends the stream. `timeout` bounds the time to the first."""
        member, sent = prepare(self.descriptions, method, params, named)
        deadline = None if timeout is None else time.monotonic() + timeout
        c = await self._connection()
        p = c.start(method, sent, member, min(window, MAX_WINDOW), None, timeout)
        try:
            while True:
                await c.wait_until(p, deadline)
                deadline = None
                if p.events:
                    e = p.events.popleft()
                    c.took(p, e)
                    yield e.value
                elif p.error:
                    raise p.error
                else:
                    return
        finally:
            if not p.done:
                c.leave(p)

    async def watch(self, method: str, params: Optional[Dict[str, Any]] = None, *, since: Optional[Tuple[str, int]] = None,
                    window: int = WINDOW, **named: Any) -> AsyncIterator[Event[Any]]:
        """What a topic, state or table tells, for ever: a lost connection is told, and made again with growing pauses. A
        topic goes on where it was. Leaving the loop ends the subscription."""
        member, sent = prepare(self.descriptions, method, params, named)
        at = Position(since)
        waits = pauses()
        while True:
            try:
                c = await self._connection()
                p = c.start(method, sent, member, min(window, MAX_WINDOW), at.since, None)
            except Exception as e:
                if not at.ever or not passing(e) or self._closed:
                    raise
                await asyncio.sleep(next(waits))
                continue
            try:
                while True:
                    await c.wait(p)
                    if not p.events:
                        break
                    event = p.events.popleft()
                    c.took(p, event)
                    at.saw(event)
                    yield event
            finally:
                if not p.done:
                    c.leave(p)
            if p.error is None:
                return
            if not at.ever or not passing(p.error) or self._closed:
                raise p.error
            if at.up:
                at.up, waits = False, pauses()
                yield Event("down", error=p.error)
            await asyncio.sleep(next(waits))

    async def describe(self, service: str) -> Dict[str, Any]:
        """The description of a service, as [D1] has it."""
        tree: Dict[str, Any] = (await self.call("rpc.describe", service=service))["services"][0]
        return tree

    async def _connection(self) -> _Connection:
        """The connection, or a new one: one task dials, the others wait for it."""
        if self._closed:
            raise Unavailable("the client is closed")
        c = self._now
        if c is not None and not c.core.closed and not c.core.goaway:
            return c
        if self._dialling is None:
            self._dialling = asyncio.ensure_future(_dial(self.address, self.descriptions))
            self._dialling.add_done_callback(self._dialled)
        return await asyncio.shield(self._dialling)

    def _dialled(self, task: "asyncio.Task[_Connection]") -> None:
        self._dialling = None
        if not task.cancelled() and task.exception() is None:
            self._now = task.result()
            if self._closed:
                self._now.close()

    def _drop(self, c: _Connection) -> None:
        if self._now is c:
            self._now = None

    async def _repeatable(self, method: str) -> bool:
        member = find(self.descriptions, method)
        if member is not None:
            return member.repeatable
        try:
            return repeatable(await self.describe(method.partition(".")[0]), method)
        except SabirError:
            return False


def connect_async(address: Optional[str] = None, *descriptions: Description, timeout: Optional[float] = None) -> AsyncClient:
    """A client for `async with`, of a service by its name or address; $SABIR_ADDRESS without one."""
    return AsyncClient(address, *descriptions, timeout=timeout)
