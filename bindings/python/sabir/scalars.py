"""Codecs of the types that have no parts: numbers, texts, bytes, times, any."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, List, Optional, Tuple

from .tree import Tree
from .wire import INF, MAX_DEPTH, MAX_INT

# Where a value is: the path of what it is in, and its own step.
Path = Optional[Tuple[Any, Any]]
Faults = List[Tuple[Path, str]]


class Unfit(ValueError):
    """A value of the program's own does not fit its declared type."""


class Codec:
    """Any value, as it is: the type `any`, and the base of the others.

    `read` and `write` are the straight path, for values that fit; what they raise says only that one does not. `load`
    and `dump` go the same ways slowly, and tell what is wrong where."""

    read: Callable[[Any], Any]
    write: Callable[[Any], Any]

    def __init__(self) -> None:
        self.read = self.write = _any

    def load(self, v: Any, at: Path, faults: Faults, strict: bool) -> Any:
        fault = _foreign(v)
        if fault:
            faults.append((at, fault))
        return v

    def dump(self, v: Any) -> Any:
        fault = _foreign(v)
        if fault:
            raise Unfit(fault)
        return v


_surrogate = re.compile("[\\ud800-\\udfff]")


def _any(v: Any) -> Any:
    fault = _foreign(v)
    if fault:
        raise Unfit(fault)
    return v


def _foreign(v: Any) -> str:
    """What is wrong with a value of type any, or ''. [T1]"""
    rest = [(v, 0)]  # with how deep each is in lists and maps
    while rest:
        v, depth = rest.pop()
        if v is None or isinstance(v, bool):
            continue
        if isinstance(v, str):
            if not v.isascii() and _surrogate.search(v):
                return "a text with half a surrogate pair"
        elif isinstance(v, int):
            if not -MAX_INT <= v <= MAX_INT:
                return "an integer beyond ±(2^53-1)"
        elif isinstance(v, float):
            if not -INF < v < INF:
                return "a number that no float holds"
        elif not isinstance(v, (list, tuple, dict)):
            return f"no JSON has {type(v).__name__}"
        elif depth == MAX_DEPTH:  # or it is in itself [M14]
            return f"more than {MAX_DEPTH} levels"
        elif isinstance(v, dict):
            if not all(isinstance(k, str) for k in v):
                return "a map whose keys are no texts"
            rest.extend((e, depth + 1) for e in v)
            rest.extend((e, depth + 1) for e in v.values())
        else:
            rest.extend((e, depth + 1) for e in v)
    return ""


class Scalar(Codec):
    """A type whose values are checked by one function: it returns the Python value or raises ValueError."""

    def __init__(self, read: Callable[[Any], Any], write: Callable[[Any], Any]) -> None:
        self.read, self.write = read, write

    def load(self, v: Any, at: Path, faults: Faults, strict: bool) -> Any:
        try:
            return self.read(v)
        except ValueError as e:
            faults.append((at, str(e)))
            return v

    def dump(self, v: Any) -> Any:
        try:
            return self.write(v)
        except (ValueError, TypeError, OverflowError, BufferError) as e:
            raise Unfit(str(e)) from None


def _number(x: float) -> str:
    return str(int(x)) if x == int(x) else repr(x)


def bounded(read: Callable[[Any], Any], t: Tree, measure: Optional[Callable[[Any], float]], unit: str) -> Callable[[Any], Any]:
    least, most = t.get("min"), t.get("max")
    if least is None and most is None:
        return read

    def checked(v: Any) -> Any:
        x = read(v)
        n = x if measure is None else measure(x)
        for bound, word, beyond in ((least, "at least", least is not None and n < least), (most, "at most", most is not None and n > most)):
            if beyond and bound is not None:
                raise ValueError(f"{word} {_number(bound)}{_unit(unit, bound)}, got {_number(n)}")
        return x
    return checked


def _unit(unit: str, n: float) -> str:
    return "" if not unit else f" {unit}" if n == 1 else f" {unit}s"


def expected(what: str, v: Any) -> ValueError:
    got = {dict: "an object", list: "a list", str: "a text", bool: "a bool", int: "an integer", float: "a number", type(None): "null"}
    return ValueError(f"expected {what}, got {got.get(type(v), type(v).__name__)}")


def _bool(v: Any) -> bool:
    if v is True or v is False:
        return bool(v)
    raise expected("a bool", v)


