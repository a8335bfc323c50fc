"""A connection of the client for asyncio."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections import deque
from typing import Any, Deque, Dict, Optional, Tuple, cast

from . import forked, trust
from .address import Address, parse
from .clientcore import TURN, ClientCore, Event, Pending, late, left, unanswered
from .description import Description
from .errors import Cancelled, DeadlineExceeded, Draining, ParseError, TooLarge, Unavailable
from .link import FULL, loopback, share, watch
from .scram import Scram

CONNECT = 10.0
LINGER = 2.0
SHORT = 64 << 10  # bytes unsent beyond which callers wait


class Connection(asyncio.Protocol):
    """One connection: bytes between a transport and a core."""

    def __init__(self, descriptions: Dict[str, Description]) -> None:
        self.core = ClientCore(descriptions)
        self.transport: Optional[asyncio.WriteTransport] = None
        self.loop = asyncio.get_running_loop()
        self.scheduled = False
        self.gone: "asyncio.Future[None]" = self.loop.create_future()  # the connection has ended
        self.paused = False  # more than SHORT is unsent
        self.queue: Deque["asyncio.Future[None]"] = deque()  # who waits for that to be sent
        self.child: Optional[asyncio.SubprocessTransport] = None
        self.exited: Optional["asyncio.Future[None]"] = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.WriteTransport, transport)
        self.transport.set_write_buffer_limits(high=SHORT)
        forked.hold(self)

    def forked(self) -> None:
        sock = None if self.transport is None or self.transport.is_closing() else self.transport.get_extra_info("socket")
        if sock is not None:
            forked.let_go((sock.fileno(),))

    def data_received(self, data: bytes) -> None:
        try:
            self.core.receive(data)
        except (ParseError, TooLarge) as e:
            self.lose(e)
            self.close()
        if self.core.out:
            self.flush()

    def connection_lost(self, exc: Optional[BaseException]) -> None:
        self.lose(exc if isinstance(exc, Exception) else ConnectionError("the service ended the connection"))
        if not self.gone.done():
            self.gone.set_result(None)

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        self.next()

    # What goes out

    async def start(self, method: str, params: Dict[str, Any], member: Any, window: Optional[int], since: Optional[Tuple[str, int]],
                    deadline: Optional[float]) -> Pending:
        """Has a request sent: Unavailable if it surely is not, DeadlineExceeded."""
        if self.queue or self.full:
            await self.room(deadline)
        try:
            self.check()
            p = self.core.request(method, params, member, window, since, left(deadline))
        finally:
            self.next()
        if not self.scheduled:  # one write for all that is asked for in this turn of the loop
            self.scheduled = True
            self.loop.call_soon(self.flush)
        return p

    async def notify(self, method: str, params: Dict[str, Any], deadline: Optional[float]) -> None:
        if self.queue or self.full:
            await self.room(deadline)
        try:
            self.check()
            self.core.notify(method, params)
        finally:
            self.flush()

    @property
    def full(self) -> bool:
        return self.paused or self.core.size > SHORT

    @property
    def usable(self) -> bool:
        return (self.core.closed is None and not self.core.goaway and self.transport is not None and not self.transport.is_closing()
                and not self.loop.is_closed())

    def check(self) -> None:
        if not self.usable:
            raise unanswered(self.core.closed or Draining("the service is stopping"))

    async def room(self, deadline: Optional[float]) -> None:
        """Waits until little is unsent, first come first served: what a service does not read could fill the memory."""
        turn = self.loop.create_future()
        self.queue.append(turn)
        try:
            while True:
                await asyncio.wait([turn], timeout=left(deadline))
                if not turn.done():
                    raise late()
                if not self.full or not self.usable:
                    return
                turn = self.loop.create_future()
                self.queue.appendleft(turn)
        except BaseException:
            if turn in self.queue:
                self.queue.remove(turn)
            else:
                self.next()  # it was given to us just now
            raise

    def next(self) -> None:
        """Lets who waits for room go on: one, who lets the next."""
        while self.queue and (self.core.closed is not None or not self.full):
            self.queue.popleft().set_result(None)
            if self.core.closed is None:
                return

    def flush(self) -> None:
        self.scheduled = False
        data = self.core.take()
        if data and self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)
        self.next()

    # What comes in

    async def wait(self, p: Pending, deadline: Optional[float] = None) -> None:
        """Returns when something has become of a call; DeadlineExceeded."""
        if p.events or p.done:
            return
        future = self.loop.create_future()

        def change() -> None:
            if not future.done():
                future.set_result(None)
        p.on_change = change
        clock = None if deadline is None else self.loop.call_later(deadline - time.monotonic(), change)
        try:
            await future
        except asyncio.CancelledError:
            self.leave(p)
            raise
        finally:
            if clock is not None:
                clock.cancel()
        if not p.events and not p.done:
            self.leave(p)
            raise late()

    async def turn(self, p: Pending, deadline: Optional[float]) -> bool:
        """Waits, for a call that was refused because too many are under way, until another one is answered, first come
        first served. False: there is none, or none is answered: they may be meant to wait for days."""
        if self.core.closed is not None:
            return True
        if not self.core.crowded():
            return p.amid  # all that there were have been answered since
        gate = self.loop.create_future()

        def go() -> None:
            gate.set_result(None)
        self.core.turns.append(go)
        try:
            while True:
                before, time_left = self.core.answers, left(deadline)
                await asyncio.wait([gate], timeout=TURN if time_left is None else min(TURN, time_left))
                if gate.done():
                    return True
                left(deadline)
                if self.core.answers == before:
                    return False
        except asyncio.CancelledError:
            if gate.done():  # it was given to us just now
                self.core.next_turn()
            raise
        finally:
            if go in self.core.turns:
                self.core.turns.remove(go)

    def leave(self, p: Pending) -> None:
        self.core.cancel(p)
        if not p.done:
            p.end(error=Cancelled("cancelled"))
        self.flush()

    def took(self, p: Pending, e: Event[Any]) -> None:
        self.core.took(p, e)
        if self.core.out:
            self.flush()

    def lose(self, why: Exception) -> None:
        self.core.lose(why)
        self.next()

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()

    def forsake(self) -> None:
        """Ends it where its loop has ended, which asyncio does not."""
        sock = self.transport and self.transport.get_extra_info("socket")
        if sock and self.loop.is_closed():
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except (OSError, TypeError):  # it has ended, or it is of a loop that allows no such thing
                pass

    async def over(self) -> None:
        """What was said is sent before the end if the service reads. A child is waited for, and killed if it does not end
        with its input."""
        if self.transport is not None and self.transport.get_write_buffer_size():
            await asyncio.wait([self.gone], timeout=LINGER)
            if not self.gone.done():
                self.transport.abort()
        if self.child is not None and self.exited is not None:
            await asyncio.wait([self.exited], timeout=4)
            self.child.close()

    async def call(self, method: str, params: Dict[str, Any]) -> Any:
        deadline = time.monotonic() + CONNECT
        p = await self.start(method, params, None, None, None, deadline)
        await self.wait(p, deadline)
        if p.error:
            raise p.error
        return p.result


class _Child(asyncio.SubprocessProtocol):
    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        connection.exited = connection.loop.create_future()

    def process_exited(self) -> None:
        if self.connection.exited and not self.connection.exited.done():
            self.connection.exited.set_result(None)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.connection.data_received(data)

    def pause_writing(self) -> None:
        self.connection.pause_writing()

    def resume_writing(self) -> None:
        self.connection.resume_writing()

    def pipe_connection_lost(self, fd: int, exc: Optional[Exception]) -> None:
        if fd == 1:
            self.connection.connection_lost(exc)


async def reach(host: str, port: int, until: float) -> socket.socket:
    """Connects to the first of the addresses of a host that answers."""
    loop = asyncio.get_running_loop()
    time_left = share(until, 1)  # which may raise, before there is what would never be awaited
    found = await asyncio.wait_for(loop.getaddrinfo(host, port, type=socket.SOCK_STREAM), time_left)
    fault: Exception = TimeoutError("timed out")
    for i, (family, kind, protocol, _, address) in enumerate(found):
        try:
            time_left = share(until, len(found) - i)
            sock = socket.socket(family, kind, protocol)
            try:
                sock.setblocking(False)
                await asyncio.wait_for(loop.sock_connect(sock, address), time_left)
                return sock
            except BaseException:
                sock.close()
                raise
        except (OSError, asyncio.TimeoutError) as e:
            fault = e
    raise fault


async def reach_unix(path: str, until: float) -> socket.socket:
    """Connects by itself: where more wait to be accepted than there is room for, asyncio takes that for a connection."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        while True:
            try:
                sock.connect(path)
                return sock
            except BlockingIOError:
                await asyncio.sleep(min(FULL, share(until, 1)))
    except BaseException:
        sock.close()
        raise


