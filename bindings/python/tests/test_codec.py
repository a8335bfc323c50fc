"""Values by their types, and messages by their bytes, against the vectors."""

from __future__ import annotations

import dataclasses
import os
import sys
import unittest
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, Dict, Iterator, List

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(here, ".."), os.path.join(here, "..", "peer")]
VECTORS = os.path.join(here, "..", "..", "..", "vectors")

import probe  # noqa: E402
from sabir import codec, scram, wire  # noqa: E402
from sabir.errors import Denied, InvalidParams, ParseError, TooLarge  # noqa: E402
from sabir.scalars import Faults, Unfit, scalar  # noqa: E402


class Frames(unittest.TestCase):
    def test_frames(self) -> None:
        with open(os.path.join(VECTORS, "frames.tsv"), encoding="utf-8", newline="\n") as f:
            rows = [line.rstrip("\n").split("\t") for line in f if not line.startswith("#")]
        played = 0
        for _, encoding, does, text, about in rows:
            if encoding != "json":
                continue
            played += 1
            with self.subTest(about):
                try:
                    m = wire.classify(wire.decode(text.encode()))
                    if isinstance(m, wire.Bad):
                        got = "refuse:" + m.error.params.get("member", "")
                    else:
                        got = "refuse:" if isinstance(m, wire.Response) and m.fault else "ok"
                except ParseError:
                    got = "close"
                self.assertEqual(got, does)
        self.assertGreater(played, 25)

    def test_lines(self) -> None:
        lines = wire.Lines(10)
        self.assertEqual(lines.feed(b"ab"), [])
        self.assertEqual(lines.feed(b"c\r\nd\n\ne"), [b"abc\r", b"d", b""])
        self.assertEqual(lines.last(), b"e")
        with self.assertRaises(TooLarge):
            lines.feed(b"x" * 11)


class Values(unittest.TestCase):
    def check(self, kind: str, good: Dict[Any, Any], bad: List[Any], **bounds: Any) -> None:
        c = scalar({"kind": kind, **bounds})
        for v, want in good.items():
            faults: Faults = []
            self.assertEqual((c.load(v, None, faults, True), faults), (want, []))
        for v in bad:
            faults = []
            c.load(v, None, faults, True)
            self.assertEqual(len(faults), 1, repr(v))

    def test_scalars(self) -> None:
        self.check("bool", {True: True}, [1, "true", None])
        self.check("int", {5: 5, 2.0: 2, 2 ** 53 - 1: 2 ** 53 - 1}, [1.5, True, "1", 2 ** 53, float("inf"), None], )
        self.check("int", {0: 0, 9: 9}, [-1, 10], min=0.0, max=9.0)
        self.check("int64", {"-5": -5, "9223372036854775807": 2 ** 63 - 1, 7: 7}, ["01", "+1", "-0", "", "1 ", "9223372036854775808", 1.5])
        self.check("uint64", {"18446744073709551615": 2 ** 64 - 1}, ["-1", "18446744073709551616"])
        self.check("float", {1: 1.0, 0.5: 0.5}, ["1", True, float("inf"), 2 ** 53])
        self.check("string", {"ää": "ää"}, ["äää", 1], max=2.0)
        self.check("string", {"abc": "abc"}, ["abcd", "", "ab\n"], pattern="[a-z]{1,3}")
        self.check("bytes", {"AP8Q": b"\0\xff\x10", "": b""}, ["AP8", "AP9=", "AP8Q\n", "-_8=", 1, "ä"])
        noon = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)
        self.check("time", {"2026-11-23T12:00:00Z": noon, "2026-11-23T12:00:00.5Z": noon + timedelta(seconds=0.5)}, [
            "2026-11-23T12:00:00+00:00", "2026-11-23T12:00:00", "2026-11-23 12:00:00Z", "2026-02-30T12:00:00Z", "2026-11-23T12:00:60Z", "2026-11-23T12:00:00.0123456789Z"])

    def test_written(self) -> None:
        time = scalar({"kind": "time"})
        self.assertEqual(time.dump(datetime(2026, 1, 2, 3, 4, 5, 120000, timezone.utc)), "2026-01-02T03:04:05.12Z")
        self.assertEqual(time.dump(datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=2)))), "2026-01-02T01:00:00Z")
        for kind, v in (("time", datetime(2026, 1, 1)), ("int", True), ("int", "1"), ("uint64", -1), ("bytes", "x"), ("any", {1: 2}), ("any", 2 ** 53)):
            with self.assertRaises(Unfit, msg=f"{kind} {v!r}"):
                scalar({"kind": kind}).dump(v)

    def test_paths(self) -> None:
        params = probe.new().description.member("types").params
        with self.assertRaises(InvalidParams) as caught:
            codec.load_params(params, {"v": {"list": [1, "x"], "map": {'a "b': "y"}, "__proto__": 1}})
        paths = [f["path"] for f in caught.exception.faults]
        self.assertEqual(paths[:3], ["v.list[1]", 'v.map["a \\"b"]', "v.__proto__"])
        self.assertEqual(len(paths), 8)


