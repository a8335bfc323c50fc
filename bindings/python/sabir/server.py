"""A connection at the side of the service, without input and output.

Bytes go in by `receive`, come out by `take`; calls to run are handed to the host by `on_run`. The host is
`sabir.serving`; all methods are for its one thread."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from typing import Any, Callable, Dict, List, Optional, Tuple

from . import errors, rpc
from .caller import Caller, on_behalf
from .codec import load_params
from .description import Description, Member
from .errors import Busy, Cancelled, DeadlineExceeded, Denied, Draining, InvalidRequest, MethodNotFound, Refused, TooLarge, to_wire
from .feeds import Reader, State, StateReader, Table, TableReader, Topic, TopicReader, rows_of
from .scalars import Unfit
from .service import Service
from .tree import LEVELS, similar
from .wire import MAX_MESSAGE, Bad, Id, Lines, Request, Response, classify, clip, decode, encode

log = logging.getLogger("sabir")

LIMITS = {"message": MAX_MESSAGE, "depth": 64, "id": 64, "in_flight": 128, "subscriptions": 256, "window": 1024,
          "queue": 8 << 20, "ring": 1024, "rings": 1024, "key": 4 << 10, "faults": 8}
SHORT = 64 << 10  # bytes unsent beyond which items wait in their streams [O4]
HELP = b"this is a Sabir service: one JSON object a line, such as {\"id\":1,\"method\":\"rpc.describe\"}\n"


class Stats:
    """What the server has done, over all its connections. [R4]"""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.connections = self.calls = self.failed = self.in_flight = self.subscriptions = 0
        self.items = self.lost = self.bytes_in = self.bytes_out = 0

    def answer(self) -> Dict[str, Any]:
        counters = {k: v for k, v in vars(self).items() if k != "started"}
        return {**counters, "uptime": time.monotonic() - self.started}


class Offer:
    """What a server offers: services by name, and the description of all."""

    def __init__(self, services: List[Service], product: str = "", version: str = "") -> None:
        self.services = {s.name: s for s in services}
        self.stats = Stats()
        self.own = Description(rpc.TREE)
        first = services[0].description.tree
        self.product, self.version = product or first["name"], version or first["version"]
        self.hash = Description({"name": "", "members": [], "all": [s.description.tree for s in services]}).hash()
        self.full = [f"{s.name}.{m}" for s in services for m in s.description.members]


def _nothing() -> None:
    pass


class Run:
    """A call under way."""

    answered = False
    entered = False  # its handler has taken its first step
    begun = False  # an item or rpc.live was sent
    released = False
    size = 0  # of the items of a plain request on a stream
    reader: Optional[Reader] = None
    on_end: Callable[[], object] = staticmethod(_nothing)  # the host stops the handler
    on_ready: Callable[[], None] = staticmethod(_nothing)  # an item may be sent
    on_over: Callable[[], object] = staticmethod(_nothing)  # it is answered

    def __init__(self, core: "ServerCore", id: Optional[Id], key: Any, service: Service, member: Member, values: Dict[str, Any],
                 window: Optional[int], since: Optional[Tuple[str, int]], timeout: Optional[float], caller: Caller) -> None:
        self.core, self.id, self.key, self.service, self.member, self.values = core, id, key, service, member, values
        self.window, self.since, self.timeout, self.caller = window, since, timeout, caller
        self.credit = min(window, LIMITS["window"]) if window else 0
        self.items: List[Any] = []  # of a plain request on a stream

    @property
    def stuck(self) -> bool:
        """No credit is left and none can come."""
        return self.core.ended and bool(self.window) and self.credit <= 0

    @property
    def can_send(self) -> bool:
        return self.window is None or self.window == 0 and self.core.roomy() or self.credit > 0 and self.core.roomy()

    def item(self, value: Any) -> None:
        """Sends an item of a stream, for which `can_send` must hold."""
        if self.answered:
            return
        wire = self.member.item.dump(value)
        if self.window is None:
            self.items.append(wire)
            self.size += len(encode({"v": wire}))
            if self.size > LIMITS["message"]:
                raise TooLarge("the list of all items is over the limit", {"limit": LIMITS["message"]})
            return
        self.begun = True
        self.credit -= 1
        self.core.stats.items += 1
        self.core.notify("rpc.item", {"id": self.id, "value": wire})

    def finish(self, result: Any = None) -> None:
        """The handler returned."""
        if not self.answered:
            try:
                if self.member.kind == "stream":
                    wire: Any = self.items if self.window is None else {}
                else:
                    wire = self.member.result.dump({} if result is None and not self.member.result.fields else result)
                self.core.answer(self, wire)
            except Exception as e:  # Unfit, or of a class of the service's own: the caller has an answer in any case
                log.error("%s: the result does not fit its description: %s", self.member.full, e)
                self.core.refuse(self, errors.Internal("the service failed; its log says why"))
        self.release()

    def fail(self, e: BaseException) -> None:
        """The handler raised."""
        if not self.answered:
            try:
                refused = self.service.description.refusal(e)
            except Unfit as fault:
                log.error("%s: the error does not fit its description: %s", self.member.full, fault)
                refused = None
            if refused is None:
                log.error("%s: %r", self.member.full, e, exc_info=(type(e), e, e.__traceback__))
                refused = errors.Internal("the service failed; its log says why")
            self.core.refuse(self, refused)
        self.release()

    def expire(self) -> None:
        """Its time is over. [M9]"""
        if not self.answered and not (self.window is not None and self.begun):
            self.core.refuse(self, DeadlineExceeded("the time is over"))
            self.on_end()

    def release(self) -> None:
        """Its handler has returned: the slot is free. [S7]"""
        if not self.released:
            self.released = True
            self.core.released(self)


class ServerCore:
    def __init__(self, offer: Offer, caller: Caller) -> None:
        self.offer, self.caller, self.stats = offer, caller, offer.stats
        self.lines = Lines()
        self.first = True
        self.version = False  # the peer sends jsonrpc [M5]
        self.closing = False  # close when all is sent
        self.ended = False  # its input has ended
        self.draining = False
        self.out: List[bytes] = []
        self.size = 0
        self.calls: Dict[Any, Run] = {}  # by id and type: not answered yet
        self.running = 0
        self.subscriptions = 0
        self.streams: "OrderedDict[Run, None]" = OrderedDict()
        self.on_run: Callable[[Run], None] = lambda run: run.fail(RuntimeError("no host"))
        self.on_wake: Callable[[], None] = lambda: None  # any thread: there is something to pump
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
            for line in self.lines.feed(data):
                self._line(line)
        except (errors.ParseError, TooLarge) as e:
            self._answer(None, error=to_wire(e))
            self.closing = True

    def eof(self) -> None:
        """The peer has ended its output: what it asked for is answered, then the connection ends. [F1] [O6]"""
        if self.ended:
            return
        try:
            if not self.closing:
                self._line(self.lines.last())
        except errors.ParseError as e:
            self._answer(None, error=to_wire(e))
        self.ended = True
        for run in list(self.streams):
            if run.reader is not None and run.window is not None or run.stuck:
                self.refuse(run, Cancelled("nobody reads any more"))
                run.on_end()
        self._maybe_close()

    def _line(self, line: bytes) -> None:
        if self.closing or not line or line.isspace():
            return
        if len(line) > 2 * LIMITS["message"]:
            raise TooLarge("a message over the limit", {"limit": LIMITS["message"]})
        o = decode(line)
        if "jsonrpc" in o:
            self.version = True
        m = classify(o)
        if isinstance(m, Request):
            self._request(m)
        elif isinstance(m, Bad):
            self._answer(m.id, error=to_wire(m.error))
        elif m.fault and isinstance(m, Response):
            self._answer(None, error=to_wire(InvalidRequest(m.fault)))

    def _request(self, q: Request) -> None:
        key = None
        if "id" not in q.raw:
            if q.method.startswith("rpc."):
                self._told(q)
                return
        else:
            key = _key(q.id)
        if key is not None and key in self.calls:
            self._answer(q.id, error=to_wire(InvalidRequest("the id is still in flight", {"member": "id"})))
            return
        self.stats.calls += 1
        try:
            self._start(q, key)
        except Refused as e:
            self.stats.failed += 1
            if "id" in q.raw:
                self._answer(q.id, error=to_wire(e))

    def _told(self, q: Request) -> None:
        run = self.calls.get(_key(q.params.get("id")))
        if run is None:
            return
        if q.method == "rpc.cancel":
            self.refuse(run, Cancelled("cancelled"))
            run.on_end()
        elif q.method == "rpc.more" and run.window:
            n = q.params.get("n")
            if type(n) is int and n >= 1:
                run.credit = min(run.credit + n, LIMITS["window"])
                self.pump()

    def _start(self, q: Request, key: Any) -> None:
        caller = self.caller if q.caller is None else on_behalf(self.caller, q.caller)
        name, _, short = q.method.partition(".")
        if name == "rpc":
            self._own(q, short, caller)
            return
        service = self.offer.services.get(name)
        member = service.description.members.get(short) if service else None
        if service is None or member is None or short not in service.functions and short not in service.feeds:
            near = similar(q.method, self.offer.full)
            raise MethodNotFound(f"no {clip(q.method)}" + (f", did you mean {near}?" if near else ""),
                                 {"method": clip(q.method), **({"similar": near} if near else {})})
        if LEVELS[caller.level] < LEVELS[member.access]:
            raise Denied(f"{member.full} needs {member.access}", {"needs": member.access})
        if q.since is not None and member.kind != "topic":
            raise InvalidRequest("since is for topics", {"member": "since"})
        if self.draining:
            raise Draining("the service is stopping")
        window = None if member.kind == "method" else q.window
        if self.unsent() + self.size > LIMITS["queue"]:
            raise Busy("more than 8 MiB wait to be read", {"limit": "queue"})
        if window is None and self.running >= LIMITS["in_flight"]:
            raise Busy(f"over {LIMITS['in_flight']} calls in flight on one connection", {"limit": "in_flight"})
        if window is not None and self.subscriptions >= LIMITS["subscriptions"]:
            raise Busy(f"over {LIMITS['subscriptions']} subscriptions on one connection", {"limit": "subscriptions"})
        values = load_params(member.params, q.params)
        run = Run(self, q.id, key, service, member, values, window, q.since, q.timeout, caller)
        if member.kind in ("topic", "state", "table") and len(encode(q.params)) > LIMITS["key"]:
            raise errors.InvalidParams("params of 4 KiB at most", {"faults": [{"path": "", "reason": "at most 4096 bytes"}]})
        if window is None:
            self.running += 1
            self.stats.in_flight += 1
        else:
            self.subscriptions += 1
            self.stats.subscriptions += 1
        if key is None:
            run.answered = True  # a notification never is
        else:
            self.calls[key] = run
        if window is not None and member.kind in ("method", "stream"):
            self.streams[run] = None
        self.on_run(run)

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
                accept(**run.service.arguments(run.member.name, run.values))
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

    def _own(self, q: Request, short: str, caller: Caller) -> None:
        member = self.offer.own.members.get(short)
        if member is None:
            raise MethodNotFound(f"no {clip(q.method)}", {"method": clip(q.method)})
        if short not in ("ping", "info") and LEVELS[caller.level] < LEVELS["read"]:
            raise Denied(f"{q.method} needs read", {"needs": "read"})
        if self.unsent() + self.size > LIMITS["queue"]:
            raise Busy("more than 8 MiB wait to be read", {"limit": "queue"})
        values = load_params(member.params, q.params)
        result: Any = {}
        if short == "describe":
            result = self._describe(**values)
        elif short == "info":
            result = self._info(caller)
        elif short == "stats":
            result = self.stats.answer()
        if "id" in q.raw:
            self._answer(q.id, result=result)

    def _describe(self, service: Optional[str] = None, hash: Optional[str] = None) -> Dict[str, Any]:
        if service is not None and service != "rpc" and service not in self.offer.services:
            raise MethodNotFound(f"no service {clip(service)}", {"method": clip(service)})
        if hash == self.offer.hash:
            return {"hash": hash}
        trees = [s.description.tree for n, s in self.offer.services.items() if service in (None, n)]
        return {"hash": self.offer.hash, "services": [rpc.TREE] if service == "rpc" else trees}

    def _info(self, caller: Caller) -> Dict[str, Any]:
        services = []
        for s in self.offer.services.values():
            t = s.description.tree
            services.append({"name": t["name"], "version": t["version"], **({"doc": t["doc"].split("\n")[0]} if t.get("doc") else {})})
        you = {k: v for k, v in caller._asdict().items() if v is not None and k != "via"}
        if caller.via:
            you["via"] = list(caller.via)
        return {"protocol": 1, "features": [], "product": self.offer.product, "version": self.offer.version,
                "services": services, "limits": LIMITS, "you": you}

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
            self._answer(run.id, result=result)
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
        run.on_over()
        self.calls.pop(run.key, None)
        if self.streams:
            self.streams.pop(run, None)
        if run.reader is not None:
            run.reader.close()
            run.reader = None
            run.release()

    def released(self, run: Run) -> None:
        if run.window is None:
            self.running -= 1
            self.stats.in_flight -= 1
        else:
            self.subscriptions -= 1
            self.stats.subscriptions -= 1
        self._maybe_close()

    def _maybe_close(self) -> None:
        if (self.ended or self.draining) and not self.calls and not self.running:
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
                elif run.can_send:
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
        for run in list(self.calls.values()):
            self.refuse(run, Cancelled("the service is stopping"))
            run.on_end()

    def close(self) -> None:
        """The connection is gone: handlers are told to stop. [O7]"""
        self.closing = True
        self.stats.connections -= 1
        for run in list(self.calls.values()):
            self._over(run)
            run.on_end()


def _key(id: Any) -> Any:
    return (type(id), id) if isinstance(id, (int, str)) else None