async def dial(address: str, descriptions: Dict[str, Description]) -> Connection:
    a = parse(address)
    loop = asyncio.get_running_loop()
    c = Connection(descriptions)
    try:
        if a.kind == "exec":
            transport, _ = await loop.subprocess_exec(lambda: _Child(c), *a.command, stderr=None)
            c.child = transport
            c.connection_made(cast(asyncio.BaseTransport, transport.get_pipe_transport(0)))
        elif a.kind == "unix":
            sock = await reach_unix(a.path, time.monotonic() + CONNECT)
            try:
                await loop.create_unix_connection(lambda: c, sock=sock)
            except BaseException:
                sock.close()
                raise
        else:
            if a.kind == "tcp":
                loopback(a.host)
            context = trust.context() if a.kind == "tls" else None
            name = a.host if a.kind == "tls" else None
            until = time.monotonic() + CONNECT
            sock = await reach(a.host, a.port, until)
            try:
                time_left = share(until, 1)
                await asyncio.wait_for(loop.create_connection(lambda: c, sock=sock, ssl=context, server_hostname=name), time_left)
            except BaseException:
                sock.close()
                raise
    except ssl.SSLError as e:
        raise Unavailable(f"TLS to {a.host}:{a.port}: {e}") from None
    except (asyncio.TimeoutError, TimeoutError):
        raise Unavailable(f"nobody answers at {address.partition('#')[0]} within {CONNECT:g} s") from None
    except OSError as e:
        raise Unavailable(f"nobody answers at {address.partition('#')[0]}: {e.strerror or e}") from None
    if a.kind in ("tcp", "tls"):
        try:
            assert c.transport is not None
            watch(c.transport.get_extra_info("socket"))
            await _login(c, a)
        except DeadlineExceeded:
            c.close()
            raise Unavailable(f"nobody answers at {a.host}:{a.port}: connected, but the login took too long") from None
        except BaseException:
            c.close()
            raise
    return c


async def _login(c: Connection, a: Address) -> None:
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