class Straight(unittest.TestCase):
    """The straight path of a codec takes nothing that the slow one would not, and makes the same of it."""

    types = probe.new().description.member("types").params
    good: Dict[str, Any] = {
        "bool": True, "int": 2, "int64": "9007199254740993", "uint64": "1", "float": 1.5, "string": "ä", "bytes": "AP8Q", "time": "2026-11-23T12:00:00Z",
        "any": {"a": [1, None]}, "list": [1, 2], "map": {"a": 1}, "struct": {"n": 1}, "enum": "red", "union": {"type": "circle", "radius": 1.0},
        "pattern": "abc", "optional": "there"}
    odd: List[Any] = [None, True, 0, -1, 1.0, 1.5, "", "x", "red", "2", "AP8Q", [], [1], ["x"], {}, {"n": 1}, {"n": 1, "m": 1}, {"n": None}, {"a": 1},
                      {"type": "circle"}, {"type": "none"}, {"type": "square", "side": -1}, {"type": []}, [[]], float("nan"), 2 ** 60]

    def values(self) -> Iterator[Any]:
        yield from self.odd
        yield self.good
        yield {**self.good, "more": 1}
        for name in self.good:
            yield {k: v for k, v in self.good.items() if k != name}
            for v in self.odd:
                yield {**self.good, name: v}

    def test_read(self) -> None:
        fits = 0
        for v in self.values():
            with self.subTest(repr(v)):
                faults: Faults = []
                slow = self.types.load({"v": v}, None, faults, True)
                try:
                    straight = self.types.read({"v": v})
                except Exception:
                    continue
                fits += 1
                self.assertEqual((straight, faults), (slow, []))
        self.assertGreater(fits, 40)

    def test_write(self) -> None:
        made = self.types.read({"v": self.good})["v"]
        fits = 0
        for name in ("bool_", "int_", "string", "bytes_", "any", "list_", "map", "struct", "enum", "union", "pattern", "optional"):
            for v in (*self.odd, getattr(made, name)):
                value = {"v": dataclasses.replace(made, **{name: v})}
                with self.subTest(repr(value)):
                    try:
                        straight = self.types.write(value)
                    except Exception:
                        continue
                    fits += 1
                    self.assertEqual(straight, self.types.dump(value))
        self.assertGreater(fits, 20)

    def test_order(self) -> None:
        """What is written stands in declared order, whatever is optional."""
        fields = [{"name": n, "type": {"kind": "int"}, "optional": n in "bd"} for n in "abcd"]
        for cls in (None, dataclasses.make_dataclass("Four", list("abcd"))):
            struct = codec.Types({}, {}).struct(fields, cls)
            all: List[Dict[str, Any]] = [{"a": 1, "b": 2, "c": 3, "d": 4}, {"a": 1, "c": 3}]
            for v in all:
                value = v if cls is None else cls(**{"b": None, "d": None, **v})
                self.assertEqual(list(struct.write(value).items()), list(v.items()))
                self.assertEqual(struct.read(v), value)


class Depth(unittest.TestCase):
    """What has more than 64 levels, or has itself in it, is refused before it is sent. [M14]"""

    def test_in_itself(self) -> None:
        every = scalar({"kind": "any"})
        loop: List[Any] = [1]
        loop.append({"again": [loop, loop]})
        ways: List[Callable[[], Any]] = [
            lambda: every.dump(loop), lambda: every.write(loop), lambda: wire.encode({"v": loop}),
            lambda: wire.encode_request(1, "a.b", {"v": loop}, 100), lambda: wire.encode_result(1, loop, True)]
        for way in ways:
            with self.assertRaisesRegex(ValueError, "levels|in itself"):
                way()

    def test_levels(self) -> None:
        def nested(levels: int) -> Any:
            v: Any = []
            for _ in range(levels - 1):
                v = [v]
            return v
        line = wire.encode({"v": nested(63)})
        self.assertEqual(wire.decode(line), {"v": nested(63)})
        with self.assertRaisesRegex(ValueError, "more than 64 levels"):
            wire.encode({"v": nested(64)})
        every = scalar({"kind": "any"})
        self.assertEqual(every.dump(nested(64)), nested(64))
        with self.assertRaisesRegex(Unfit, "more than 64 levels"):
            every.dump(nested(65))
        for flat in ("[" * 100, "[]" * 100, "][" * 100, [{"a": [1]}] * 100, ["[" * 70, [nested(40)]]):  # brackets in a text are no levels
            self.assertEqual(wire.decode(wire.encode({"v": flat})), {"v": flat})
        for deep in (b'{"v":%s}' % (b"[" * 64 + b"]" * 64), b'{"v":"]","w":%s}' % (b'{"a":' * 64 + b"1" + b"}" * 64)):
            with self.assertRaisesRegex(ParseError, "more than 64 levels"):
                wire.decode(deep)


class Exchange(unittest.TestCase):
    """The exchanges of vectors/scram.tsv at the side of the client. [K5] [K8] [K9]"""

    def test_vectors(self) -> None:
        played = 0
        with open(os.path.join(VECTORS, "scram.tsv"), encoding="utf-8") as f:
            rows = [line.rstrip("\n").split("\t") for line in f if not line.startswith("#")]
        for _, does, binding, id, secret, _, _, nonce, _, m1, m2, m3, m4, about in rows:
            if does not in ("ok", "refuse:server-first", "refuse:server-final"):
                continue
            played += 1
            with self.subTest(about):
                s = scram.Scram(id, secret, None if binding == "-" else bytes.fromhex(binding), nonce)
                self.assertEqual(s.first(), m1)
                if does == "refuse:server-first":
                    with self.assertRaises(Denied):
                        s.final(m2.replace("\\x01", "\x01"))
                    continue
                self.assertEqual(s.final(m2), m3)
                if does == "ok":
                    s.check(m4)
                else:
                    with self.assertRaises(Denied):
                        s.check(m4)
        self.assertGreater(played, 10)


if __name__ == "__main__":
    unittest.main()
