"""What a child by fork, such as those of a pool of processes, must not have of its parent.

With a copy of a socket in it nobody would see that the parent has ended: callers would wait, and no other could listen."""

from __future__ import annotations

import logging
import os
import weakref
from typing import Any, Iterable

log = logging.getLogger("sabir")

_holders: "weakref.WeakSet[Any]" = weakref.WeakSet()


def hold(holder: Any) -> None:
    """Has `holder.forked()` called in each child, as long as it lives."""
    _holders.add(holder)


def let_go(files: Iterable[int]) -> None:
    """Puts nothing in the place of files, whose numbers their owners in the child may close still."""
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for file in files:
        if file >= 0:
            os.dup2(nothing, file, inheritable=False)
    os.close(nothing)


def _child() -> None:
    for holder in list(_holders):
        try:
            holder.forked()
        except Exception:  # the others are to be let go of
            log.exception("after a fork")


os.register_at_fork(after_in_child=_child)
