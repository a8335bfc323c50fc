"""Who calls (spec/security.md, spec/hub.md)."""

from __future__ import annotations

import re
from contextvars import ContextVar
from typing import Any, Dict, NamedTuple, Optional, Tuple

from .errors import InvalidRequest
from .wire import whole


class Caller(NamedTuple):
    """Who calls, as verified."""

    transport: str
    level: str
    name: Optional[str] = None
    uid: Optional[int] = None
    pid: Optional[int] = None
    via: Tuple[str, ...] = ()


current: "ContextVar[Caller]" = ContextVar("sabir.caller")


def caller() -> Caller:
    """Who made the call that the handler is running for; LookupError where there is none, as in a thread of its own."""
    try:
        return current.get()
    except LookupError:
        raise LookupError("sabir.caller() is for handlers: no call is run here") from None


_name = re.compile(r"[a-z0-9._-]{1,64}")


def on_behalf(peer: Caller, stated: Dict[str, Any]) -> Caller:
    """The caller that an admin asks for. [U1] [U2] [U3]"""
    def wrong(why: str) -> InvalidRequest:
        return InvalidRequest(why, {"member": "caller"})
    if peer.level != "admin":
        raise wrong("only admins ask on behalf of others")
    name, uid, level, via = (stated.get(k) for k in ("name", "uid", "level", "via"))
    if not set(stated) <= {"name", "uid", "level", "via"}:
        raise wrong("a caller has name, uid, level and via")
    if not isinstance(via, list) or not 1 <= len(via) <= 8 or not all(isinstance(v, str) and _name.fullmatch(v) for v in via):
        raise wrong("via is the ids of 1 to 8 hubs")
    if name is not None and not (isinstance(name, str) and _name.fullmatch(name)):
        raise wrong("name is that of a credential")
    if uid is not None:
        uid = whole(uid)
        if uid is None or not 0 <= uid < 2 ** 32:
            raise wrong("uid is a number of 32 bits")
    if level is not None and level not in ("read", "write", "admin"):
        raise wrong("level is read, write or admin")
    return Caller("hub", level or "none", name, uid, None, tuple(via))
