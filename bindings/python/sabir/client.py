"""The client that blocks. Any thread may use it: who waits for an answer reads, for the others too."""

from __future__ import annotations

import threading
import time
from typing import Any, Dict, Iterator, Optional, Tuple, Type, TypeVar

from . import link, trust
from .address import default, parse
from .clientcore import MAX_WINDOW, WINDOW, ClientCore, Event, Pending, Position, find, late, passing, pauses, prepare, repeatable, unanswered
from .description import Description
from .errors import Cancelled, Draining, OutcomeUnknown, ParseError, SabirError, TooLarge, Unavailable
from .scram import Scram

C = TypeVar("C", bound="Client")
TRIES = 3
CONNECT = 10.0


class _Connection:
    def __init__(self, address: str, descriptions: Dict[str, Description], timeout: Optional[float]) -> None:
        a = parse(address)
        self.known = trust.Trust(a) if a.kind == "tls" else None
        self.link = link.dial(a, timeout if timeout is not None else CONNECT)
        self.core = ClientCore(descriptions)
        self.lock = threading.Lock()  # of the core and of what is below
        self.changed = threading.Condition(self.lock)
        self.reading = False
        self.waiting = 0  # threads that wait for the one that reads
        self.sending = threading.Lock()
        if a.kind in ("tcp", "tls"):
            try:
                self._login(a)
            except BaseException:
                self.link.close()
                raise

    def _login(self, a: Any) -> None:
        """Proves both ends to each other before anything else is sent. [K2] [K9]"""
        binding = None
        if self.known is not None:
            assert isinstance(self.link, link.TLSLink)
            certificate = self.link.sock.getpeercert(True)
            assert certificate
            binding = self.known.judge(certificate)
        scram = Scram(*trust.secret_for(a), binding)
        answer = self.call("rpc.auth", {"mechanism": scram.mechanism, "data": scram.first()}, CONNECT)
        answer = self.call("rpc.auth", {"data": scram.final(str(answer.get("data")))}, CONNECT)
        scram.check(str(answer.get("data")))
        if self.known is not None:
            self.known.proved(str(self.call("rpc.info", {}, CONNECT).get("next") or ""))

    def call(self, method: str, params: Dict[str, Any], timeout: Optional[float]) -> Any:
        p = self.start(method, params, None, None, None, None)
        self.wait(p, None if timeout is None else time.monotonic() + timeout)
        if p.error:
            raise p.error
        return p.result

    def start(self, method: str, params: Dict[str, Any], member: Any, window: Optional[int], since: Optional[Tuple[str, int]],
              timeout: Optional[float]) -> Pending:
        """Sends a request; Unavailable if it surely was not."""
        with self.sending:
            with self.lock:
                if self.core.closed or self.core.goaway:
                    raise unanswered(self.core.closed or Draining("the service is stopping"))
                p = self.core.request(method, params, member, window, since, timeout)
                data = self.core.take()
            self._send(data)
        return p

    def flush(self) -> None:
        with self.sending:
            with self.lock:
                data = self.core.take()
            if data:
                self._send(data)

    def _send(self, data: bytes) -> None:
        try:
            self.link.send(data)
        except (OSError, ValueError) as e:
            with self.lock:
                self.core.lose(e)
                self.changed.notify_all()

    def wait(self, p: Pending, deadline: Optional[float]) -> None:
        """Returns when something has become of a call; DeadlineExceeded."""
        while not p.done and not p.events:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                with self.lock:
                    self.core.cancel(p)
                self.flush()
                raise late()
            with self.lock:
                if p.done or p.events:  # who reads has it by now
                    return
                if self.reading:
                    self.waiting += 1
                    try:
                        self.changed.wait(left)
                    finally:
                        self.waiting -= 1
                    continue
                self.reading = True
            self._read(left)

    def _read(self, timeout: Optional[float]) -> None:
        lost: Optional[Exception] = None
        data = b""
        try:
            data = self.link.recv(timeout)
            if not data:
                lost = ConnectionError("the service ended the connection")
        except TimeoutError:
            pass
        except (OSError, ValueError) as e:
            lost = e
        finally:
            with self.lock:
                self.reading = False
                if data:
                    try:
                        self.core.receive(data)
                    except (ParseError, TooLarge) as e:
                        lost = e
                        self.link.close()
                if lost is not None:
                    self.core.lose(lost)
                if self.waiting:
                    self.changed.notify_all()
        if self.core.out:
            self.flush()

    def took(self, p: Pending, e: Event[Any]) -> None:
        with self.lock:
            self.core.took(p, e)
            more = bool(self.core.out)
        if more:
            self.flush()

    def leave(self, p: Pending) -> None:
        with self.lock:
            self.core.cancel(p)
            if not p.done:
                p.end(error=Cancelled("cancelled"))
            self.changed.notify_all()
        self.flush()

    def retire(self) -> None:
        """Closes it unless somebody waits for an answer, who has it to the end."""
        with self.lock:
            if self.core.pending:
                return
            self.core.lose(ConnectionError("closed"))  # whoever comes now has sent nothing
        self.link.close()

    def close(self) -> None:
        with self.lock:
            self.core.lose(ConnectionError("closed"))
            self.changed.notify_all()
        self.link.close()


