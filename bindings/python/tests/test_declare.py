"""What a program says that it offers: what is not clear is refused where it stands, and what is said is kept."""

from __future__ import annotations

import copy
import dataclasses
import enum
import pickle
import unittest
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, Dict, Iterator, List, Optional

from support import Serving

import sabir

SERVICE = """
import dataclasses, sabir
from typing import Iterator, Optional

@dataclasses.dataclass
class Said:
    text: str

s = sabir.Service("said")

@s.method
def level(to: int = 3, by: "Optional[str]" = "me") -> Said:
    return Said(f"{to} {by}")

@s.method
def mute(why: Optional[str]) -> Said:
    return Said(repr(why))

@s.method
async def later(from_: Optional[int], import_: int = 1) -> Said:
    return Said(f"{from_} {import_}")

@s.method
def up(to: int = 2) -> Iterator[int]:
    yield from range(to)

def accept(room):
    if room is None:
        raise sabir.Denied("no room")

news = s.topic("news", str, params={"room": Optional[str]}, accept=accept)
sabir.serve(s)
"""


@dataclasses.dataclass
class Point:
    x: int


@dataclasses.dataclass
class Full(sabir.Error):
    pass


class TestDeclare(Serving):
    def test_refused(self) -> None:
        def unnamed(x): ...  # type: ignore[no-untyped-def]
        def rest(*x: int) -> None: ...
        def number() -> int: return 1
        def numbers() -> List[int]: return []
        def shape(p: Dict[int, str]) -> None: ...
        def camel(roomName: str) -> None: ...
        def text(n: int = "3") -> None: ...  # type: ignore[assignment]
        def room(name: str) -> None: ...
        def more(name: str, x: int) -> None: ...
        def none() -> None: ...
        def Upper() -> None: ...
        where = r"TestDeclare.test_refused.<locals>."
        cases: Dict[str, Callable[[sabir.Service], Any]] = {
            where + "unnamed, parameter x: expected a name and a type": lambda s: s.method(unnamed),
            where + "rest, parameter x: expected a name and a type": lambda s: s.method(rest),
            where + "number: returns int, expected a data class, None, or an Iterator for a stream": lambda s: s.method(number),
            where + "numbers: returns typing.List[int], expected a data class, None, or an Iterator for a stream": lambda s: s.method(numbers),
            where + "shape, parameter p: typing.Dict[int, str]: expected a type that the protocol has; see help(sabir.hints)": lambda s: s.method(shape),
            where + "camel, parameter roomName: roomName: expected a name of small letters, digits and _, a letter first": lambda s: s.method(camel),
            "Upper: expected a name of small letters, digits and _, a letter first": lambda s: s.method(Upper),
            "two members are called none": lambda s: (s.method(none), s.topic("none", int)),
            "none: ValueError is no subclass of sabir.Error": lambda s: s.method(errors=[ValueError])(none),  # type: ignore[list-item]
            "news: <class 'complex'>: expected a type that the protocol has; see help(sabir.hints)": lambda s: s.topic("news", complex),
            "text: n = '3': expected an integer, got a text": lambda s: (s.method(text), s.description),
        }
        for message, declare in cases.items():
            with self.subTest(message), self.assertRaises(TypeError) as refused:
                declare(sabir.Service("s"))
            self.assertEqual(str(refused.exception), message)
        given = sabir.Service("s")
        given.method(room)
        misfits: Dict[str, Callable[..., Any]] = {
            where + "number: expected a parameter name": number,
            where + "unnamed: expected a parameter name": unnamed,
            where + "more: nothing is given for its parameter x": more,
        }
        for message, function in misfits.items():
            with self.subTest(message), self.assertRaises(TypeError) as refused:
                sabir.Service("s", description=given.description).implement("room", function)
            self.assertEqual(str(refused.exception), message)
            with self.subTest(message), self.assertRaises(TypeError) as refused:
                sabir.Service("s").topic("news", int, {"name": str}, accept=function)
            self.assertEqual(str(refused.exception), message)
        with self.assertRaisesRegex(TypeError, "^My Service: expected a name"):
            sabir.Service("My Service")

    def test_bare(self) -> None:
        s = sabir.Service("s")

        @s.method
        def move(to: Point, by: Optional[int] = None, far: bool = True) -> Iterator[Point]:
            yield to

        @s.method("stop", errors=[Full])
        def halt() -> None: ...

        @s.method
        def import_() -> None: ...
        self.assertEqual([m["name"] for m in s.description.tree["members"]], ["move", "stop", "import"])
        self.assertEqual(s.description.member("move").tree["params"], [
            {"name": "to", "type": {"kind": "named", "name": "Point"}},
            {"name": "by", "type": {"kind": "int"}, "optional": True},
            {"name": "far", "type": {"kind": "bool"}, "optional": True, "default": True}])

    def test_set_before(self) -> None:
        """What a state or table has may be set before the service is served, by the same rules as later."""
        s = sabir.Service("s")
        state, table = s.state("where", Point, {"room": str}), s.table("times", datetime)
        state.set(Point(1), room="dev")
        table.set("noon", datetime(2000, 1, 1, 12, tzinfo=timezone.utc))
        for value, params in ((Full(), {"room": "dev"}), (Point(1), {"romo": "dev"})):
            with self.assertRaises(sabir.Unfit):
                state.set(value, **params)
        s.state("more", int)
        before = (dict(state.values), dict(table.tables))
        self.assertEqual(before, ({'{"room":"dev"}': {"x": 1}}, {"{}": {"noon": "2000-01-01T12:00:00Z"}}))
        s.description.hash()
        state.set(Point(2), room="dev")
        self.assertEqual(state.values, {'{"room":"dev"}': {"x": 2}})

    def test_own_values(self) -> None:
        """What a program gives and its type has not is Unfit, whatever Python raises for it."""
        class Light(sabir.Enum):
            red = "red"

        class Other(str, enum.Enum):
            red = "red"
        s = sabir.Service("s")
        light, when, data, ages = s.state("light", Light), s.state("when", datetime), s.state("data", bytes), s.state("ages", Dict[str, int])
        east = timezone(timedelta(hours=1))
        for state, wrong in ((light, ""), (light, "Red One"), (when, datetime.min.replace(tzinfo=east)), (when, 1.5),
                             (data, memoryview(b"abcd")[::2]), (data, "a"), (ages, {1: 1})):
            with self.subTest(wrong), self.assertRaises(sabir.Unfit):
                state.set(wrong)
        for state, right, sent in ((light, Other.red, "red"), (light, "of_the_future", "of_the_future"), (data, bytearray(b"a"), "YQ==")):
            state.set(right)
            self.assertEqual(state.values, {"{}": sent})

    def test_errors_travel(self) -> None:
        """Errors go from process to process, and are the same when they come from the wire."""
        @dataclasses.dataclass(frozen=True)
        class Frozen(sabir.Error):
            n: int
        described = sabir.Description({"name": "s", "members": [], "errors": [
            {"name": "Frozen", "fields": [{"name": "n", "type": {"kind": "int"}}]}]}, errors={"Frozen": Frozen})
        e = described.exception(sabir.Refused("so", {"n": 3}, name="s.Frozen"))
        globals()["Frozen"] = Frozen
        Frozen.__qualname__ = "Frozen"
        for made in (e, copy.copy(e), pickle.loads(pickle.dumps(e))):
            assert isinstance(made, Frozen)
            self.assertEqual((made.n, str(made)), (3, "so"))

    def test_no_caller(self) -> None:
        with self.assertRaisesRegex(LookupError, "is for handlers"):
            sabir.caller()

    def test_absent(self) -> None:
        self.serve("said", SERVICE)
        with sabir.connect("said") as c:
            said = {"said.level": "3 me", "said.mute": "None", "said.later": "None 1"}
            for method, text in said.items():
                self.assertEqual(c.call(method)["text"], text)
            self.assertEqual(c.call("said.level", to=4, by=None)["text"], "4 me")
            self.assertEqual(c.call("said.later", {"from": 7, "import": 8})["text"], "7 8")
            self.assertEqual(list(c.items("said.up")), [0, 1])
            with self.assertRaises(sabir.Denied):
                next(c.watch("said.news"))


if __name__ == "__main__":
    unittest.main()
