"""Messages as lines of strict JSON (spec/messages.md, spec/framings.md). Nothing here reads or writes."""

from __future__ import annotations

import json
import re
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Tuple, Union

from .errors import InvalidRequest, ParseError, Refused, TooLarge

MAX_INT = 2 ** 53 - 1
MAX_DEPTH = 64
MAX_MESSAGE = 4 << 20
INF = float("inf")

Id = Union[int, str]


class Request(NamedTuple):
    id: Optional[Id]  # None: a notification
    method: str
    params: Dict[str, Any]
    window: Optional[int]
    since: Optional[Tuple[str, int]]
    timeout: Optional[float]
    trace: Optional[str]
    caller: Optional[Dict[str, Any]]
    raw: Dict[str, Any]


class Response(NamedTuple):
    id: Optional[Id]
    result: Any
    error: Any  # None: there is a result
    fault: str  # "": it is well-formed


class Bad(NamedTuple):
    """An object that is no message: answered, and the connection lives. [M13]"""

    id: Optional[Id]
    error: Refused


Message = Union[Request, Response, Bad]


def _unique(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    object = dict(pairs)
    if len(object) != len(pairs):
        raise ValueError("a name twice in one object")
    return object


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")


def _long(text: str) -> Any:
    return int(text) if len(text) < 300 else INF


def _encoder() -> Callable[[Any], str]:
    """A JSONEncoder makes an encoder in C for every value, which takes longer than most values do: here is one for all."""
    options = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    module: Any = json.encoder
    parts: Callable[[Any, Any], Iterable[str]] = lambda value, _: options.iterencode(value)
    if getattr(module, "c_make_encoder", None) is not None:  # a Python with C
        parts = module.c_make_encoder(None, options.default, module.encode_basestring, None, ":", ",", False, False, False)

    def text(value: Any) -> str:
        try:
            return "".join(parts(value, 0))
        except RecursionError:
            raise ValueError("a value that is nested too deep, or in itself") from None
    return text


def _scanner(**options: Any) -> Callable[[str, int], Tuple[Any, int]]:
    """Reads a value at a place of a text, and where it ends; StopIteration if none is there."""
    decoder: Any = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_constant, **options)
    scan: Callable[[str, int], Tuple[Any, int]] = decoder.scan_once
    return scan


_scan, _scan_long = _scanner(), _scanner(parse_int=_long)
_encode = _encoder()
_quote: Callable[[str], str] = getattr(json.encoder, "encode_basestring")
_surrogate = re.compile(r"\\u[dD][89a-fA-F]")


_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
_ROUND = bytes.maketrans(b"{[]}", b"(())")
_OTHERS = bytes(c for c in range(256) if c not in b"{[]}")


def _deep(line: bytes) -> bool:
    """Whether a line of well-formed JSON has too many levels. Values are not looked at one by one, which takes long."""
    if line.count(b"{") + line.count(b"[") <= MAX_DEPTH:
        return False
    brackets = _TEXT.sub(b"", line).translate(_ROUND, _OTHERS)
    for _ in range(MAX_DEPTH):
        if not brackets:
            return False
        brackets = brackets.replace(b"()", b"")  # takes the innermost level away
    return bool(brackets)


def decode(line: bytes) -> Dict[str, Any]:
    """The object on a line; ParseError for whatever is not strict. [M14]"""
    try:
        text = line.decode("utf-8").strip(" \t\r\n")
        try:
            value, end = _scan(text, 0)
        except StopIteration:
            raise ValueError("expected an object") from None
        except ValueError as e:
            if "digits" not in str(e):
                raise
            value, end = _scan_long(text, 0)
        if end != len(text):
            raise ValueError("more than one value on a line")
        if not isinstance(value, dict):
            raise ValueError("expected an object")
        if _deep(line):
            raise ValueError(f"more than {MAX_DEPTH} levels")
        if "\\" in text and _surrogate.search(text):
            _encode(value).encode("utf-8")  # refuses what has one half alone
        return value
    except (ValueError, RecursionError) as e:
        raise ParseError(f"not strict JSON: {e}; this port speaks Sabir, one JSON object a line") from None


def encode(message: Dict[str, Any], limit: int = MAX_MESSAGE) -> bytes:
    """The line of a message; TooLarge if it is over the limit, ValueError if no JSON has it. [B1]"""
    return _line(_encode(message), limit)


def encode_request(id: int, method: str, params: Dict[str, Any], limit: int) -> bytes:
    """The line of a request that has nothing but params."""
    return _line(f'{{"jsonrpc":"2.0","id":{id},"method":{_quote(method)},"params":{_encode(params)}}}', limit)


def encode_result(id: Optional[Id], result: Any, version: bool) -> bytes:
    """The line of a response that is no error."""
    start = '"jsonrpc":"2.0",' if version else ""
    return _line(f'{{{start}"id":{id if type(id) is int else _encode(id)},"result":{_encode(result)}}}', MAX_MESSAGE)


def _line(text: str, limit: int) -> bytes:
    line = (text + "\n").encode("utf-8")
    if _deep(line):
        raise ValueError(f"more than {MAX_DEPTH} levels")  # at which the other end would close the connection [M14]
    if len(line) > limit:
        raise TooLarge(f"a message of {len(line)} bytes, and {limit} is the limit", {"limit": limit})
    return line


