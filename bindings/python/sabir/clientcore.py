"""A connection at the side of the client, without input and output.

Requests go out by `request` and `take`; what comes in by `receive` ends up in the `Pending` that made it. The hosts
are `sabir.client`, which blocks, and `sabir.aio`."""

from __future__ import annotations

import dataclasses
import random
import time
from collections import deque
from typing import Any, Callable, Deque, Dict, Generic, Iterator, List, Optional, Tuple, TypeVar

from . import errors, tree
from .codec import dump_value, load_result
from .description import Description, Member
from .errors import Busy, DeadlineExceeded, InvalidResult, OutcomeUnknown, Refused, Unavailable, to_wire
from .scalars import Codec
from .tree import Tree
from .wire import MAX_MESSAGE, Bad, Lines, Request, Response, classify, decode, encode, encode_request, is_int

T = TypeVar("T")
WINDOW = 256
MAX_WINDOW = 1024
TURN = 1.0  # seconds that a call which was refused waits for another to be answered


@dataclasses.dataclass
class Event(Generic[T]):
    """What a subscription tells.

    `kind` is "item" (a topic's item, a state's value or a table's row, in `value`), "gone" (the row `key` is no more),
    "reset" (forget all rows, they come again), "live" (the subscription is active; of a table, rows that did not come
    since "down" or "reset" are gone) or "down" (the connection is lost, `error` says why; it is being made again)."""

    kind: str
    value: Optional[T] = None
    key: str = ""
    seq: int = 0
    epoch: str = ""
    lost: int = 0  # items of a topic lost before this; -1: an unknown number
    error: Optional[BaseException] = None


_NONE: Deque[Event[Any]] = deque(maxlen=0)


class Pending:
    """A call under way: what came of it and was not taken yet."""

    done = False
    result: Any = None
    error: Optional[Exception] = None
    on_change: Optional[Callable[[], None]] = None  # something came

    def __init__(self, id: int, member: Optional[Member], window: Optional[int]) -> None:
        self.id, self.member, self.window = id, member, window
        self.events: Deque[Event[Any]] = _NONE if window is None else deque()
        self.taken = 0  # items, since credit was given last
        self.amid = False  # others were under way when it was asked for

    def end(self, result: Any = None, error: Optional[Exception] = None) -> None:
        self.result, self.error, self.done = result, error, True
        if self.on_change:
            self.on_change()


