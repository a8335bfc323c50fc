"""Topics, states and tables: what is kept, and where each subscriber is in it (spec/streams.md).

Any thread may publish. What subscribers are told is taken by the connection, one item at a time, when there is credit
for it: nothing is queued but positions and keys."""

from __future__ import annotations

import json
import logging
import secrets
import threading
import time
from collections import OrderedDict, deque
from typing import Any, Callable, Deque, Dict, Generic, List, Optional, Set, Tuple, TypeVar

from .codec import dump_value
from .errors import Busy
from .scalars import Codec

log = logging.getLogger("sabir")

RING_ITEMS = 1024
RING_BYTES = 1 << 20
MAX_RINGS = 1024
INTEREST = 60.0  # seconds that a topic is kept beyond its last subscriber [S15]
BACKLOG = 1024

T = TypeVar("T")
Wake = Callable[[], None]


def key_of(params: Dict[str, Any]) -> str:
    """One text for each distinct params value: what is absent and what is null are the same. [S9]"""
    return json.dumps(_present(params), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _present(v: Any) -> Any:
    if isinstance(v, dict):
        return {k: _present(e) for k, e in v.items() if e is not None}
    if isinstance(v, list):
        return [_present(e) for e in v]
    return v


class Feed:
    """What is common to the three: the subscribers of each params value."""

    max_rings = MAX_RINGS  # so many values of the params may be in use by who listens

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.item: Codec = Codec()
        self.key: Callable[[Dict[str, Any]], str] = key_of
        self.on_listeners: Optional[Callable[..., None]] = None
        self.by_key: Dict[str, Set["Reader"]] = {}
        self.params_of: Dict[str, Dict[str, Any]] = {}

    def add(self, reader: "Reader") -> None:
        readers = self.by_key.setdefault(reader.key, set())
        if not readers and len(self.by_key) > self.max_rings:
            del self.by_key[reader.key]
            raise Busy(f"over {self.max_rings} values of the params are listened to", {"limit": "rings"})
        readers.add(reader)
        if len(readers) == 1:
            self._hear(True, reader)

    def remove(self, reader: "Reader") -> None:
        with self.lock:
            readers = self.by_key.get(reader.key, set())
            readers.discard(reader)
            if not readers and self.by_key.pop(reader.key, None) is not None:
                self.idle(reader.key)
                self._hear(False, reader)

    def _hear(self, listening: bool, reader: "Reader") -> None:
        """Tells the program who listens. It is asked nothing, so what it raises goes to the log and harms no subscriber."""
        try:
            if self.on_listeners:
                self.on_listeners(listening=listening, **reader.params)
        except Exception:
            log.exception("on_listeners(listening=%s) failed", listening)

    def idle(self, key: str) -> None:
        """The last subscriber of these params is gone."""

    def wake(self, key: str) -> None:
        for reader in self.by_key.get(key, ()):
            reader.wake()

    def listeners(self, **params: Any) -> int:
        """How many subscribers there are for these params."""
        with self.lock:
            return len(self.by_key.get(self.key(params), ()))


class Reader:
    """A subscriber's place. `next` gives what it is told next: (method, params without id), or None."""

    feed: Feed
    key: str
    params: Dict[str, Any]
    wake: Wake

    def __init__(self, feed: Feed, params: Dict[str, Any], wake: Wake) -> None:
        self.feed, self.params, self.key, self.wake = feed, params, feed.key(params), wake

    def next(self, credit: bool) -> Optional[Tuple[str, Dict[str, Any]]]:
        raise NotImplementedError

    def poll(self) -> Any:
        """The answer to a plain request; None: not yet."""
        raise NotImplementedError

    def close(self) -> None:
        self.feed.remove(self)


class Ring:
    """The last items of a topic with one value of its params."""

    def __init__(self) -> None:
        self.epoch = secrets.token_urlsafe(9)
        self.seq = 0  # of the newest
        self.items: Deque[Tuple[Any, int]] = deque()
        self.bytes = 0
        self.left = time.monotonic()  # when the last subscriber went

    def push(self, item: Any) -> None:
        size = len(json.dumps(item, ensure_ascii=False))
        self.items.append((item, size))
        self.seq += 1
        self.bytes += size
        while len(self.items) > RING_ITEMS or self.bytes > RING_BYTES and len(self.items) > 1:
            self.bytes -= self.items.popleft()[1]

    @property
    def first(self) -> int:
        return self.seq - len(self.items) + 1


class Topic(Feed, Generic[T]):
    """Things that happen. A subscriber gets those from now on, or from a position on."""

    def __init__(self) -> None:
        super().__init__()
        self.rings: Dict[str, Ring] = {}

    def publish(self, item: T, /, **params: Any) -> int:
        """Tells the subscribers, and the position of the item: 0 if nobody is interested, which costs nothing."""
        key = self.key(params)
        with self.lock:
            ring = self._ring(key)
            if ring is None:
                return 0
            ring.push(dump_value(self.item, item))
            self.wake(key)
            return ring.seq

    def _ring(self, key: str) -> Optional[Ring]:
        ring = self.rings.get(key)
        if ring is not None and key not in self.by_key and time.monotonic() - ring.left > INTEREST:
            del self.rings[key]
            return None
        return ring

    def idle(self, key: str) -> None:
        self.rings[key].left = time.monotonic()

    def open(self, key: str) -> Ring:
        ring = self._ring(key)
        if ring is None:
            if len(self.rings) >= self.max_rings:
                for k in [k for k in self.rings if self._ring(k) is None]:
                    self.rings.pop(k, None)
            if len(self.rings) >= self.max_rings:
                raise Busy(f"over {self.max_rings} values of the params are listened to", {"limit": "rings"})
            ring = self.rings[key] = Ring()
        return ring


class TopicReader(Reader):
    def __init__(self, feed: "Topic[Any]", params: Dict[str, Any], wake: Wake, since: Optional[Tuple[str, int]]) -> None:
        super().__init__(feed, params, wake)
        with feed.lock:
            self.ring = ring = feed.open(self.key)
            self.live = False
            self.lost = 0
            self.tell_epoch = False
            self.since = since is not None
            self.upto = self.at = ring.seq  # rpc.live comes when at has reached upto
            if since is not None:
                if since[0] != ring.epoch or not 0 <= since[1] <= ring.seq:
                    self.lost, self.at, self.tell_epoch = -1, ring.first - 1, True
                else:
                    self.at = since[1]
            feed.add(self)

    def _catch_up(self) -> None:
        if self.at < self.ring.first - 1:
            if self.lost >= 0:
                self.lost += self.ring.first - 1 - self.at
            self.at = self.ring.first - 1

    def next(self, credit: bool) -> Optional[Tuple[str, Dict[str, Any]]]:
        with self.feed.lock:
            self._catch_up()
            if not self.live and self.at >= self.upto:
                self.live = True
                lost, self.lost = self.lost, 0
                return "rpc.live", {"epoch": self.ring.epoch, "seq": self.at, "lost": lost}
            if not credit or self.at >= self.ring.seq:
                return None
            self.at += 1
            told: Dict[str, Any] = {"seq": self.at}
            if self.tell_epoch:
                told["epoch"], self.tell_epoch = self.ring.epoch, False
            if self.lost:
                told["lost"], self.lost = self.lost, 0
            told["value"] = self.ring.items[self.at - self.ring.first][0]
            return "rpc.item", told

    def poll(self) -> Any:
        with self.feed.lock:
            self._catch_up()
            if self.at >= self.ring.seq and not (self.since and self.lost):
                return None
            items = [item for item, _ in list(self.ring.items)[self.at - self.ring.first + 1:]]
            return {"epoch": self.ring.epoch, "seq": self.ring.seq, "lost": self.lost, "items": items}


class State(Feed, Generic[T]):
    """One value that changes. A subscriber gets the value now, then each change, a slow one only the newest."""

    def __init__(self) -> None:
        super().__init__()
        self.values: Dict[str, Any] = {}

    def set(self, value: T, /, **params: Any) -> None:
        """Changes the value; the same again is no change."""
        key, new = self.key(params), dump_value(self.item, value)
        with self.lock:
            if key in self.values and self.values[key] == new:
                return
            self.values[key] = new
            for reader in self.by_key.get(key, ()):
                assert isinstance(reader, StateReader)
                reader.fresh = True
                reader.wake()

    def clear(self, **params: Any) -> None:
        """Takes the value away."""
        with self.lock:
            self.values.pop(self.key(params), None)


class StateReader(Reader):
    def __init__(self, feed: "State[Any]", params: Dict[str, Any], wake: Wake) -> None:
        super().__init__(feed, params, wake)
        self.live = False
        with feed.lock:
            self.values = feed.values
            self.fresh = self.key in feed.values
            feed.add(self)

    def next(self, credit: bool) -> Optional[Tuple[str, Dict[str, Any]]]:
        with self.feed.lock:
            if self.fresh and self.key in self.values:
                if not credit:
                    return None
                self.fresh = False
                return "rpc.item", {"value": self.values[self.key]}
            if not self.live:
                self.live = True
                return "rpc.live", {}
            return None


class Table(Feed, Generic[T]):
    """Many values by key. A subscriber gets all rows, then changes by key, a slow one the newest of each."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: Dict[str, Dict[str, Any]] = {}

    def set(self, row: str, value: T, /, **params: Any) -> None:
        """Puts a row, called row, into the table."""
        key, new = self.key(params), dump_value(self.item, value)
        with self.lock:
            rows = self.tables.setdefault(key, {})
            if row in rows and rows[row] == new:
                return
            rows[row] = new
            self._changed(key, row, len(rows))

    def delete(self, row: str, /, **params: Any) -> bool:
        """Takes a row out; False if it was not there."""
        key = self.key(params)
        with self.lock:
            rows = self.tables.get(key, {})
            if row not in rows:
                return False
            del rows[row]
            if not rows:
                del self.tables[key]
            self._changed(key, row, len(rows))
            return True

    def _changed(self, key: str, row: str, count: int) -> None:
        for reader in self.by_key.get(key, ()):
            assert isinstance(reader, TableReader)
            reader.add(row, max(BACKLOG, count))
            reader.wake()


class TableReader(Reader):
    def __init__(self, feed: "Table[Any]", params: Dict[str, Any], wake: Wake) -> None:
        super().__init__(feed, params, wake)
        self.live = self.reset = False
        self.waiting: "OrderedDict[str, None]" = OrderedDict()
        self.snapshot: Set[str] = set()
        with feed.lock:
            self.tables = feed.tables
            self._fill()
            feed.add(self)

    def _fill(self) -> None:
        rows = sorted(self.tables.get(self.key, {}))
        self.waiting = OrderedDict.fromkeys(rows)
        self.snapshot = set(rows)

    def add(self, row: str, most: int) -> None:
        if self.reset or row in self.waiting:
            return
        if len(self.waiting) - len(self.snapshot) >= most:
            self.reset = True
            self.waiting.clear()
            self.snapshot.clear()
        else:
            self.waiting[row] = None

    def next(self, credit: bool) -> Optional[Tuple[str, Dict[str, Any]]]:
        with self.feed.lock:
            if self.reset:
                if not credit:
                    return None
                self._fill()
                self.reset = self.live = False
                return "rpc.item", {"reset": True}
            rows = self.tables.get(self.key, {})
            while self.waiting and (self.live or self.snapshot):
                row = next(iter(self.waiting))
                if row in self.snapshot and row not in rows:  # gone before it was told
                    self.snapshot.discard(row)
                    del self.waiting[row]
                    continue
                if not credit:
                    return None
                del self.waiting[row]
                self.snapshot.discard(row)
                if row in rows:
                    return "rpc.item", {"key": row, "value": rows[row]}
                return "rpc.item", {"key": row, "gone": True}
            if not self.live:
                self.live = True
                return "rpc.live", {}
            return None


def rows_of(feed: "Table[Any]", params: Dict[str, Any]) -> List[Dict[str, Any]]:
    """The answer to a plain request."""
    with feed.lock:
        return [{"key": k, "value": v} for k, v in sorted(feed.tables.get(feed.key(params), {}).items())]
