"""What can go wrong, named as the protocol names it (spec/errors.md)."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Type


class SabirError(Exception):
    """Everything that this library raises of its own accord."""


class Refused(SabirError):
    """The peer said no: `name` counts, `code` where there is no name. Spec [E1].

    Errors that a service declares and the program has no class for are this."""

    name = ""
    code = 1

    def __init__(self, message: str = "", params: Optional[Mapping[str, Any]] = None, *,
                 name: Optional[str] = None, code: Optional[int] = None) -> None:
        super().__init__(message)
        self.message = message
        self.params: Dict[str, Any] = dict(params or {})
        if name is not None:
            self.name = name
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return self.message or self.name


class Error(SabirError):
    """The base of errors that a service declares, which are data classes:

        @dataclass
        class NoSuchRoom(sabir.Error):
            room: str

    The class is named as the error. `str()` of it is the message."""

    def __reduce__(self) -> Any:
        # pickle would call the class with its args, of which there are none
        slots = {f: getattr(self, f) for c in type(self).__mro__ for f in c.__dict__.get("__slots__", ()) if hasattr(self, f)}
        return _as_was, (type(self), self.args, {**slots, **self.__dict__})

    def __str__(self) -> str:
        fields = ", ".join(f"{k}={v!r}" for k, v in vars(self).items() if not k.startswith("_"))
        return getattr(self, "_message", "") or type(self).__name__ + (f": {fields}" if fields else "")


def _as_was(cls: Type[Error], args: Any, fields: Dict[str, Any]) -> Error:
    e = cls.__new__(cls, *args)
    for name, value in fields.items():
        object.__setattr__(e, name, value)  # also where the class is frozen
    return e


class ParseError(Refused):
    name, code = "rpc.ParseError", -32700


class InvalidRequest(Refused):
    name, code = "rpc.InvalidRequest", -32600


class MethodNotFound(Refused):
    name, code = "rpc.MethodNotFound", -32601


class InvalidParams(Refused):
    """Params do not fit the description; `faults` tells where and why."""

    name, code = "rpc.InvalidParams", -32602

    @property
    def faults(self) -> List[Dict[str, str]]:
        return list(self.params.get("faults", []))


class Internal(Refused):
    name, code = "rpc.Internal", -32603


class Cancelled(Refused):
    name, code = "rpc.Cancelled", -32001


class DeadlineExceeded(Refused):
    name, code = "rpc.DeadlineExceeded", -32002


class Busy(Refused):
    name, code = "rpc.Busy", -32003


class Denied(Refused):
    name, code = "rpc.Denied", -32004


class Draining(Refused):
    name, code = "rpc.Draining", -32005


class Unavailable(Refused):
    """Nobody is there to answer, and nothing was done."""

    name, code = "rpc.Unavailable", -32006


class TooLarge(Refused):
    name, code = "rpc.TooLarge", -32007


class OutcomeUnknown(Refused):
    """The connection ended after the call was sent: it may have run. Spec [O7]."""

    name, code = "rpc.OutcomeUnknown", -32008


class InvalidResult(Refused):
    """Local: the answer does not fit what is declared. Spec [M12]."""

    name, code = "rpc.InvalidResult", -32009


class CertificateError(SabirError):
    """A server shows another certificate than the one it is known by. Spec [K16]."""


OWN: Dict[str, Type[Refused]] = {c.name: c for c in (
    ParseError, InvalidRequest, MethodNotFound, InvalidParams, Internal, Cancelled, DeadlineExceeded, Busy, Denied,
    Draining, Unavailable, TooLarge, OutcomeUnknown, InvalidResult)}

# What a handler may answer without declaring it. Spec [E3].
UNDECLARED = (Busy, Denied, Unavailable, TooLarge)


def from_wire(error: Any) -> Refused:
    """The exception for the member `error` of a response; a TypeError if it is malformed."""
    if not isinstance(error, dict) or not isinstance(error.get("message"), str) or type(error.get("code")) is not int:
        raise TypeError("an error needs a code and a message")
    data = error.get("data")
    data = data if isinstance(data, dict) else {}
    name, params = data.get("name"), data.get("params")
    name = name if isinstance(name, str) else ""
    cls = OWN.get(name, Refused)
    return cls(error["message"], params if isinstance(params, dict) else {}, name=name, code=error["code"])


def to_wire(e: Refused) -> Dict[str, Any]:
    return {"code": e.code, "message": e.message or e.name, "data": {"name": e.name, "params": e.params}}