class ClientCore:
    def __init__(self, descriptions: Dict[str, Description], limit: int = MAX_MESSAGE) -> None:
        self.descriptions = descriptions
        self.limit = limit
        self.lines = Lines()
        self.out: List[bytes] = []
        self.size = 0  # of it, in bytes
        self.pending: Dict[int, Pending] = {}
        self.last = 0
        self.goaway = False  # no new calls here [O9]
        self.closed: Optional[Exception] = None
        self.heard = False
        self.turns: Deque[Callable[[], None]] = deque()  # of calls that were refused because too many are under way
        self.answers = 0  # while there are some

    def request(self, method: str, params: Dict[str, Any], member: Optional[Member] = None, window: Optional[int] = None,
                since: Optional[Tuple[str, int]] = None, timeout: Optional[float] = None) -> Pending:
        self.last = id = self.last + 1
        if window is None and since is None and timeout is None:
            line = encode_request(id, method, params, self.limit)
        else:
            line = encode(_asked(id, method, params, window, since, timeout), self.limit)
        p = Pending(id, member, window)
        if self.pending:
            p.amid = True
        self.pending[id] = p  # only now: TooLarge leaves nothing behind [B1]
        self._say(line)
        return p

    def notify(self, method: str, params: Dict[str, Any]) -> None:
        self._say(encode({"jsonrpc": "2.0", "method": method, "params": params}, self.limit))

    def _say(self, line: bytes) -> None:
        self.out.append(line)
        self.size += len(line)

    def take(self) -> bytes:
        if len(self.out) == 1:
            data = self.out[0]
        else:
            data = b"".join(self.out)
        self.out.clear()
        self.size = 0
        return data

    def receive(self, data: bytes) -> None:
        """Takes what came; a SabirError ends the connection."""
        self.heard = True
        for line in self.lines.feed(data):
            if line and not line.isspace():
                o = decode(line)
                if "method" in o:
                    self._message(o)
                else:
                    id = o.get("id")
                    p = self.pending.pop(id, None) if type(id) is int else None
                    if p is not None:
                        self._answered(p, o)
                        if self.turns and p.window is None and not isinstance(p.error, Busy):
                            self.answers += 1
                            self.next_turn()

    def next_turn(self) -> None:
        if self.turns:
            self.turns.popleft()()

    def crowded(self) -> bool:
        """Whether calls are under way, beside subscriptions and streams."""
        return any(p.window is None for p in list(self.pending.values()))

    def subscribed(self) -> bool:
        return any(p.window is not None for p in list(self.pending.values()))

    def _message(self, o: Dict[str, Any]) -> None:
        m = classify(o)
        if isinstance(m, Request):
            if "id" in o:
                no = errors.MethodNotFound(f"no {m.method}: this is a client", {"method": m.method})
                self._say(encode({"jsonrpc": "2.0", "id": m.id, "error": to_wire(no)}))
            elif m.method == "rpc.item" or m.method == "rpc.live":
                of = m.params.get("id")
                p = self.pending.get(of) if type(of) is int else None
                if p is not None and p.window is not None:
                    self._told(p, m.method, m.params)
            elif m.method == "rpc.goaway":
                self.goaway = True
        elif isinstance(m, Bad) and "id" in o:
            self._say(encode({"jsonrpc": "2.0", "id": m.id, "error": to_wire(m.error)}))

    def _answered(self, p: Pending, o: Dict[str, Any]) -> None:
        try:
            if "result" in o and "error" not in o:  # as nearly always
                p.end(self._result(p, o["result"]))
                return
            m = classify(o)
            if not isinstance(m, Response) or m.fault:
                p.end(error=InvalidResult("a malformed response: " + (m.fault if isinstance(m, Response) else "no result and no error"), {"faults": []}))
            elif m.error is not None:
                p.end(error=self._exception(m.error))
            else:
                p.end(self._result(p, m.result))
        except InvalidResult as e:
            p.end(error=e)

    def _exception(self, error: Any) -> Exception:
        refused = errors.from_wire(error)
        d = self.descriptions.get(refused.name.partition(".")[0])
        return d.exception(refused) if d else refused

    def _result(self, p: Pending, result: Any) -> Any:
        member = p.member
        if member is None or p.window is not None and member.kind != "method":
            return result
        if member.kind == "method":
            return load_result(member.result, result)
        if member.kind == "state":
            return load_result(member.item, result)
        if member.kind == "topic":
            if not isinstance(result, dict) or not isinstance(result.get("items"), list):
                raise InvalidResult("expected epoch, seq, lost and items", {"faults": []})
            return {**result, "items": [load_result(member.item, v) for v in result["items"]]}
        if not isinstance(result, list):
            raise InvalidResult("expected a list", {"faults": []})
        if member.kind == "stream":
            return [load_result(member.item, v) for v in result]
        return {row["key"]: load_result(member.item, row.get("value")) for row in result if isinstance(row, dict) and isinstance(row.get("key"), str)}

    def _told(self, p: Pending, method: str, params: Dict[str, Any]) -> None:
        seq, epoch, lost, key = (params.get(k) for k in ("seq", "epoch", "lost", "key"))
        e: Event[Any] = Event("live", None, key if isinstance(key, str) else "", seq if is_int(seq) else 0,  # type: ignore[arg-type]
                              epoch if isinstance(epoch, str) else "", lost if is_int(lost) else 0)  # type: ignore[arg-type]
        if method == "rpc.item":
            e.kind = "reset" if params.get("reset") is True else "gone" if params.get("gone") is True else "item"
        if e.kind == "item":
            codec = p.member.item if p.member else Codec()
            try:
                e.value = load_result(codec, params.get("value"))
            except InvalidResult as fault:
                self.cancel(p)
                p.end(error=fault)
                return
        if p.window and len(p.events) >= 2 * p.window + 2:
            raise Unavailable("the peer sends items that it has no credit for")
        p.events.append(e)
        if p.on_change:
            p.on_change()

    def took(self, p: Pending, e: Event[Any]) -> None:
        """The application has taken an event: credit goes back when half of it is used. [S1]"""
        if e.kind == "live" or not p.window or p.done:
            return
        p.taken += 1
        if p.taken * 2 >= p.window:
            self.notify("rpc.more", {"id": p.id, "n": p.taken})
            p.taken = 0

    def cancel(self, p: Pending) -> None:
        """Leaves a call: the service is told, and what still comes of it is ignored. [S7]"""
        if self.pending.pop(p.id, None) is not None and self.closed is None:
            self.notify("rpc.cancel", {"id": p.id})

    def lose(self, why: Exception) -> None:
        """The connection is over: what was sent and not answered may have run. [O7]"""
        if self.closed is None:
            self.closed = why
            for p in list(self.pending.values()):
                p.end(error=OutcomeUnknown(f"no answer, outcome unknown: {why}"))
            self.pending.clear()
            while self.turns:
                self.next_turn()


