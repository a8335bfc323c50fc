"""Sockets that whoever started the process has made for it, as systemd and a hub do: sd_listen_fds(3), sd_notify(3)."""

from __future__ import annotations

import os
import socket
from typing import Optional

from .address import AddressError

FIRST = 3  # where inherited descriptors begin


class Lent:
    """A socket that was made for us, which stays in place when we end: who connects then waits for the next run."""

    def __init__(self, number: int) -> None:
        os.set_inheritable(number, False)
        # A copy, since the descriptor stays for those who listen again.
        self.socket = socket.socket(fileno=os.dup(number))
        if self.socket.family != socket.AF_UNIX or not self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            self.socket.close()
            raise AddressError(f"LISTEN_FDS: socket {number - FIRST}: expected a unix socket that listens")
        self.path = str(self.socket.getsockname())

    def close(self) -> None:
        self.socket.close()


def inherited(name: str) -> Optional[Lent]:
    """The socket that was made for a name, None if none was. A single one need not have a name."""
    count = os.environ.get("LISTEN_FDS", "")
    if not count or os.environ.get("LISTEN_PID") != str(os.getpid()):
        return None
    if not count.isdecimal():
        raise AddressError(f"LISTEN_FDS: {count!r} is no number of sockets")
    names = os.environ.get("LISTEN_FDNAMES", "")
    for at, given in enumerate(names.split(":")[:int(count)]):
        if given in (name, name + ".sock", name + ".socket"):
            return Lent(FIRST + at)
    return Lent(FIRST) if count == "1" and names in ("", "unknown") else None


def tell(state: str) -> None:
    """Says how far the process is, as READY=1, to whoever started it and asked to hear."""
    at = os.environ.get("NOTIFY_SOCKET", "")
    if not at:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.connect("\0" + at[1:] if at[0] == "@" else at)
        s.send(state.encode())