class Lines:
    """Cuts what comes into lines, of at most twice what may be sent. [F1]"""

    def __init__(self, limit: int = 2 * MAX_MESSAGE) -> None:
        self._limit = limit
        self._rest = bytearray()
        self._seen = 0  # of _rest, where no line ends

    def feed(self, data: bytes) -> List[bytes]:
        if not self._rest and data.find(b"\n") == len(data) - 1:
            return [data[:-1]]  # the common case: one message
        self._rest += data
        if self._rest.find(b"\n", self._seen) < 0:
            self._seen = len(self._rest)
            if len(self._rest) > self._limit:
                raise TooLarge(f"a message of more than {self._limit} bytes", {"limit": self._limit // 2})
            return []
        *whole, rest = self._rest.split(b"\n")
        self._rest, self._seen = rest, 0
        if any(len(line) > self._limit for line in whole):
            raise TooLarge(f"a message of more than {self._limit} bytes", {"limit": self._limit // 2})
        return [bytes(line) for line in whole]

    def last(self) -> bytes:
        """What counts as a line because the input has ended."""
        rest, self._rest, self._seen = bytes(self._rest), bytearray(), 0
        return rest


def is_int(v: Any) -> bool:
    return type(v) is int and -MAX_INT <= v <= MAX_INT


def whole(v: Any) -> Optional[int]:
    """What is an integer, however it is written; None: it is none. [T1]"""
    if type(v) is float and v.is_integer():
        v = int(v)
    return v if is_int(v) else None


def is_id(v: Any) -> bool:
    return is_int(v) or isinstance(v, str) and len(v.encode("utf-8")) <= 64


_MEMBERS = ("jsonrpc", "id", "method", "params", "window", "since", "timeout", "trace", "caller")
_KNOWN = frozenset(_MEMBERS)
_OPTIONAL = frozenset(_MEMBERS[4:])
_CASES = {m.upper(): m for m in _MEMBERS + ("result", "error")}


def clip(text: str) -> str:
    """At most 256 bytes of what an error repeats. [B5]"""
    raw = text.encode("utf-8")
    return text if len(raw) <= 256 else raw[:256].decode("utf-8", "ignore") + "…"


def _bad(id: Any, has_id: bool, member: Optional[str], message: str) -> Bad:
    usable = id if has_id and is_id(id) else None
    return Bad(usable, InvalidRequest(message, {} if member is None else {"member": clip(member)}))


def classify(o: Dict[str, Any]) -> Message:
    """What an object is; Bad if it is no message. [M1] to [M13]"""
    if "method" not in o:
        return _response(o)
    id, has_id = o.get("id"), "id" in o
    if "result" in o or "error" in o:
        return _bad(None, False, None, "an object with method and result")
    if not _KNOWN.issuperset(o):
        for name in o:
            if name not in _KNOWN:
                differs = _CASES.get(name.upper())
                if differs:
                    return _bad(id, has_id, name, f"no member {clip(name)}, did you mean {differs}?")
                if has_id:
                    return _bad(id, has_id, name, f"no member {clip(name)}")
    if has_id and not is_id(id):
        return _bad(None, False, "id", "an id is a text of at most 64 bytes or an integer within ±(2^53-1)")
    method, params = o["method"], o.get("params")
    if not isinstance(method, str) or not method:
        return _bad(id, has_id, "method", "a method is a text, service.member")
    if params is None or params == []:
        params = {}
    if not isinstance(params, dict):
        return _bad(id, has_id, "params", "params are an object")
    if o.get("jsonrpc") not in (None, "2.0"):
        return _bad(id, has_id, "jsonrpc", 'jsonrpc is "2.0"')
    if _OPTIONAL.isdisjoint(o):
        return Request(id, method, params, None, None, None, None, None, o)
    return _optional(o, id, has_id, method, params)


def _optional(o: Dict[str, Any], id: Any, has_id: bool, method: str, params: Dict[str, Any]) -> Message:
    window, since, timeout, trace, caller = (o.get(m) for m in _MEMBERS[4:])
    if window is not None:
        window = whole(window)
        if window is None or window < 0:
            return _bad(id, has_id, "window", "a window is an integer of at least 0")
    place: Optional[Tuple[str, int]] = None
    if since is not None:
        seq = whole(since["seq"]) if isinstance(since, dict) and set(since) == {"epoch", "seq"} else None
        if seq is None or seq < 0 or not isinstance(since["epoch"], str):
            return _bad(id, has_id, "since", 'since is {"epoch":text,"seq":integer}')
        place = (since["epoch"], seq)
    if timeout is not None and (type(timeout) is not float and not is_int(timeout) or not 0 < timeout < INF):
        return _bad(id, has_id, "timeout", "a timeout is a number of seconds above 0")
    if trace is not None and not isinstance(trace, str):
        return _bad(id, has_id, "trace", "trace is a text")
    if caller is not None and not isinstance(caller, dict):
        return _bad(id, has_id, "caller", "caller is an object")
    return Request(id, method, params, window, place, timeout, trace, caller, o)


def _response(o: Dict[str, Any]) -> Message:
    id, error = o.get("id"), o.get("error")
    has_result = "result" in o and not (o["result"] is None and error is not None)
    has_error = error is not None
    if not has_result and not has_error:
        for name in o:
            differs = _CASES.get(name.upper())
            if differs and differs != name:
                return _bad(id, "id" in o, name, f"no member {clip(name)}, did you mean {differs}?")
        return _bad(id, "id" in o, None, "an object with neither method, result nor error")
    fault = ""
    if has_result and has_error:
        fault = "both result and error"
    elif has_error and (not isinstance(error, dict) or type(error.get("code")) is not int or not isinstance(error.get("message"), str)):
        fault = "an error without code or message"
    return Response(id, o.get("result"), error, fault)
