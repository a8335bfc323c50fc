"""Values between JSON and Python by their declared types, checked on the way (spec/types.md).

A codec is made once for each type. `load_params` and `load_result` go from JSON to Python and tell faults with their
paths, `dump_value` goes back and raises `Unfit` at the first fault."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple, cast

from . import compiled
from .errors import InvalidParams, InvalidResult
from .scalars import Codec, Faults, Path, Unfit, bounded, expected, scalar, string
from .tree import Tree, similar
from .wire import clip

MAX_FAULTS = 8

class Union:
    """The base of unions. Annotations are the cases:

        class Shape(sabir.Union):
            circle: Circle
            square: Square

    `Shape("circle", Circle(1.0))` is one; `type` is its case and `value` what it has, a dict in a case from the
    future."""

    def __init__(self, type: str, value: Any) -> None:
        self.type, self.value = type, value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Union) and (self.type, self.value) == (other.type, other.value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.type!r}, {self.value!r})"


_case = re.compile("[a-z][a-z0-9_]*")


class Enum(str):
    """The base of enums: texts, so that cases from the future are kept. [T8]"""


class EnumCodec(Codec):
    def __init__(self, cases: List[str], cls: Optional[type]) -> None:
        self.cases, self.cls = cases, cls or str
        self.read, self.write = self._read, self.dump

    def _read(self, v: Any) -> Any:
        if v not in self.cases:
            raise Unfit
        return self.cls(v)

    def load(self, v: Any, at: Path, faults: Faults, strict: bool) -> Any:
        if not isinstance(v, str):
            faults.append((at, str(expected("a text", v))))
        elif strict and v not in self.cases:
            faults.append((at, "expected one of " + ", ".join(self.cases)))
        else:
            return self.cls(v)
        return v

    def dump(self, v: Any) -> Any:
        if not isinstance(v, str) or v not in self.cases and not _case.fullmatch(v):
            raise Unfit(f"expected one of {', '.join(self.cases)}, got {v!r}")
        return str.__str__(v)  # the str() of an enum.Enum is another


class Many(Codec):
    """What lists and maps have in common: how many there may be."""

    def __init__(self, kind: type, what: str, of: Codec, t: Tree, unit: str) -> None:
        self.kind, self.what, self.of = kind, what, of
        self.check = bounded(lambda v: v, t, len, unit)
        self.read, self.write = self._read, self._write

    def _read(self, v: Any) -> Any:
        raise NotImplementedError

    def _write(self, v: Any) -> Any:
        raise NotImplementedError

    def fits(self, v: Any, at: Path, faults: Faults) -> bool:
        if not isinstance(v, self.kind):
            faults.append((at, str(expected(self.what, v))))
            return False
        try:
            self.check(v)
        except ValueError as e:
            faults.append((at, str(e)))
        return True


class Listed(Many):
    def __init__(self, of: Codec, t: Tree) -> None:
        super().__init__(list, "a list", of, t, "element")

    def _read(self, v: Any) -> Any:
        if type(v) is not list:
            raise Unfit
        read = self.of.read
        return [read(e) for e in self.check(v)]

    def _write(self, v: Any) -> Any:
        if type(v) is not list:
            raise Unfit
        write = self.of.write
        return [write(e) for e in v]

    def load(self, v: Any, at: Path, faults: Faults, strict: bool) -> Any:
        of = self.of
        return [of.load(e, (at, i), faults, strict) for i, e in enumerate(v)] if self.fits(v, at, faults) else v

    def dump(self, v: Any) -> Any:
        if isinstance(v, (str, bytes, Mapping)) or not isinstance(v, Iterable):
            raise Unfit(str(expected(self.what, v)))
        return [self.of.dump(e) for e in v]


class Mapped(Many):
    def __init__(self, of: Codec, t: Tree) -> None:
        super().__init__(dict, "an object", of, t, "entry")

    def _read(self, v: Any) -> Any:
        if type(v) is not dict:
            raise Unfit
        read = self.of.read
        return {k: read(e) for k, e in self.check(v).items()}

    def _write(self, v: Any) -> Any:
        write = self.of.write
        return {string(k): write(e) for k, e in v.items()}

    def load(self, v: Any, at: Path, faults: Faults, strict: bool) -> Any:
        of = self.of
        return {k: of.load(e, (at, k), faults, strict) for k, e in v.items()} if self.fits(v, at, faults) else v

    def dump(self, v: Any) -> Any:
        if not isinstance(v, Mapping):
            raise Unfit(str(expected(self.what, v)))
        try:
            return {string(k): self.of.dump(e) for k, e in v.items()}
        except ValueError as e:
            raise Unfit(str(e)) from None


class Struct(Codec):
    """Fields by name. Without a class the value is a dict."""

    def __init__(self, cls: Optional[type] = None) -> None:
        self.cls = cls
        self.fields: Dict[str, Tuple[Codec, bool]] = {}
        self.required: List[str] = []
        self.attributes: Dict[str, str] = {}  # names of the class, by those of the fields
        self.sensitive: List[str] = []
        self.read, self.write = self._first_read, self._first_write

    def _first_read(self, v: Any) -> Any:
        self.read = compiled.reader(self)  # now that all fields are there
        return self.read(v)

    def _first_write(self, v: Any) -> Any:
        self.write = compiled.writer(self)
        return self.write(v)

    def fill(self, fields: List[Tree], codecs: List[Codec]) -> None:
        for f, codec in zip(fields, codecs):
            self.fields[f["name"]] = (codec, bool(f.get("optional")))
            if not f.get("optional"):
                self.required.append(f["name"])
            if f.get("sensitive"):
                self.sensitive.append(f["name"])
        if self.cls is not None:
            names = [f.name for f in dataclasses.fields(self.cls) if f.init]
            self.attributes = {f["name"]: f["name"] if f["name"] in names else f["name"] + "_" for f in fields}
            if set(self.attributes.values()) != set(names):
                raise TypeError(f"{self.cls.__name__} has the fields {names}, and is declared with {[f['name'] for f in fields]}")

    def load(self, v: Any, at: Path, faults: Faults, strict: bool) -> Any:
        if not isinstance(v, dict):
            faults.append((at, str(expected("an object", v))))
            return v
        return self._build(self.values(v, at, faults, strict), at, faults)

    def _build(self, values: Dict[str, Any], at: Path, faults: Faults) -> Any:
        if self.cls is None or faults:
            return values
        attributes = self.attributes
        try:
            return self.cls(**{attributes[k]: values.get(k) for k in attributes})
        except Exception as e:  # its __post_init__ will not have it
            faults.append((at, str(e) or type(e).__name__))
            return values

    def values(self, v: Dict[str, Any], at: Path, faults: Faults, strict: bool) -> Dict[str, Any]:
        fields = self.fields
        out: Dict[str, Any] = {}
        for name, e in v.items():
            known = fields.get(name)
            if known is None:
                if strict:
                    near = similar(name, list(fields))
                    faults.append(((at, name), "unknown" + (f", did you mean {near}?" if near else "")))
            elif e is None and known[1]:
                pass
            else:
                out[name] = known[0].load(e, (at, name), faults, strict)
        for name in self.required:
            if name not in v:
                faults.append(((at, name), "required"))
        return out

    def dump(self, v: Any) -> Any:
        if self.cls is not None and not isinstance(v, dict):
            if not isinstance(v, self.cls):
                raise Unfit(f"expected a {self.cls.__name__}, got {v!r}")
            return self._dump({name: getattr(v, attribute) for name, attribute in self.attributes.items()})
        if not isinstance(v, Mapping):
            raise Unfit(f"expected a mapping, got {v!r}")
        for name in v:
            if name not in self.fields:
                raise Unfit(f"{name}: unknown")
        return self._dump(v)

    def _dump(self, v: Mapping[str, Any]) -> Dict[str, Any]:
        out: Dict[str, Any] = {}
        for name, (codec, optional) in self.fields.items():
            e = v.get(name)
            if e is None and (optional or name not in v):
                if not optional:
                    raise Unfit(f"{name}: required")
                continue
            try:
                out[name] = codec.dump(e)
            except Unfit as fault:
                raise Unfit(f"{name}: {fault}") from None
        return out


class UnionCodec(Codec):
    def __init__(self, cls: Optional[type]) -> None:
        self.cls = cls
        self.cases: Dict[str, Codec] = {}
        self.read, self.write = self._read, self._write

    def _read(self, v: Any) -> Any:
        rest = dict(v)
        kind = rest.pop("type")
        return self._built(kind, self.cases[kind].read(rest))

    def _write(self, v: Any) -> Any:
        kind: Any = type(v)
        if kind is not self.cls:
            raise Unfit
        return {"type": v.type, **self.cases[v.type].write(v.value)}

    def _built(self, kind: Any, value: Any) -> Any:
        if self.cls is None:
            return {"type": kind, **value} if isinstance(value, dict) else value
        return self.cls(kind, value)

    def load(self, v: Any, at: Path, faults: Faults, strict: bool) -> Any:
        if not isinstance(v, dict):
            faults.append((at, str(expected("an object", v))))
            return v
        kind = v.get("type")
        case = self.cases.get(kind) if isinstance(kind, str) else None
        rest = {k: e for k, e in v.items() if k != "type"}
        if case is not None:
            value = case.load(rest, at, faults, strict)
        elif strict or not isinstance(kind, str):
            faults.append(((at, "type"), "required" if "type" not in v else "expected one of " + ", ".join(self.cases)))
            return v
        else:
            value = rest
        return self._built(kind, value)

    def dump(self, v: Any) -> Any:
        kind = v.get("type") if isinstance(v, dict) else getattr(v, "type", None)
        case = self.cases.get(kind) if isinstance(kind, str) else None
        if case is None:
            raise Unfit(f"expected one of the cases {', '.join(self.cases)}, got {kind!r}")
        value = {k: e for k, e in v.items() if k != "type"} if isinstance(v, dict) else v.value
        return {"type": kind, **case.dump(value)}


class Types:
    """The codecs of a service's types, and the classes that stand for them."""

    def __init__(self, service: Tree, classes: Mapping[str, type]) -> None:
        self.trees = {t["name"]: t["type"] for t in service.get("types", [])}
        self.classes = classes
        self.made: Dict[str, Codec] = {}

    def struct(self, fields: List[Tree], cls: Optional[type] = None) -> Struct:
        s = Struct(cls)
        s.fill(fields, [self.codec(f["type"]) for f in fields])
        return s

    def codec(self, t: Tree, cls: Optional[type] = None) -> Codec:
        kind = t["kind"]
        if kind == "named":
            return self._named(t["name"])
        if kind == "struct":
            return self.struct(t.get("fields", []), cls)
        if kind == "enum":
            return EnumCodec([c["name"] for c in t["cases"]], cls)
        if kind == "union":
            u = UnionCodec(cls)
            self._cases(u, t)
            return u
        if kind == "list":
            return Listed(self.codec(t["of"]), t)
        if kind == "map":
            return Mapped(self.codec(t["of"]), t)
        return scalar(t)

    def _cases(self, u: UnionCodec, t: Tree) -> None:
        for c in t["cases"]:
            u.cases[c["name"]] = self.codec(c["type"]) if c.get("type") else Struct()

    def _named(self, name: str) -> Codec:
        codec = self.made.get(name)
        if codec is not None:
            return codec
        t, cls = self.trees[name], self.classes.get(name)
        if t["kind"] == "struct":  # before its fields, which may be of it
            s = self.made[name] = Struct(cls)
            fields = t.get("fields", [])
            s.fill(fields, [self.codec(f["type"]) for f in fields])
            return s
        if t["kind"] == "union":
            u = self.made[name] = UnionCodec(cls)
            self._cases(u, t)
            return u
        codec = self.made[name] = self.codec(t, cls)
        return codec


