"""A call under way, at the side of the service."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Tuple

from . import errors
from .caller import Caller
from .codec import dump_value
from .errors import DeadlineExceeded, TooLarge
from .feeds import Reader
from .offer import LIMITS, Offered
from .scalars import Unfit
from .wire import Id, encode

if TYPE_CHECKING:
    from .server import ServerCore

log = logging.getLogger("sabir")


def _nothing() -> None:
    pass


class Run:
    """A call under way. What is the same for most stands in the class."""

    window: Optional[int] = None
    credit = 0
    since: Optional[Tuple[str, int]] = None
    timeout: Optional[float] = None
    answered = False
    entered = False  # its handler has taken its first step
    begun = False  # an item or rpc.live was sent
    released = False
    items: Optional[List[Any]] = None  # of a plain request on a stream
    size = 0  # of them
    reader: Optional[Reader] = None
    on_end: Optional[Callable[[], object]] = None  # the host stops the handler
    on_ready: Optional[Callable[[], None]] = None  # an item may be sent
    on_over: Optional[Callable[[], object]] = None  # it is answered

    def __init__(self, core: "ServerCore", id: Optional[Id], offered: Offered, values: Dict[str, Any], caller: Caller) -> None:
        self.core, self.id, self.values, self.caller = core, id, values, caller
        self.service, self.member, _ = offered

    @property
    def stuck(self) -> bool:
        """No credit is left and none can come."""
        return self.core.ended and bool(self.window) and self.credit <= 0

    @property
    def can_send(self) -> bool:
        return self.window is None or self.window == 0 and self.core.roomy() or self.credit > 0 and self.core.roomy()

    def item(self, value: Any) -> None:
        """Sends an item of a stream, for which `can_send` must hold."""
        if self.answered:
            return
        wire = dump_value(self.member.item, value)
        if self.window is None:
            self.items = self.items or []
            self.items.append(wire)
            self.size += len(encode({"v": wire}))
            if self.size > LIMITS["message"]:
                raise TooLarge("the list of all items is over the limit", {"limit": LIMITS["message"]})
            return
        self.begun = True
        self.credit -= 1
        self.core.stats.items += 1
        self.core.notify("rpc.item", {"id": self.id, "value": wire})

    def finish(self, result: Any = None) -> None:
        """The handler returned."""
        if not self.answered:
            try:
                if self.member.kind == "stream":
                    wire: Any = self.items or [] if self.window is None else {}
                else:
                    wire = dump_value(self.member.result, {} if result is None and not self.member.result.fields else result)
                self.core.answer(self, wire)
            except Exception as e:  # Unfit, or of a class of the service's own: the caller has an answer in any case
                log.error("%s: the result does not fit its description: %s", self.member.full, e)
                self.core.refuse(self, errors.Internal("the service failed; its log says why"))
        self.release()

    def fail(self, e: BaseException) -> None:
        """The handler raised."""
        if not self.answered:
            try:
                refused = self.service.description.refusal(e)
            except Unfit as fault:
                log.error("%s: the error does not fit its description: %s", self.member.full, fault)
                refused = None
            if refused is None:
                log.error("%s: %r", self.member.full, e, exc_info=(type(e), e, e.__traceback__))
                refused = errors.Internal("the service failed; its log says why")
            self.core.refuse(self, refused)
        self.release()

    def expire(self) -> None:
        """Its time is over. [M9]"""
        if not self.answered and not (self.window is not None and self.begun):
            self.core.refuse(self, DeadlineExceeded("the time is over"))
            self.end()

    def end(self) -> None:
        """Its handler is told to stop."""
        if self.on_end:
            self.on_end()

    def release(self) -> None:
        """Its handler has returned: the slot is free. [S7]"""
        if not self.released:
            self.released = True
            self.core.released(self)
