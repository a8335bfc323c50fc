"""Structs as functions made for them: the straight path of values that fit.

They are built as data classes build their `__init__`, once for each struct. For

    Greeting {text: string, n?: int}

the text of the two is

    def read(v):
        if type(v) is not dict:
            raise Unfit
        known = 1
        x1 = v.get("n")
        if x1 is not None:
            x1 = c1.read(x1)
            known += 1
        if len(v) != known:
            raise Unfit
        return cls(text=c0.read(v["text"]), n=x1)

    def write(v):
        if type(v) is not cls:
            raise Unfit
        out = {"text": c0.write(v.text)}
        x1 = v.n
        if x1 is not None:
            out["n"] = c1.write(x1)
        return out

Whatever they raise means no more than that somebody has to look closer: `load` and `dump` tell what is wrong and where."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Any, Callable, Dict, List

from .scalars import Unfit

if TYPE_CHECKING:
    from .codec import Struct


def reader(struct: "Struct") -> Callable[[Any], Any]:
    """From JSON to the class, or to a dict without one."""
    lines = ["if type(v) is not dict:", "    raise Unfit", f"known = {len(struct.required)}"]
    values = []
    for i, (name, (_, optional)) in enumerate(struct.fields.items()):
        if optional:
            lines += [f"x{i} = v.get({name!r})", f"if x{i} is not None:", f"    x{i} = c{i}.read(x{i})", "    known += 1"]
        values.append(f"x{i}" if optional else f"c{i}.read(v[{name!r}])")
    lines += ["if len(v) != known:", "    raise Unfit"]
    if struct.cls is not None:
        return _made(struct, "read", lines + [f"return cls({', '.join(f'{a}={x}' for a, x in zip(struct.attributes.values(), values))})"])
    required = ", ".join(f"{name!r}: {x}" for (name, (_, optional)), x in zip(struct.fields.items(), values) if not optional)
    lines.append(f"out = {{{required}}}")
    for i, (name, (_, optional)) in enumerate(struct.fields.items()):
        if optional:
            lines += [f"if x{i} is not None:", f"    out[{name!r}] = x{i}"]
    return _made(struct, "read", lines + ["return out"])


def writer(struct: "Struct") -> Callable[[Any], Any]:
    """From the class, or from a dict without one, to JSON, in declared order."""
    def of(name: str, optional: bool) -> str:
        if struct.cls is not None:
            return f"v.{struct.attributes[name]}"
        return f"v.get({name!r})" if optional else f"v[{name!r}]"
    lines = [f"if type(v) is not {'dict' if struct.cls is None else 'cls'}:", "    raise Unfit"]
    first = list(takewhile(lambda name: not struct.fields[name][1], struct.fields))
    values = ", ".join(f"{name!r}: c{i}.write({of(name, False)})" for i, name in enumerate(first))
    lines.append(f"out = {{{values}}}")
    for i, (name, (_, optional)) in list(enumerate(struct.fields.items()))[len(first):]:
        lines.append(f"x{i} = {of(name, optional)}")
        if optional:
            lines += [f"if x{i} is not None:", f"    out[{name!r}] = c{i}.write(x{i})"]
        else:
            lines.append(f"out[{name!r}] = c{i}.write(x{i})")
    if struct.cls is None:
        lines += ["if len(v) != len(out):", "    raise Unfit"]
    return _made(struct, "write", lines + ["return out"])


def _made(struct: "Struct", name: str, lines: List[str]) -> Callable[[Any], Any]:
    space: Dict[str, Any] = {f"c{i}": codec for i, (codec, _) in enumerate(struct.fields.values())}
    space.update(cls=struct.cls, Unfit=Unfit)
    exec(f"def {name}(v):\n" + "".join(f"    {line}\n" for line in lines), space)
    function: Callable[[Any], Any] = space[name]
    return function