def _asked(id: int, method: str, params: Dict[str, Any], window: Optional[int], since: Optional[Tuple[str, int]],
           timeout: Optional[float]) -> Dict[str, Any]:
    q: Dict[str, Any] = {"jsonrpc": "2.0", "id": id, "method": method, "params": params}
    if window is not None:
        q["window"] = window
    if since is not None:
        q["since"] = {"epoch": since[0], "seq": since[1]}
    if timeout is not None:
        q["timeout"] = timeout
    return q


class Position:
    """Where a subscription is, over all its connections."""

    def __init__(self, since: Optional[Tuple[str, int]]) -> None:
        self.topic = since is not None
        self.epoch: str = since[0] if since else ""
        self.seq: Optional[int] = since[1] if since else None
        self.up = self.ever = False

    @property
    def since(self) -> Optional[Tuple[str, int]]:
        return (self.epoch, self.seq) if self.topic and self.seq is not None else None

    def saw(self, e: Event[Any]) -> None:
        if e.kind == "live":
            self.up = self.ever = True
            self.topic = bool(e.epoch)
        if self.topic and e.kind in ("item", "live"):
            self.epoch, self.seq = e.epoch or self.epoch, e.seq


def passing(e: BaseException) -> bool:
    """Whether an error may be gone with a new connection."""
    return isinstance(e, (Unavailable, OutcomeUnknown, errors.Draining, errors.Cancelled, errors.Busy, OSError))


def pauses() -> Iterator[float]:
    """How long to wait before each try: full jitter under a limit that doubles, from 2 s to 30 s.

    So of all who are thrown out together no tenth comes back within the same tenth of a second."""
    limit = 2.0
    while True:
        yield random.uniform(0, limit)
        limit = min(2 * limit, 30.0)


def find(descriptions: Dict[str, Description], method: str) -> Optional[Member]:
    if not descriptions:
        return None
    service, _, name = method.partition(".")
    d = descriptions.get(service)
    return d.members.get(name) if d else None


def prepare(descriptions: Dict[str, Description], method: str, params: Optional[Dict[str, Any]],
            named: Dict[str, Any]) -> Tuple[Optional[Member], Dict[str, Any]]:
    """The member that is called, if its description is known, and the params to send, which must fit it then."""
    member = find(descriptions, method)
    sent = {**(params or {}), **named}
    return member, sent if member is None else dump_value(member.params, sent)


def repeatable(service: Tree, method: str) -> bool:
    """Whether a description allows to repeat a call whose outcome is unknown. [M10]"""
    m = tree.member(service, method.partition(".")[2])
    return m is not None and bool(m.get("readonly") or m.get("idempotent"))


def crowding(e: Optional[Exception]) -> bool:
    """Whether a call was refused, so that it never started, because too much of this client is under way already."""
    return isinstance(e, Busy) and e.params.get("limit") in ("in_flight", "queue")


def left(deadline: Optional[float]) -> Optional[float]:
    """How many seconds there are until then; DeadlineExceeded."""
    if deadline is None:
        return None
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise late()
    return seconds


def late() -> DeadlineExceeded:
    return DeadlineExceeded("the time is over")


def unanswered(why: BaseException) -> Refused:
    return Unavailable(f"nobody answers: {why}")