_plain_key = re.compile(r"[A-Za-z0-9_]+")


def path(at: Path) -> str:
    """A path as errors have it. [E5]"""
    steps = []
    while at is not None:
        at, step = at
        if isinstance(step, int):
            steps.append(f"[{step}]")
        elif _plain_key.fullmatch(step):
            steps.append("." + step)
        else:
            steps.append(f"[{json.dumps(clip(step), ensure_ascii=False)}]")
    return "".join(reversed(steps)).lstrip(".")


def told(faults: Faults) -> List[Dict[str, str]]:
    return [{"path": path(at), "reason": reason} for at, reason in faults[:MAX_FAULTS]]


def _message(faults: List[Dict[str, str]]) -> str:
    return "; ".join(f"{f['path']}: {f['reason']}" if f["path"] else f["reason"] for f in faults)


def load_params(codec: Struct, params: Dict[str, Any]) -> Dict[str, Any]:
    """The values of params by name; InvalidParams if they do not fit. [M8]"""
    try:
        return cast(Dict[str, Any], codec.read(params))
    except Exception:  # of a class of the service's own, too
        faults: Faults = []
    values = codec.values(params, None, faults, True)
    if faults:
        all = told(faults)
        raise InvalidParams(_message(all), {"faults": all})
    return values


def load_result(codec: Codec, value: Any) -> Any:
    """A result or an item; InvalidResult if it does not fit. [M12]"""
    try:
        return codec.read(value)
    except Exception:  # or it has what is not known here
        faults: Faults = []
    loaded = codec.load(value, None, faults, False)
    if faults:
        all = told(faults)
        raise InvalidResult(_message(all), {"faults": all})
    return loaded


def dump_value(codec: Codec, value: Any) -> Any:
    """A value as JSON has it; Unfit if it does not fit."""
    try:
        return codec.write(value)
    except Exception:
        return codec.dump(value)
