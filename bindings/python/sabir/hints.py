"""Descriptions out of Python's type hints, so that a service needs no other text.

`bool`, `int`, `float`, `str`, `bytes`, `datetime`, `Any`, `List[T]`, `Dict[str, T]`, `Optional[T]`, data classes,
subclasses of `sabir.Enum` and `sabir.Union`. Bounds and docs stand in `Annotated`:

    Annotated[str, sabir.Max(10), "What is said."]"""

from __future__ import annotations

import collections.abc
import dataclasses
import inspect
import re
import typing
from datetime import datetime
from typing import Any, Dict, List, Optional, Tuple

from .codec import Enum, Union
from .tree import Tree


@dataclasses.dataclass(frozen=True)
class Min:
    value: float


@dataclasses.dataclass(frozen=True)
class Max:
    value: float


@dataclasses.dataclass(frozen=True)
class Pattern:
    text: str


class Int64:
    """In `Annotated[int, Int64]`: an integer of 64 bits, which is text in JSON."""


class Uint64:
    """The same without a sign."""


SCALARS: Dict[Any, str] = {bool: "bool", int: "int", float: "float", str: "string", bytes: "bytes", datetime: "time", Any: "any", object: "any"}


class Describer:
    """Collects the named types that hints mention."""

    def __init__(self) -> None:
        self.types: List[Tree] = []
        self.classes: Dict[str, type] = {}

    def tree(self, hint: Any, at: str = "") -> Tree:
        """The tree of a type; `at` is what has it, for errors."""
        try:
            tree, optional, _ = self.hint(hint)
            if optional:
                raise TypeError(f"{hint}: Optional is for fields")
        except TypeError as e:
            raise TypeError(f"{at}: {e}" if at else str(e)) from None
        return tree

    def hint(self, hint: Any) -> Tuple[Tree, bool, str]:
        """The tree, whether it is optional, and its doc."""
        doc, notes = "", list[Any]()
        origin = typing.get_origin(hint)
        optional = False
        if hasattr(hint, "__metadata__"):
            for note in hint.__metadata__:
                if isinstance(note, str):
                    doc = note
                else:
                    notes.append(note)
            hint, origin = hint.__origin__, typing.get_origin(hint.__origin__)
        if origin is typing.Union or type(hint).__name__ == "UnionType":
            rest = [a for a in typing.get_args(hint) if a is not type(None)]
            if len(rest) != 1 or len(rest) == len(typing.get_args(hint)):
                raise TypeError(f"{hint}: expected Optional[T]; a union is a subclass of sabir.Union")
            tree, _, inner = self.hint(rest[0])
            optional, doc = True, doc or inner
        else:
            tree = self._plain(hint, origin)
        for note in notes:
            if isinstance(note, Min):
                tree["min"] = float(note.value)
            elif isinstance(note, Max):
                tree["max"] = float(note.value)
            elif isinstance(note, Pattern):
                tree["pattern"] = note.text
            elif note in (Int64, Uint64):
                tree["kind"] = note.__name__.lower()
        return tree, optional, doc

    def _plain(self, hint: Any, origin: Any) -> Tree:
        if hint in SCALARS:
            return {"kind": SCALARS[hint]}
        args = typing.get_args(hint)
        if origin in (list, collections.abc.Sequence) and args:
            return {"kind": "list", "of": self.tree(args[0])}
        if origin in (dict, collections.abc.Mapping) and args and args[0] is str:
            return {"kind": "map", "of": self.tree(args[1])}
        if isinstance(hint, type) and (dataclasses.is_dataclass(hint) or issubclass(hint, (Enum, Union))):
            return self._named(hint)
        raise TypeError(f"{hint}: expected a type that the protocol has; see help(sabir.hints)")

    def _named(self, cls: type) -> Tree:
        name = cls.__name__
        known = self.classes.get(name)
        if known is not None and known is not cls:
            raise TypeError(f"two types are called {name}")
        if known is None:
            self.classes[name] = cls
            entry: Tree = {"name": name}
            self.types.append(entry)
            if doc := doc_of(cls):
                entry["doc"] = doc
            if issubclass(cls, Enum):
                cases = [v for k, v in vars(cls).items() if isinstance(v, str) and not k.startswith("_")]
                entry["type"] = {"kind": "enum", "cases": [{"name": str(c)} for c in cases]}
            elif issubclass(cls, Union):
                hints = typing.get_type_hints(cls, include_extras=True)
                entry["type"] = {"kind": "union", "cases": [
                    {"name": k, "type": self.tree(h)} for k, h in hints.items() if k not in ("type", "value")]}
            else:
                entry["type"] = {"kind": "struct", "fields": self.fields(cls)}
        return {"kind": "named", "name": name}

    def fields(self, cls: Any) -> List[Tree]:
        if not dataclasses.is_dataclass(cls):
            raise TypeError(f"{name_of(cls)}: expected a data class")
        hints = typing.get_type_hints(cls, include_extras=True)
        return [self.field(f"{name_of(cls)}.{f.name}", f.name, hints[f.name]) for f in dataclasses.fields(cls) if f.init]

    def field(self, at: str, name: str, hint: Any) -> Tree:
        """A field or a param; `at` is what it is, for errors."""
        name = plain(name)
        try:
            check_name(name)
            tree, optional, doc = self.hint(hint)
        except TypeError as e:
            raise TypeError(f"{at}: {e}") from None
        field: Tree = {"name": name}
        if doc:
            field["doc"] = doc
        field["type"] = tree
        if optional:
            field["optional"] = True
        return field

    def params(self, function: Any) -> List[Tree]:
        """The params that a function takes. One with a default is optional, and the default is in the description if
        JSON has it."""
        hints = typing.get_type_hints(function, include_extras=True)
        fields = []
        for p in inspect.signature(function).parameters.values():
            at = f"{function.__qualname__}, parameter {p.name}"
            if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD, p.POSITIONAL_ONLY) or p.name not in hints:
                raise TypeError(f"{at}: expected a name and a type")
            field = self.field(at, p.name, hints[p.name])
            if p.default is not p.empty:
                field["optional"] = True
                if isinstance(p.default, (bool, int, float, str)):
                    field["default"] = p.default
            fields.append(field)
        return fields

    def result(self, function: Any) -> Tuple[Any, Optional[Tree]]:
        """What a function returns: the data class, None for nothing, and the type of the items of a stream."""
        hint = typing.get_type_hints(function, include_extras=True).get("return", type(None))
        if typing.get_origin(hint) in (collections.abc.Iterator, collections.abc.AsyncIterator, collections.abc.Iterable,
                                       collections.abc.AsyncIterable, collections.abc.Generator, collections.abc.AsyncGenerator):
            return None, self.tree(typing.get_args(hint)[0], function.__qualname__)
        if hint is type(None):
            return None, None
        if not dataclasses.is_dataclass(hint):
            raise TypeError(f"{function.__qualname__}: returns {name_of(hint)}, expected a data class, None, or an Iterator for a stream")
        return hint, None


def check_name(name: str) -> None:
    """Names of services, members, fields and cases. [T9]"""
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise TypeError(f"{name}: expected a name of small letters, digits and _, a letter first")


def plain(name: str) -> str:
    """A name without the _ that it has where it is a word of Python, as in `from_`."""
    return name[:-1] if name.endswith("_") else name


def name_of(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint)


def doc_of(x: Any) -> Optional[str]:
    """A doc as a description has it; None for those that data classes make up."""
    doc = x.__dict__.get("__doc__") if isinstance(x, type) else x.__doc__
    if not doc or isinstance(x, type) and doc.startswith(x.__name__ + "("):
        return None
    return inspect.cleandoc(doc) or None
