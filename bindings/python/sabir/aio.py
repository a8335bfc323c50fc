"""The client for asyncio."""

from __future__ import annotations

import asyncio
import time
import warnings
from typing import Any, AsyncIterator, Dict, Optional, Tuple, Type, TypeVar

from .address import default
from .aioconnection import Connection, dial
from .clientcore import MAX_WINDOW, WINDOW, Event, Position, crowding, find, late, left, passing, pauses, prepare, repeatable
from .description import Description
from .errors import Draining, InvalidResult, OutcomeUnknown, SabirError, Unavailable

C = TypeVar("C", bound="AsyncClient")
TRIES = 3


class AsyncClient:
    """A client of one address, for the tasks of one loop at a time: it connects anew where there is another, as with each
    `asyncio.run`. See `Client`, which has the same methods."""

    def __init__(self, address: Optional[str] = None, *descriptions: Description, timeout: Optional[float] = None) -> None:
        self.address = default(address)
        self.timeout = timeout
        self.descriptions = {d.name: d for d in descriptions}
        self._now: Optional[Connection] = None
        self._dialling: Optional["asyncio.Task[Connection]"] = None
        self._closed = False

    def __del__(self) -> None:
        now = getattr(self, "_now", None)  # the constructor may have raised
        if now is not None and now.usable:  # whose loop would keep it
            warnings.warn(f"a client of {self.address.partition('#')[0]} was not closed", ResourceWarning, source=self)
            now.loop.call_soon_threadsafe(now.close)

    async def __aenter__(self: C) -> C:
        return self

    async def __aexit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException], trace: Any) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the connection and the calls under way."""
        self._closed = True
        if self._dialling and not self._dialling.get_loop().is_closed():
            self._dialling.cancel()
        if self._now and self._now.loop.is_closed():
            self._now.forsake()
        elif self._now:
            self._now.flush()
            self._now.lose(ConnectionError("closed"))
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
        tries = TRIES
        while True:
            c = self._now
            if c is None or not c.usable:
                c = await self._connection(deadline)
            try:
                p = await c.start(method, sent, member, None, None, deadline)
            except Unavailable:
                if not tries:
                    raise
                tries -= 1
                self._drop(c)
                continue
            await c.wait(p, deadline)
            if p.error is None:
                return p.result
            if crowding(p.error):
                if not await c.turn(p, deadline):
                    raise p.error
                continue
            again = isinstance(p.error, Draining) or isinstance(p.error, OutcomeUnknown) and c.core.heard and await self._repeatable(method)
            if not again or not tries:
                raise p.error
            tries -= 1
            self._drop(c)

    async def notify(self, method: str, params: Optional[Dict[str, Any]] = None, *, timeout: Optional[float] = None, **named: Any) -> None:
        """Makes a call that is not answered [M6]. It waits while the service does not read what was sent before."""
        timeout = self.timeout if timeout is None else timeout
        deadline = None if timeout is None else time.monotonic() + timeout
        _, sent = prepare(self.descriptions, method, params, named)
        for tries in range(TRIES, -1, -1):
            c = await self._connection(deadline)
            try:
                return await c.notify(method, sent, deadline)
            except Unavailable:
                if not tries:
                    raise
                self._drop(c)

    async def items(self, method: str, params: Optional[Dict[str, Any]] = None, *, window: int = WINDOW, timeout: Optional[float] = None,
                    **named: Any) -> AsyncIterator[Any]:
        """The items of a stream as they come. Leaving the loop ends the stream. `timeout` bounds the time to the first."""
        member, sent = prepare(self.descriptions, method, params, named)
        deadline = None if timeout is None else time.monotonic() + timeout
        c = await self._connection(deadline)
        p = await c.start(method, sent, member, min(window, MAX_WINDOW), None, deadline)
        came = False
        try:
            while True:
                await c.wait(p, deadline)
                deadline = None
                if p.events:
                    e = p.events.popleft()
                    c.took(p, e)
                    came = True
                    yield e.value
                elif p.error:
                    raise p.error
                elif p.result and not came:
                    raise InvalidResult(f"{method} answered with a result: it is no stream", {"faults": []})
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
                c = await self._connection(None)
                p = await c.start(method, sent, member, min(window, MAX_WINDOW), at.since, None)
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
            if p.error is None and not at.ever:
                raise InvalidResult(f"{method} answered at once: it is no topic, state or table to watch", {"faults": []})
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

    async def _connection(self, deadline: Optional[float]) -> Connection:
        """The connection, or a new one: one task dials, the others wait for it."""
        if self._closed:
            raise Unavailable("the client is closed")
        c = self._now
        if c is not None and c.usable:
            return c
        if c is not None:
            c.forsake()
        dialling = self._dialling
        if dialling is None or dialling.get_loop().is_closed():
            dialling = self._dialling = asyncio.ensure_future(dial(self.address, self.descriptions))
            dialling.add_done_callback(self._dialled)
        await asyncio.wait([dialling], timeout=left(deadline))
        if not dialling.done():
            raise late()
        if dialling.cancelled():
            raise Unavailable("the client is closed")
        return dialling.result()

    def _dialled(self, task: "asyncio.Task[Connection]") -> None:
        self._dialling = None
        if not task.cancelled() and task.exception() is None:
            self._now = task.result()
            if self._closed:
                self._now.close()

    def _drop(self, c: Connection) -> None:
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
