"""The service probe, which the vectors are conversations with (vectors/probe.sabir)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Dict, Iterator, List, Optional

try:
    from typing import Annotated
except ImportError:  # pragma: no cover
    raise SystemExit("Python 3.9 or later is needed")

import sabir
from sabir import Int64, Max, Min, Pattern, Uint64


@dataclass
class Number:
    n: int


class Colour(sabir.Enum):
    red = "red"
    green = "green"


@dataclass
class Circle:
    radius: Annotated[float, Min(0)]


@dataclass
class Square:
    side: Annotated[float, Min(0)]


class Shape(sabir.Union):
    circle: Circle
    square: Square


@dataclass
class All:
    bool_: bool
    int_: int
    int64: Annotated[int, Int64]
    uint64: Annotated[int, Uint64]
    float_: float
    string: str
    bytes_: bytes
    time: datetime
    any: Any
    list_: List[int]
    map: Dict[str, int]
    struct: Number
    enum: Colour
    union: Shape
    pattern: Annotated[str, Pattern("[a-z]{1,3}")]
    optional: Optional[str] = None


class How(sabir.Enum):
    declared = "declared"
    undeclared = "undeclared"
    panic = "panic"
    busy = "busy"


@dataclass
class TooMuch(sabir.Error):
    most: int

    def __str__(self) -> str:
        return f"more than {self.most}"


@dataclass
class Echoed:
    text: str
    n: Optional[int] = None


@dataclass
class Typed:
    v: All


@dataclass
class Released:
    released: bool


@dataclass
class Waited:
    waited: int


@dataclass
class Text:
    text: str


@dataclass
class Place:
    seq: int


def refuse_none(name: str) -> None:
    if name == "none":
        raise TooMuch(0)


def new() -> sabir.Service:
    """A probe with nothing in it."""
    s = sabir.Service("probe", "1.0", "What the vectors talk to: each member does one thing, at once and always the same.")
    waiting: Dict[str, List["asyncio.Future[None]"]] = {}
    last: Dict[str, int] = {}

    @s.method(readonly=True, doc="Answers with its params.")
    async def echo(text: Annotated[str, Max(10)], n: Annotated[Optional[int], Min(0), Max(99)] = None) -> Echoed:
        return Echoed(text, n)

    @s.method(idempotent=True, doc="Answers with a value that has every type.")
    async def types(v: All) -> Typed:
        return Typed(v)

    @s.method(doc="Takes nothing and has no result.")
    async def nothing() -> None:
        pass

    @s.method(doc="Ends when it is released or cancelled.")
    async def wait(name: str) -> Released:
        future = asyncio.get_running_loop().create_future()
        waiting.setdefault(name, []).append(future)
        try:
            await future
        finally:
            if future in waiting.get(name, []):
                waiting[name].remove(future)
        return Released(True)

    @s.method(doc="Lets all go on that wait under a name.")
    async def release(name: str) -> Waited:
        released = waiting.pop(name, [])
        for future in released:
            if not future.done():
                future.set_result(None)
        return Waited(len(released))

    @s.method(errors=[TooMuch], doc="Fails in the way asked for.")
    async def fail(how: How) -> None:
        if how == How.declared:
            raise TooMuch(7)
        if how == How.busy:
            raise sabir.Busy("busy")
        raise RuntimeError("a secret of the service")

    @s.method(doc="Answers with that many letters.")
    async def letters(n: Annotated[int, Min(0)]) -> Text:
        return Text("x" * n)

    @s.method(access="admin", doc="For administrators.")
    async def rule() -> None:
        pass

    @s.method(readonly=True, doc="Counts from 1.")
    def count(to: Annotated[int, Min(0)]) -> Iterator[Number]:
        return map(Number, range(1, to + 1))

    @s.method("bytes", readonly=True, doc="Gives that many bytes in pieces of at most 65536.")
    def pieces(n: Annotated[int, Min(0)]) -> Iterator[bytes]:
        while n > 0:
            size = min(n, 65536)
            yield bytes(size)
            n -= size

    tick = s.topic("tick", Number, {"name": str}, doc="What publish publishes.")

    @s.method(doc="Publishes the next numbers and tells the place of the last.")
    async def publish(name: str, times: Annotated[int, Min(1)]) -> Place:
        seq = 0
        for _ in range(times):
            last[name] = last.get(name, 0) + 1
            seq = tick.publish(Number(last[name]), name=name)
        return Place(seq)

    value = s.state("value", Number, {"name": str}, errors=[TooMuch], accept=refuse_none, doc='What set sets. The name "none" is refused.')

    @s.method("set", doc="Changes a value.")
    async def change(name: str, n: int) -> None:
        value.set(Number(n), name=name)

    rows = s.table("rows", Number, {"name": str}, doc="What put puts and drop drops.")

    @s.method(doc="Puts a row into a table.")
    async def put(name: str, key: str, n: int) -> None:
        rows.set(key, Number(n), name=name)

    @s.method(doc="Puts that many rows, with the keys k0, k1, ….")
    async def fill(name: str, rows_: Annotated[int, Min(0)]) -> None:
        for i in range(rows_):
            rows.set(f"k{i}", Number(i), name=name)

    @s.method(doc="Takes a row out of a table.")
    async def drop(name: str, key: str) -> None:
        rows.delete(key, name=name)

    return s
