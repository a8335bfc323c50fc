"""The client that blocks. Any thread may use it: who waits for an answer reads, for the others too."""

from __future__ import annotations

import os
import threading
import time
from typing import Any, Dict, Iterator, Optional, Tuple, Type, TypeVar

from .address import default
from .clientconnection import Connection
from .clientcore import MAX_WINDOW, WINDOW, Event, Position, crowding, find, late, left, passing, pauses, prepare, repeatable
from .description import Description
from .errors import Draining, InvalidResult, OutcomeUnknown, SabirError, Unavailable

C = TypeVar("C", bound="Client")
TRIES = 3


class Client:
    """A client of one address. The connection is made with the first call, and again when it is lost; a call that was
    sent and not answered is repeated only if its member is readonly or idempotent [M10]. One that is refused because too
    many others of the client are under way waits for one of them to be answered and is sent again. After a fork the child
    has a connection of its own."""

    def __init__(self, address: Optional[str] = None, *descriptions: Description, timeout: Optional[float] = None) -> None:
        self.address = default(address)
        self.timeout = timeout
        self.descriptions = {d.name: d for d in descriptions}
        self._lock, self._pid = threading.Lock(), os.getpid()
        self._now: Optional[Connection] = None
        self._closed = threading.Event()

    def __enter__(self: C) -> C:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException], trace: Any) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection, and the calls under way in other threads."""
        self._closed.set()
        now, self._now = self._now, None
        if now:
            now.close()

    def know(self, description: Description) -> None:
        """Checks and converts results of a service by its description, as typed clients do."""
        self.descriptions[description.name] = description

    def call(self, method: str, params: Optional[Dict[str, Any]] = None, *, timeout: Optional[float] = None, **named: Any) -> Any:
        """Makes a call: `call("lounge.say", room="dev", text="hi")`. The plain form works on members of all kinds, see [L5].
        Refusals are exceptions; `timeout` is in seconds, else that of the client."""
        timeout = self.timeout if timeout is None else timeout
        deadline = None if timeout is None else time.monotonic() + timeout
        member, sent = prepare(self.descriptions, method, params, named)
        tries = TRIES
        while True:
            c = self._now
            if c is None or not c.usable:
                c = self._connection(deadline)
            try:
                p = c.start(method, sent, member, None, None, deadline)
            except Unavailable:
                if not tries:
                    raise
                tries -= 1
                continue
            try:
                c.wait(p, deadline)
            except BaseException:
                c.leave(p)
                raise
            if p.error is None:
                return p.result
            if crowding(p.error):
                if not c.turn(p, deadline):
                    raise p.error
                continue
            again = isinstance(p.error, Draining) or isinstance(p.error, OutcomeUnknown) and c.core.heard and self._repeatable(method)
            if not again or not tries:
                raise p.error
            tries -= 1
            self._drop(c)

    def notify(self, method: str, params: Optional[Dict[str, Any]] = None, *, timeout: Optional[float] = None, **named: Any) -> None:
        """Makes a call that is not answered [M6]. It waits while the service does not read what was sent before."""
        timeout = self.timeout if timeout is None else timeout
        deadline = None if timeout is None else time.monotonic() + timeout
        _, sent = prepare(self.descriptions, method, params, named)
        for tries in range(TRIES, -1, -1):
            try:
                self._connection(deadline).notify(method, sent, deadline)
                return
            except Unavailable:
                if not tries or self._now is None or self._now.usable:
                    raise

    def items(self, method: str, params: Optional[Dict[str, Any]] = None, *, window: int = WINDOW, timeout: Optional[float] = None,
              **named: Any) -> Iterator[Any]:
        """The items of a stream as they come. Leaving the loop ends the stream. `timeout` bounds the time to the first."""
        member, sent = prepare(self.descriptions, method, params, named)
        deadline = None if timeout is None else time.monotonic() + timeout
        c = self._connection(deadline)
        p = c.start(method, sent, member, min(window, MAX_WINDOW), None, deadline)
        came = False
        try:
            while True:
                c.wait(p, deadline)
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

    def watch(self, method: str, params: Optional[Dict[str, Any]] = None, *, since: Optional[Tuple[str, int]] = None, window: int = WINDOW,
              **named: Any) -> Iterator[Event[Any]]:
        """What a topic, state or table tells, for ever: a lost connection is told, and made again with growing pauses. A
        topic goes on where it was. Leaving the loop ends the subscription."""
        member, sent = prepare(self.descriptions, method, params, named)
        at = Position(since)
        waits = pauses()
        while True:
            try:
                c = self._connection(None)
                p = c.start(method, sent, member, min(window, MAX_WINDOW), at.since, None)
            except Exception as e:
                if not at.ever or not passing(e) or self._closed.is_set():
                    raise
                self._closed.wait(next(waits))
                continue
            try:
                while True:
                    c.wait(p, None)
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
            if not at.ever or not passing(p.error) or self._closed.is_set():
                raise p.error
            if at.up:
                at.up, waits = False, pauses()
                yield Event("down", error=p.error)
            self._closed.wait(next(waits))

    def describe(self, service: str) -> Dict[str, Any]:
        """The description of a service, as [D1] has it."""
        tree: Dict[str, Any] = self.call("rpc.describe", service=service)["services"][0]
        return tree

    def _connection(self, deadline: Optional[float]) -> Connection:
        if self._pid != os.getpid():  # another thread of the parent may have had the lock
            self._lock, self._pid, self._now = threading.Lock(), os.getpid(), None
        time_left = left(deadline)
        if not self._lock.acquire(timeout=-1 if time_left is None else time_left):
            raise late()
        try:
            c = self._now
            if not self._closed.is_set() and (c is None or not c.usable):
                if c is not None:
                    c.retire()
                self._now = c = Connection(self.address, self.descriptions, left(deadline))
            if self._closed.is_set() or c is None:
                if c is not None:
                    c.close()
                raise Unavailable("the client is closed")
            return c
        finally:
            self._lock.release()

    def _drop(self, c: Connection) -> None:
        with self._lock:
            if self._now is c:
                self._now = None
        c.retire()

    def _repeatable(self, method: str) -> bool:
        member = find(self.descriptions, method)
        if member is not None:
            return member.repeatable
        try:
            return repeatable(self.describe(method.partition(".")[0]), method)
        except SabirError:
            return False


def connect(address: Optional[str] = None, *descriptions: Description, timeout: Optional[float] = None) -> Client:
    """A client of a service by its name or address; $SABIR_ADDRESS without one."""
    return Client(address, *descriptions, timeout=timeout)