def _int(v: Any) -> int:
    if type(v) is int and -MAX_INT <= v <= MAX_INT:  # nearly always
        return v
    if type(v) is float and v == v and -INF < v < INF and v == int(v):
        v = int(v)
    if isinstance(v, bool) or not isinstance(v, int):
        raise expected("an integer", v)
    if not -MAX_INT <= v <= MAX_INT:
        raise ValueError("an integer beyond ±(2^53-1)")
    return int(v)


def _float(v: Any) -> float:
    if isinstance(v, bool) or not isinstance(v, (int, float)):
        raise expected("a number", v)
    if isinstance(v, int) and not -MAX_INT <= v <= MAX_INT:
        raise ValueError("an integer beyond ±(2^53-1)")
    if not -INF < v < INF:
        raise ValueError("a number that no float holds")
    return float(v)


def string(v: Any) -> str:
    """A text; half a surrogate pair, as Python has it in names of files that are no UTF-8, is no Unicode. [M14]"""
    if not isinstance(v, str):
        raise expected("a text", v)
    if not v.isascii() and _surrogate.search(v):
        raise ValueError("a text with half a surrogate pair")
    return v


_decimal = re.compile(r"0|-?[1-9][0-9]*")


def _wide(least: int, most: int) -> Callable[[Any], int]:
    def read(v: Any) -> int:
        if isinstance(v, str):
            if len(v) > 20 or not _decimal.fullmatch(v):
                raise ValueError("expected decimal text")
            n = int(v)
        else:
            n = _int(v)
        if not least <= n <= most:
            raise ValueError(f"beyond {least} to {most}")
        return n
    return read


def _write_wide(least: int, most: int) -> Callable[[Any], str]:
    def write(v: Any) -> str:
        if isinstance(v, bool) or not isinstance(v, int):
            raise expected("an integer", v)
        if not least <= v <= most:
            raise ValueError(f"beyond {least} to {most}")
        return str(v)
    return write


def _read_bytes(v: Any) -> bytes:
    if isinstance(v, str):
        try:
            data = b64decode(v.encode("ascii"), validate=True)
        except ValueError:
            data = None
        if data is not None and b64encode(data).decode() == v:  # or there are stray bits or no padding
            return data
    raise ValueError("expected padded base64 text")


def _write_bytes(v: Any) -> str:
    return b64encode(v).decode()


_time = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)


def _read_time(v: Any) -> datetime:
    m = _time.fullmatch(v) if isinstance(v, str) else None
    if m is None:
        raise ValueError("expected a time in UTC, as 2006-01-02T15:04:05Z")
    *parts, fraction = m.groups()
    try:
        return datetime(*map(int, parts), int((fraction or "").ljust(6, "0")[:6]), tzinfo=timezone.utc)  # type: ignore[misc, arg-type]
    except ValueError as e:
        raise ValueError(f"no such time: {e}") from None


def _write_time(v: Any) -> str:
    if not isinstance(v, datetime):
        raise expected("a datetime", v)
    if v.utcoffset() is None:
        raise ValueError("a time without a zone")
    utc = v - (v.utcoffset() or timedelta(0))
    text: str = utc.replace(tzinfo=None).isoformat()
    return (text.rstrip("0") if "." in text else text) + "Z"


def scalar(t: Tree) -> Codec:
    kind = t["kind"]
    if kind == "bool":
        return Scalar(_bool, _bool)
    if kind == "int":
        read = bounded(_int, t, None, "")
        return Scalar(read, read)
    if kind in ("int64", "uint64"):
        least, most = (-2 ** 63, 2 ** 63 - 1) if kind == "int64" else (0, 2 ** 64 - 1)
        return Scalar(bounded(_wide(least, most), t, None, ""), _write_wide(least, most))
    if kind == "float":
        read = bounded(_float, t, None, "")
        return Scalar(read, read)
    if kind == "string":
        read = bounded(string, t, len, "character")
        if t.get("pattern"):
            read = _matching(read, t["pattern"])
        return Scalar(read, read)
    if kind == "bytes":
        return Scalar(bounded(_read_bytes, t, len, "byte"), _write_bytes)
    if kind == "time":
        return Scalar(_read_time, _write_time)
    return Codec()  # any, and kinds from the future [D3]


def _matching(read: Callable[[Any], Any], pattern: str) -> Callable[[Any], Any]:
    compiled = re.compile(pattern, re.DOTALL)

    def checked(v: Any) -> Any:
        v = read(v)
        if not compiled.fullmatch(v):
            raise ValueError(f"does not match {pattern}")
        return v
    return checked
