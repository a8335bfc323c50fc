"""The words of descriptions (spec/descriptions.md), which are plain JSON: dicts and lists."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Set

Tree = Dict[str, Any]
LEVELS = {"none": 0, "read": 1, "write": 2, "admin": 3}


def access(member: Tree) -> str:
    """The level that a member needs. [D4]"""
    given = member.get("access")
    if given:
        return str(given)
    kind = member["kind"]
    reads = kind in ("topic", "state", "table") or bool(member.get("readonly"))
    return "read" if reads else "write"


def member(service: Tree, name: str) -> Optional[Tree]:
    for m in service["members"]:
        if m["name"] == name:
            found: Tree = m
            return found
    return None


def kind(service: Tree, of: Tree) -> str:
    """The kind of a type, by whatever name it goes."""
    named = {t["name"]: t["type"] for t in service.get("types", [])}
    seen: Set[str] = set()
    while of["kind"] == "named" and of["name"] in named and of["name"] not in seen:
        seen.add(of["name"])
        of = named[of["name"]]
    return str(of["kind"])


def similar(word: str, names: List[str]) -> Optional[str]:
    """The name that a mistyped one most likely means: the nearest that differs in case and in at most one letter in
    three, of the last part of names with dots; a swap of neighbours counts as one."""
    if not 2 <= len(word) <= 64:
        return None
    best, least = None, max(1, len(word.rpartition(".")[2]) // 3) + 1
    for name in names:
        d = _distance(word.lower(), name.lower())
        if d < least:
            best, least = name, d
    return best


def _distance(a: str, b: str) -> int:
    before: List[int] = []
    prev = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            least = min(prev[j] + 1, row[j - 1] + 1, prev[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                least = min(least, before[j - 2] + 1)
            row.append(least)
        before, prev = prev, row
    return prev[-1]
