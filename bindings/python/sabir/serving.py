"""Serving: a server, its sockets and its end."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import signal
import socket
import struct
import sys
import threading
from typing import Any, Callable, Dict, Optional, Sequence, Set, Union, cast

from . import forked
from .activation import Lent, inherited, tell
from .address import Socket
from .caller import Caller
from .connection import Connection
from .loop import Loop, run
from .offer import Offer
from .service import Service
from .threads import Threads

log = logging.getLogger("sabir")

GRACE = 10.0  # for calls in flight when the service stops [O9]
THREADS = 256
LOOK = 10.0  # seconds between looks whether the socket is still there
OVERFLOW = 65534  # nobody, and in a user namespace whoever it has no number for


def same_namespace(pid: int) -> bool:
    """Whether users have the same numbers for a process as for us. [A4]"""
    try:
        with open("/proc/self/uid_map") as numbers:
            if numbers.read().split() == ["0", "0", "4294967295"]:
                return True  # it is that of the machine
        return os.readlink("/proc/self/ns/user") == os.readlink(f"/proc/{pid}/ns/user")
    except OSError:
        return False


class Server:
    """Services and the connections to them, in a loop that runs."""

    def __init__(self, services: Sequence[Service], *, product: str = "", version: str = "",
                 level: Optional[Callable[[Caller], str]] = None) -> None:
        self.loop, self.thread = asyncio.get_running_loop(), threading.get_ident()
        self.offer = Offer(list(services), product, version)
        self.level = level
        self.connections: Set[Connection] = set()
        self.threads = Threads(THREADS)
        self.deafen: Callable[[], object] = lambda: None  # ends listening
        self.socket: Union[Socket, Lent, None] = None
        self.looking: "Optional[asyncio.Task[None]]" = None

    def identify(self, sock: Any) -> Caller:
        """Whom the kernel names. [A4]"""
        try:
            raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            pid, uid, _ = struct.unpack("3i", raw)
        except (OSError, AttributeError):
            return Caller("unix", "none")
        if uid == OVERFLOW and not same_namespace(pid):
            return Caller("unix", "none")
        who = Caller("unix", "admin" if uid in (0, os.getuid()) else "none", uid=uid, pid=pid)
        return who._replace(level=self.level(who)) if self.level else who

    async def listen(self, address: str) -> str:
        """Listens at a name or a path, which it returns, or at the socket that was made for that name."""
        self.socket = at = inherited(address) or Socket(address)
        await self._open(at.socket)
        if isinstance(at, Socket):
            self.looking = self.loop.create_task(self._look(at))
        return at.path

    async def _open(self, door: socket.socket) -> None:
        if isinstance(self.loop, Loop):
            self.loop.accept(door, lambda: Connection(self))
            self.deafen = functools.partial(self.loop.refuse, door)
        else:
            stays: Any = {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}  # what is lent is not for asyncio to remove
            self.deafen = (await self.loop.create_unix_server(lambda: Connection(self), sock=door, **stays)).close

    async def _look(self, at: Socket) -> None:
        """Makes the socket again where somebody has removed it: nobody could find us any more."""
        while True:
            await asyncio.sleep(LOOK)
            if at.again():
                self.deafen()
                await self._open(at.socket)

    async def stdio(self, level: str = "admin") -> None:
        """Serves whoever is on stdin and stdout until it ends."""
        caller = Caller("stdio", level)
        connection = Connection(self, caller)
        out, _ = await self.loop.connect_write_pipe(lambda: _Output(connection), os.fdopen(os.dup(1), "wb", 0))
        connection.begin(out, caller)
        read, _ = await self.loop.connect_read_pipe(lambda: _Input(connection), os.fdopen(os.dup(0), "rb", 0))
        await asyncio.shield(connection.done)  # which lives on when this is cancelled
        read.close()

    async def close(self, grace: float = GRACE) -> None:
        """Stops as [O9] says and returns when all is over."""
        if self.looking is not None:
            self.looking.cancel()
        if isinstance(self.socket, Socket):
            self.socket.remove()
        self.deafen()
        if self.socket is not None:
            self.socket.close()
        open = list(self.connections)
        for c in open:
            c.core.drain()
            c.flush()
        if open:
            await asyncio.wait([c.done for c in open], timeout=grace)
        for c in list(self.connections):
            c.core.cancel_all()
            c.flush()
        if self.connections:
            await asyncio.wait([c.done for c in self.connections], timeout=1)
        for c in list(self.connections):
            c.abort()
        self.threads.close()


class _Input(asyncio.Protocol):
    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.connection.reader = cast(asyncio.ReadTransport, transport)

    def data_received(self, data: bytes) -> None:
        self.connection.data_received(data)

    def eof_received(self) -> bool:
        return self.connection.eof_received()


class _Output(asyncio.BaseProtocol):
    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def pause_writing(self) -> None:
        self.connection.pause_writing()

    def resume_writing(self) -> None:
        self.connection.resume_writing()

    def connection_lost(self, exc: Optional[Exception]) -> None:
        self.connection.lost()


async def serve_async(*services: Service, address: Optional[str] = None, ready: Optional[Callable[[str], None]] = None,
                      level: Optional[Callable[[Caller], str]] = None, stdio: bool = False, stdio_level: str = "admin") -> None:
    """Serves until it is cancelled, or with `stdio` until stdin ends: at `address`, or the name of the first service.
    `ready` is called with the path of the socket; `level` gives callers a level by their uid."""
    server = Server(services, level=level)
    try:
        if stdio:
            await server.stdio(stdio_level)
        else:
            path = await server.listen(address or services[0].name)
            if ready:
                ready(path)
            _announce("READY=1")
            try:
                await asyncio.Event().wait()
            finally:
                _announce("STOPPING=1")
    finally:
        await asyncio.shield(server.close())


class _Signals:
    """What signals did before. A child by fork has them back: its own would reach our loop, and end us."""

    def __init__(self) -> None:
        self.before: Dict[signal.Signals, Any] = {}
        forked.hold(self)

    def forked(self) -> None:
        if self.before:
            signal.set_wakeup_fd(-1)
        for number, handler in self.before.items():
            signal.signal(number, handler or signal.SIG_DFL)


def _announce(state: str) -> None:
    """Not to be heard is no reason to end."""
    try:
        tell(state)
    except OSError as e:
        log.error("NOTIFY_SOCKET: %s", e)


def serve(*services: Service, address: Optional[str] = None, ready: Optional[Callable[[str], None]] = None,
          level: Optional[Callable[[Caller], str]] = None, stdio: bool = False, stdio_level: str = "admin") -> None:
    """`serve_async` for programs without a loop: until SIGINT, SIGTERM or SIGHUP, which nohup(1) has it ignore. It is faster,
    by a loop that is made for it."""
    async def main() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        signals = _Signals()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            before = signal.getsignal(number)
            if number != signal.SIGHUP or before is not signal.SIG_IGN:
                try:
                    loop.add_signal_handler(number, task.cancel)
                except (RuntimeError, ValueError):
                    break  # only the main thread has signals
                signals.before[number] = before
        await serve_async(*services, address=address, ready=ready, level=level, stdio=stdio, stdio_level=stdio_level)
    try:
        run(main())
    except asyncio.CancelledError:
        pass