class Client:
    """A client of one address. The connection is made with the first call, and again when it is lost; a call that was
    sent and not answered is repeated only if its member is readonly or idempotent. [M10]"""

    def __init__(self, address: Optional[str] = None, *descriptions: Description, timeout: Optional[float] = None) -> None:
        self.address = default(address)
        self.timeout = timeout
        self.descriptions = {d.name: d for d in descriptions}
        self._lock = threading.Lock()
        self._now: Optional[_Connection] = None
        self._closed = False

    def __enter__(self: C) -> C:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException], trace: Any) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection, and the calls under way in other threads."""
        with self._lock:
            self._closed = True
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
        for tries in range(TRIES, -1, -1):
            c = self._now
            if c is None or c.core.closed or c.core.goaway:
                c = self._connection(deadline)
            try:
                p = c.start(method, sent, member, None, None, _left(deadline))
            except Unavailable:
                if not tries:
                    raise
                continue
            c.wait(p, deadline)
            if p.error is None:
                return p.result
            again = isinstance(p.error, Draining) or isinstance(p.error, OutcomeUnknown) and c.core.heard and self._repeatable(method)
            if not again or not tries:
                raise p.error
            self._drop(c)
        raise AssertionError("not reached")

    def notify(self, method: str, params: Optional[Dict[str, Any]] = None, **named: Any) -> None:
        """Makes a call that is not answered. [M6]"""
        _, sent = prepare(self.descriptions, method, params, named)
        c = self._connection(None)
        with c.lock:
            c.core.notify(method, sent)
        c.flush()

    def items(self, method: str, params: Optional[Dict[str, Any]] = None, *, window: int = WINDOW, timeout: Optional[float] = None,
              **named: Any) -> Iterator[Any]:
        """The items of a stream as they come. Leaving the loop ends the stream. `timeout` bounds the time to the first."""
        member, sent = prepare(self.descriptions, method, params, named)
        deadline = None if timeout is None else time.monotonic() + timeout
        c = self._connection(deadline)
        p = c.start(method, sent, member, min(window, MAX_WINDOW), None, _left(deadline))
        try:
            while True:
                c.wait(p, deadline)
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
                if not at.ever or not passing(e) or self._closed:
                    raise
                time.sleep(next(waits))
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
            if p.error is None:
                return
            if not at.ever or not passing(p.error) or self._closed:
                raise p.error
            if at.up:
                at.up, waits = False, pauses()
                yield Event("down", error=p.error)
            time.sleep(next(waits))

    def describe(self, service: str) -> Dict[str, Any]:
        """The description of a service, as [D1] has it."""
        tree: Dict[str, Any] = self.call("rpc.describe", service=service)["services"][0]
        return tree

    def _connection(self, deadline: Optional[float]) -> _Connection:
        with self._lock:
            if self._closed:
                raise Unavailable("the client is closed")
            c = self._now
            if c is None or c.core.closed or c.core.goaway:
                if c is not None:
                    c.retire()
                left = _left(deadline)
                self._now = c = _Connection(self.address, self.descriptions, left)
            return c

    def _drop(self, c: _Connection) -> None:
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


def _left(deadline: Optional[float]) -> Optional[float]:
    if deadline is None:
        return None
    left = deadline - time.monotonic()
    if left <= 0:
        raise late()
    return left


def connect(address: Optional[str] = None, *descriptions: Description, timeout: Optional[float] = None) -> Client:
    """A client of a service by its name or address; $SABIR_ADDRESS without one."""
    return Client(address, *descriptions, timeout=timeout)
