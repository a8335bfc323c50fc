"""A connection at the side of the service, without input and output.

Bytes go in by `receive`, come out by `take`; calls to run are handed to the host by `on_run`. The host is
`sabir.serving`; all methods are for its one thread."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from typing import Any, Callable, Deque, Dict, List, Optional, Tuple

from . import errors
from .caller import Caller, on_behalf
from .codec import load_params
from .errors import Busy, Cancelled, Denied, Draining, InvalidRequest, MethodNotFound, Refused, TooLarge, to_wire
from .feeds import Reader, State, StateReader, Table, TableReader, Topic, TopicReader, rows_of
from .offer import LIMITS, Offer
from .run import Run
from .tree import LEVELS
from .wire import MAX_INT, Bad, Id, Lines, Request, classify, clip, decode, encode, encode_result, is_id, whole

SHORT = 64 << 10  # bytes: unsent beyond it, items wait in their streams [O4]; waiting beyond it, notifications hold up what follows
NOTE = 512  # about what a notification takes beside its params
RESULTS = 64 << 20  # and over which a result is dropped [O5]
HELP = b"this is a Sabir service: one JSON object a line, such as {\"id\":1,\"method\":\"rpc.describe\"}\n"


_ORDINARY = frozenset(("jsonrpc", "id", "method", "params"))


class ServerCore:
    def __init__(self, offer: Offer, caller: Caller) -> None:
        self.offer, self.caller, self.stats = offer, caller, offer.stats
        self.level = LEVELS[caller.level]
        self.lines = Lines()
        self.first = True
        self.version = False  # the peer sends jsonrpc [M5]
        self.closing = False  # close when all is sent
        self.ended = False  # its input has ended
        self.draining = False
        self.out: List[bytes] = []
        self.size = 0
        self.calls: Dict[Id, Run] = {}  # not answered yet
        self.running = 0  # handlers of what has no window,
        self.notes = 0  # of which so many are of notifications
        self.line: Deque[Tuple[Run, int, float]] = deque()  # notifications that wait for others to end, since when [B3]
        self.waiting = 0  # bytes that they take
        self.moved = True  # one of them has begun since it was waited for in vain
        self.subscriptions = 0
        self.streams: "OrderedDict[Run, None]" = OrderedDict()
        self.holding = False  # nothing more is taken in until there is less that waits
        self.behind: Deque[bytes] = deque()  # what has come all the same
        self.on_run: Callable[[Run], None] = lambda run: run.fail(RuntimeError("no host"))
        self.on_wake: Callable[[], None] = lambda: None  # any thread: there is something to pump
        self.on_hold: Callable[[], None] = lambda: None  # reads no more until `go_on` lets it
        self.on_last: Callable[[], bool] = lambda: False  # lets nothing more in; True: what has come is received, and then `eof`
        self.unsent: Callable[[], int] = lambda: 0  # what the host could not send yet
        self.stats.connections += 1

    # What comes in

    def receive(self, data: bytes) -> None:
        self.stats.bytes_in += len(data)
        if self.closing:
            return
        if self.first:
            self.first = False
            if data[:1] != b"{":
                self._write(HELP)
                self.closing = True
                return
        try:
            lines = self.lines.feed(data)
        except TooLarge as e:
            self._end(e)
        else:
            self._lines(lines)

    def _lines(self, lines: List[bytes]) -> None:
        try:
            for n, line in enumerate(lines):
                if self.holding:
                    self.behind.extend(lines[n:])
                    return
                self._line(line)
        except (errors.ParseError, TooLarge) as e:
            self._end(e)

    def _end(self, e: Refused) -> None:
        self._answer(None, error=to_wire(e))
        self.closing = True

    def go_on(self) -> bool:
        """Takes in what has come since it was held up; False: it is so again."""
        self.holding = False
        while self.behind and not self.holding:
            self._lines([self.behind.popleft()])
        return not self.holding

    @property
    def short(self) -> bool:
        """Whether few notifications wait."""
        return self.waiting <= SHORT

    def _line_up(self, run: Run, size: int) -> None:
        """Has a notification wait until others have ended, for nobody hears of one that is refused. Where many wait, nothing
        more is taken in, unless that was in vain: what runs may wait for it."""
        if self.line and self.waiting + size > LIMITS["queue"]:
            raise Busy(f"over {LIMITS['in_flight']} notifications in flight, and {LIMITS['queue']} bytes of them wait", {"limit": "in_flight"})
        self.line.append((run, size, time.monotonic()))
        self.waiting += size
        if not self.short and self.moved and not self.holding:
            self.holding = True
            self.moved = False
            self.on_hold()

    def call_up(self) -> None:
        """Begins with those that wait and have room."""
        while self.line and self.notes < LIMITS["in_flight"]:
            run, size, since = self.line.popleft()
            self.waiting -= size
            self.moved = True
            if run.timeout is not None:
                run.timeout -= time.monotonic() - since
                if run.timeout <= 0:
                    continue
            self._count(run)
            self.on_run(run)

    def _count(self, run: Run) -> None:
        self.running += 1
        self.notes += run.id is None
        self.stats.in_flight += 1

    def eof(self) -> None:
        """The peer has ended its output: what it asked for is answered, then the connection ends. [F1] [O6]"""
        if self.ended:
            return
        try:
            if not self.closing:
                self._line(self.lines.last())
        except errors.ParseError as e:
            if not self.draining:  # else it was not let in whole
                self._answer(None, error=to_wire(e))
        self.ended = True
        for run in list(self.streams):
            if run.reader is not None and run.window is not None or run.stuck:
                self.refuse(run, Cancelled("nobody reads any more"))
                run.end()
        self._maybe_close()

    def _line(self, line: bytes) -> None:
        if self.closing or not line or line.isspace():
            return
        if len(line) > 2 * LIMITS["message"]:
            raise TooLarge("a message over the limit", {"limit": LIMITS["message"]})
        o = decode(line)
        if o.get("jsonrpc") is not None:
            self.version = True
        if not self._ordinary(o):
            self._message(o)

    def _ordinary(self, o: Dict[str, Any]) -> bool:
        """Starts a call that is as nearly all are. False: it is not, or there is something wrong; nothing was done."""
        id, method, params = o.get("id"), o.get("method"), o.get("params")
        if type(id) is not int or type(method) is not str or type(params) is not dict or not _ORDINARY.issuperset(o):
            return False
        offered = self.offer.members.get(method)
        if offered is None or offered.member.kind != "method" or offered.needs > self.level or o.get("jsonrpc", "2.0") != "2.0":
            return False
        if id in self.calls or not -MAX_INT <= id <= MAX_INT or self.draining or self.running - self.notes >= LIMITS["in_flight"] or self._full():
            return False
        try:
            values = offered.member.params.read(params)
        except Exception:
            return False
        self.stats.calls += 1
        run = self.calls[id] = Run(self, id, offered, values, self.caller)
        self._count(run)
        self.on_run(run)
        return True

    def _message(self, o: Dict[str, Any]) -> None:
        m = classify(o)
        if isinstance(m, Request):
            self._request(m)
        elif isinstance(m, Bad):
            self._answer(m.id, error=to_wire(m.error))
        elif m.fault:
            self._answer(None, error=to_wire(InvalidRequest(m.fault)))

    def _request(self, q: Request) -> None:
        answered = "id" in q.raw
        if not answered and q.method.startswith("rpc."):
            self._told(q)
            return
        if answered and q.id in self.calls:
            self._answer(q.id, error=to_wire(InvalidRequest("the id is still in flight", {"member": "id"})))
            return
        self.stats.calls += 1
        try:
            if q.method.startswith("rpc."):
                self._own(q, self._caller(q))
            else:
                self._start(q, self._caller(q))
        except Refused as e:
            self.stats.failed += 1
            if answered:
                self._answer(q.id, error=to_wire(e))

    def _caller(self, q: Request) -> Caller:
        return self.caller if q.caller is None else on_behalf(self.caller, q.caller)

    def _told(self, q: Request) -> None:
        id: Any = q.params.get("id")
        run = self.calls.get(id) if is_id(id) else None
        if run is None:
            return
        if q.method == "rpc.cancel":
            self.refuse(run, Cancelled("cancelled"))
            run.end()
        elif q.method == "rpc.more" and run.window:
            n = whole(q.params.get("n"))
            if n is not None and n >= 1:
                run.credit = min(run.credit + n, LIMITS["window"])
                self.pump()

    def _start(self, q: Request, caller: Caller) -> None:
        """Starts a call by all the rules."""
        offered = self.offer.find(q.method)
        member = offered.member
        if LEVELS[caller.level] < offered.needs:
            raise Denied(f"{member.full} needs {member.access}", {"needs": member.access})
        if q.since is not None and member.kind != "topic":
            raise InvalidRequest("since is for topics", {"member": "since"})
        if self.draining:
            raise Draining("the service is stopping")
        window = None if member.kind == "method" else q.window
        if self._full():
            raise Busy("more than 8 MiB wait to be read", {"limit": "queue"})
        if window is None and q.id is not None and self.running - self.notes >= LIMITS["in_flight"]:
            raise Busy(f"over {LIMITS['in_flight']} calls in flight on one connection", {"limit": "in_flight"})
        if window is not None and self.subscriptions >= LIMITS["subscriptions"]:
            raise Busy(f"over {LIMITS['subscriptions']} subscriptions on one connection", {"limit": "subscriptions"})
        run = Run(self, q.id, offered, load_params(member.params, q.params), caller)
        run.window, run.since, run.timeout = window, q.since, q.timeout
        run.credit = min(window or 0, LIMITS["window"])
        if member.kind in ("topic", "state", "table") and len(encode(q.params)) > LIMITS["key"]:
            raise errors.InvalidParams("params of 4 KiB at most", {"faults": [{"path": "", "reason": "at most 4096 bytes"}]})
        if q.id is None:
            run.answered = True  # a notification never is
            if window is None and (self.line or self.notes >= LIMITS["in_flight"]):
                self._line_up(run, len(encode(q.params)) + NOTE)
                return
        else:
            self.calls[q.id] = run
        if window is None:
            self._count(run)
        else:
            self.subscriptions += 1
            self.stats.subscriptions += 1
        if window is not None and member.kind == "stream":
            self.streams[run] = None
        self.on_run(run)

    def _full(self) -> bool:
        """Too much waits to be read for another call. [O5]"""
        return self.size + self.unsent() > LIMITS["queue"]

    def subscribe(self, run: Run) -> None:
        """Starts a run of a topic, state or table, with a window or without."""
        since = run.since
        if run.answered and run.id is not None:
            run.release()  # cancelled before it began
            return
        accept = run.service.accept.get(run.member.name)
        feed = run.service.feeds[run.member.name]
        try:
            if accept:
                accept(**run.values)
            if run.window is None and isinstance(feed, State):
                key = feed.key(run.values)
                if key not in feed.values:
                    raise errors.Unavailable("there is no value yet")
                self.answer(run, feed.values[key])
            elif run.window is None and isinstance(feed, Table):
                self.answer(run, rows_of(feed, run.values))
            elif isinstance(feed, Topic):
                run.reader = TopicReader(feed, run.values, self.on_wake, since)
            elif isinstance(feed, State):
                run.reader = StateReader(feed, run.values, self.on_wake)
            elif isinstance(feed, Table):
                run.reader = TableReader(feed, run.values, self.on_wake)
        except Exception as e:
            run.fail(e)
            return
        if run.reader is None:
            run.release()
        elif run.id is None:
            run.reader.close()
            run.release()
        else:
            self.streams[run] = None
            if self.ended and run.window is not None:
                self.refuse(run, Cancelled("nobody reads any more"))
            self.pump()

    def _own(self, q: Request, caller: Caller) -> None:
        """Answers a method of every peer. [R1] to [R4]"""
        short = q.method.partition(".")[2]
        member = self.offer.own.members.get(short)
        if member is None:
            raise MethodNotFound(f"no {clip(q.method)}", {"method": clip(q.method)})
        if short not in ("ping", "info") and LEVELS[caller.level] < LEVELS["read"]:
            raise Denied(f"{q.method} needs read", {"needs": "read"})
        if self._full():
            raise Busy("more than 8 MiB wait to be read", {"limit": "queue"})
        values = load_params(member.params, q.params)
        result: Any = {}
        if short == "describe":
            result = self.offer.describe(**values)
        elif short == "info":
            result = self.offer.info(caller)
        elif short == "stats":
            result = self.stats.answer()
        if "id" in q.raw:
            self._answer(q.id, result=result)

    # What goes out

    def take(self) -> bytes:
        """What is to be sent now."""
        data = self.out[0] if len(self.out) == 1 else b"".join(self.out)
        self.out, self.size = [], 0
        self.stats.bytes_out += len(data)
        return data

    def roomy(self) -> bool:
        return self.size + self.unsent() < SHORT

    def _write(self, line: bytes) -> None:
        self.out.append(line)
        self.size += len(line)

    def notify(self, method: str, params: Dict[str, Any]) -> None:
        message: Dict[str, Any] = {"jsonrpc": "2.0"} if self.version else {}
        self._write(encode({**message, "method": method, "params": params}))

    def _answer(self, id: Optional[Id], **what: Any) -> None:
        message: Dict[str, Any] = {"jsonrpc": "2.0"} if self.version else {}
        self._write(encode({**message, "id": id, **what}))

    def answer(self, run: Run, result: Any) -> None:
        if run.answered:
            return
        try:
            line = encode_result(run.id, result, self.version)
            if self.size + self.unsent() + len(line) > RESULTS:
                raise TooLarge(f"over {RESULTS} bytes wait to be read, with this result", {"limit": RESULTS})
            self._write(line)
        except TooLarge as e:
            started = {"started": True} if run.member.kind == "method" else {}
            self.refuse(run, TooLarge(str(e), {**e.params, **started}))
            return
        self._over(run)

    def refuse(self, run: Run, e: Refused) -> None:
        if run.answered:
            return
        self.stats.failed += 1
        try:
            self._answer(run.id, error=to_wire(e))
        except TooLarge as large:
            self._answer(run.id, error=to_wire(large))
        self._over(run)

    def _over(self, run: Run) -> None:
        run.answered = True
        if run.on_over:
            run.on_over()
        if run.id is not None:
            self.calls.pop(run.id, None)
        if self.streams:
            self.streams.pop(run, None)
        if run.reader is not None:
            run.reader.close()
            run.reader = None
            run.release()

    def released(self, run: Run) -> None:
        if run.window is None:
            self.running -= 1
            self.notes -= run.id is None
            self.stats.in_flight -= 1
            if self.line:
                self.on_wake()  # the handler that ends is still a task under way
        else:
            self.subscriptions -= 1
            self.stats.subscriptions -= 1
        if self.ended or self.draining:
            self._maybe_close()

    def _maybe_close(self) -> None:
        """Nothing more is asked for, and all is answered. What is on its way when we stop is not started, and its caller must
        hear that, or it would be lost."""
        if not self.calls and not self.running and (self.ended or not self.on_last()):
            self.closing = True

    def pump(self) -> None:
        """Sends items of streams that have credit, one of each in turn, while the queue is short. [O4]"""
        progress = True
        while progress and self.streams:
            progress = False
            for run in list(self.streams):
                if not self.roomy():
                    return
                if run.reader is not None:
                    progress = self._pump(run, run.reader) or progress
                elif run.can_send and run.on_ready:
                    run.on_ready()

    def _pump(self, run: Run, reader: Reader) -> bool:
        if run.window is None:
            answer = reader.poll() if isinstance(reader, TopicReader) else None
            if answer is not None:
                self.answer(run, answer)
            return answer is not None
        told = reader.next(run.window == 0 or run.credit > 0)
        if told is None:
            return False
        method, params = told
        self.stats.lost += max(0, params.get("lost", 0))
        if method == "rpc.item":
            self.stats.items += 1
            run.credit -= 1
        run.begun = True
        self.notify(method, {"id": run.id, **params})
        return True

    # The end

    def drain(self) -> None:
        """Takes no new calls and ends subscriptions. [O9]"""
        if self.draining:
            return
        self.draining = True
        self.notify("rpc.goaway", {})
        for run in list(self.streams):
            if run.reader is not None:
                self.refuse(run, Cancelled("the service is stopping"))
        self._maybe_close()

    def cancel_all(self) -> None:
        self.line.clear()
        for run in list(self.calls.values()):
            self.refuse(run, Cancelled("the service is stopping"))
            run.end()

    def close(self) -> None:
        """The connection is gone: handlers are told to stop, but those of notifications. [O7]"""
        self.closing = True
        self.stats.connections -= 1
        for run in list(self.calls.values()):
            self._over(run)
            run.end()

