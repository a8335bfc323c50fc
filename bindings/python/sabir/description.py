"""What a service offers, compiled: the codecs of each member and the classes of its errors."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Dict, Mapping, Optional

from . import errors, tree
from .codec import Struct, Types, load_result
from .scalars import Codec
from .tree import Tree


class Member:
    """A member with its codecs."""

    def __init__(self, service: Tree, t: Tree, types: Types, results: Mapping[str, type]) -> None:
        self.tree = t
        self.kind: str = t["kind"]
        self.name: str = t["name"]
        self.full = f"{service['name']}.{self.name}"
        self.access = tree.access(t)
        self.params = types.struct(t.get("params", []))
        self.result = types.struct(t.get("result") or [], results.get(self.name))
        self.item = types.codec(t["item"]) if t.get("item") else Codec()
        self.repeatable = bool(t.get("readonly") or t.get("idempotent"))


class Description:
    """A description and the classes that stand for its types: `types`, `errors` and, by the name of the member,
    `results`. A service and its typed clients share it."""

    def __init__(self, service: Tree, types: Optional[Mapping[str, type]] = None, errors: Optional[Mapping[str, type]] = None,
                 results: Optional[Mapping[str, type]] = None) -> None:
        self.tree = service
        self.name: str = service["name"]
        made = Types(service, types or {})
        self.members = {m["name"]: Member(service, m, made, results or {}) for m in service["members"]}
        self.errors: Dict[str, Struct] = {}
        for e in service.get("errors", []):
            self.errors[e["name"]] = made.struct(e["fields"], (errors or {}).get(e["name"]))

    @classmethod
    def parse(cls, text: str, **classes: Mapping[str, type]) -> "Description":
        """The description in JSON, as generated code has it."""
        return cls(json.loads(text), **classes)

    def member(self, name: str) -> Member:
        return self.members[name]

    def hash(self) -> str:
        text = json.dumps(self.tree, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def exception(self, refused: errors.Refused) -> Exception:
        """The declared exception for a refusal; itself if there is none."""
        service, _, name = refused.name.partition(".")
        codec = self.errors.get(name) if service == self.name else None
        if codec is None or codec.cls is None:
            return refused
        try:
            e = load_result(codec, refused.params)
        except errors.InvalidResult as fault:
            return fault
        assert isinstance(e, Exception)
        e.__dict__["_message"] = refused.message  # also where the class is frozen
        return e

    def refusal(self, e: BaseException) -> Optional[errors.Refused]:
        """The refusal for a declared exception; None if it is not declared. [E3]"""
        for name, codec in self.errors.items():
            if codec.cls is not None and type(e) is codec.cls:
                return errors.Refused(str(e), codec.dump(e), name=f"{self.name}.{name}", code=1)
        return e if isinstance(e, errors.Refused) and isinstance(e, errors.UNDECLARED) else None
