"""Serving over asyncio: sockets and stdio around `ServerCore`, handlers as tasks or in threads."""

from __future__ import annotations

import asyncio
import collections.abc
import contextvars
import inspect
import os
import signal
import socket
import struct
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any, AsyncIterator, Callable, Dict, Iterator, List, Optional, Sequence, Set, Union, cast

from .address import Socket
from .caller import Caller, current
from .errors import Cancelled
from .offer import Offer
from .run import Run
from .server import ServerCore
from .service import Service

GRACE = 10.0  # for calls in flight when the service stops [O9]
STALL = 10.0  # without progress of what is sent [O5]
FULL = 16 << 20
THREADS = 256

_EAGER = sys.version_info >= (3, 12)
_END = object()


class Connection(asyncio.Protocol):
    """One connection of a server. Everything happens in the loop's thread but handlers with `def`."""

    def __init__(self, server: "Server", caller: Optional[Caller] = None) -> None:
        self.server, self.loop = server, server.loop
        self.caller = caller
        self.writer: Optional[asyncio.WriteTransport] = None
        self.tasks: Set["asyncio.Future[Any]"] = set()
        self.reading = self.scheduled = False
        self.done: "asyncio.Future[None]" = self.loop.create_future()
        self.stalled: Optional[asyncio.TimerHandle] = None
        self.eof_pending = False

    def begin(self, writer: asyncio.WriteTransport, caller: Caller) -> None:
        self.writer = writer
        writer.set_write_buffer_limits(high=32 << 10)
        self.core = core = ServerCore(self.server.offer, caller)
        core.unsent = writer.get_write_buffer_size
        core.on_run = self.run
        core.on_wake = self.wake
        self.server.connections.add(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self.caller is None:
            sock = transport.get_extra_info("socket")
            self.begin(cast(asyncio.WriteTransport, transport), self.server.identify(sock))

    def data_received(self, data: bytes) -> None:
        self.reading = True
        self.core.receive(data)
        self.reading = False
        self.flush()

    def eof_received(self) -> bool:
        self.core.eof()
        self.flush()
        return True  # what is in flight is answered first [O6]

    def connection_lost(self, exc: Optional[Exception]) -> None:
        self.lost()

    def pause_writing(self) -> None:
        self._watch(-1)

    def resume_writing(self) -> None:
        self.core.pump()
        self.flush()

    def _watch(self, before: int) -> None:
        """Ends a connection of which nothing could be sent for too long."""
        left = self.writer.get_write_buffer_size() if self.writer and not self.done.done() else 0
        if left and left == before:
            self.abort()
        elif left:
            self.stalled = self.loop.call_later(STALL, self._watch, left)

    def wake(self) -> None:
        """Something was published, perhaps in another thread."""
        if not self.scheduled:
            self.scheduled = True
            try:
                self.loop.call_soon_threadsafe(self._pump)
            except RuntimeError:
                pass  # the loop has ended

    def _pump(self) -> None:
        self.scheduled = False
        if not self.done.done():
            self.core.pump()
            self.flush()

    def flush(self) -> None:
        if self.reading or self.writer is None or self.done.done():
            return
        if self.core.out:
            self.writer.write(self.core.take())
            if self.writer.get_write_buffer_size() > FULL:
                self.abort()
                return
            if self.core.streams and self.core.roomy():
                self.core.pump()
                if self.core.out:
                    self.wake()  # the rest in the next turn, so that others have theirs
        if self.core.closing and not self.core.out:
            self.writer.close()

    def abort(self) -> None:
        if self.writer is not None:
            self.writer.abort()

    def lost(self) -> None:
        if not self.done.done():
            self.done.set_result(None)
            self.server.connections.discard(self)
            if self.stalled:
                self.stalled.cancel()
            if self.writer is not None:
                self.core.close()

    # Handlers

    def run(self, run: Run) -> None:
        timer = self.loop.call_later(run.timeout, self._expire, run) if run.timeout else None
        if timer:
            run.on_over = timer.cancel
        if run.member.kind in ("topic", "state", "table"):
            if _EAGER:
                self.core.subscribe(run)
            else:
                self.loop.call_soon(self._subscribe, run)  # behind the tasks that were asked for before it [O2]
            return
        service, name = run.service, run.member.name
        function = service.functions[name]
        arguments = service.arguments(name, run.values)
        context = contextvars.copy_context()
        context.run(current.set, run.caller)
        if run.member.kind == "stream":
            work = self._stream(run, function, arguments)
        elif name in service.coroutines:
            work = function(**arguments)
        else:
            work = self._threaded(context, function, arguments)
        task = self._start(self._finish(run, work), context)
        if task.done():
            return
        self.tasks.add(task)

        def end() -> None:
            task.cancel()
            if not run.entered:  # it never takes its first step
                self.tasks.discard(task)
                work.close()
                run.release()
        run.on_end = end

    def _subscribe(self, run: Run) -> None:
        if not self.done.done():
            self.core.subscribe(run)
            self.flush()

    def _expire(self, run: Run) -> None:
        run.expire()
        self.flush()

    def _start(self, work: Any, context: contextvars.Context) -> "asyncio.Future[Any]":
        if _EAGER:  # the first step at once: a handler that does not wait is answered with the message that asked
            eager: Any = asyncio.Task  # of which older stubs do not know the parameter
            return context.run(self._eager, eager, work)
        return context.run(self.loop.create_task, work)

    def _eager(self, task: Any, work: Any) -> "asyncio.Future[Any]":
        started: "asyncio.Future[Any]" = task(work, loop=self.loop, eager_start=True)
        return started

    async def _finish(self, run: Run, work: Any) -> None:
        run.entered = True
        try:
            result = await work
        except asyncio.CancelledError as e:
            if not run.answered:
                run.fail(e)
            run.release()
        except Exception as e:
            run.fail(e)
        else:
            run.finish(result)
        finally:
            self.tasks.discard(asyncio.current_task())  # type: ignore[arg-type]
        self.flush()

    async def _threaded(self, context: contextvars.Context, function: Callable[..., Any], arguments: Dict[str, Any]) -> Any:
        inside = context.copy()  # the other one may be entered here still
        future: "asyncio.Future[Any]" = self.loop.run_in_executor(self.server.threads, lambda: inside.run(function, **arguments))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            # A thread cannot be stopped; its slot is taken until it returns. [S7]
            await asyncio.wait([future])
            raise

    async def _stream(self, run: Run, function: Callable[..., Any], arguments: Dict[str, Any]) -> None:
        source = function(**arguments)
        if inspect.isawaitable(source):
            source = await source
        ready = asyncio.Event()
        run.on_ready = ready.set
        count = 0
        async for item in _items(self, source):
            while not run.can_send and not run.answered:
                ready.clear()
                self.flush()
                if run.stuck:
                    self.core.refuse(run, Cancelled("nobody reads any more"))
                if not run.can_send and not run.answered:
                    await ready.wait()
            if run.answered:
                break
            run.item(item)
            count += 1
            if count % 64 == 0:
                self.flush()
                await asyncio.sleep(0)  # one stream holds up nobody


async def _items(connection: Connection, source: Union[Iterator[Any], AsyncIterator[Any]]) -> AsyncIterator[Any]:
    if isinstance(source, collections.abc.AsyncIterable):
        async for item in source:
            yield item
        return
    iterator: Iterator[Any] = iter(source)
    while True:  # some at once: a change of threads costs more than most items
        batch, ended = await connection.loop.run_in_executor(connection.server.threads, _batch, iterator)
        for item in batch:
            yield item
        if ended:
            return


def _batch(iterator: Iterator[Any]) -> Any:
    items: List[Any] = []
    for item in iterator:
        items.append(item)
        if len(items) == 16:
            return items, False
    return items, True


class Server:
    """Services and the connections to them, in a loop that runs."""

    def __init__(self, services: Sequence[Service], *, product: str = "", version: str = "",
                 level: Optional[Callable[[Caller], str]] = None) -> None:
        self.loop = asyncio.get_running_loop()
        self.offer = Offer(list(services), product, version)
        self.level = level
        self.connections: Set[Connection] = set()
        self.threads = ThreadPoolExecutor(THREADS, "sabir")
        self.listener: Optional[asyncio.AbstractServer] = None
        self.socket: Optional[Socket] = None

    def identify(self, sock: Any) -> Caller:
        """Whom the kernel names. [A4]"""
        try:
            raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            pid, uid, _ = struct.unpack("3i", raw)
        except (OSError, AttributeError):
            return Caller("unix", "none")
        who = Caller("unix", "admin" if uid in (0, os.getuid()) else "none", uid=uid, pid=pid)
        return who._replace(level=self.level(who)) if self.level else who

    async def listen(self, address: str) -> str:
        """Listens at a name or a path, which it returns."""
        self.socket = Socket(address)
        self.listener = await self.loop.create_unix_server(lambda: Connection(self), sock=self.socket.socket)
        return self.socket.path

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
        if self.listener is not None:
            self.listener.close()
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
        self.threads.shutdown(wait=False)


class _Input(asyncio.Protocol):
    def __init__(self, connection: Connection) -> None:
        self.connection = connection

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
            await asyncio.Event().wait()
    finally:
        await asyncio.shield(server.close())


def serve(*services: Service, address: Optional[str] = None, ready: Optional[Callable[[str], None]] = None,
          level: Optional[Callable[[Caller], str]] = None, stdio: bool = False, stdio_level: str = "admin") -> None:
    """`serve_async` for programs without a loop: until SIGINT or SIGTERM."""
    async def main() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        await serve_async(*services, address=address, ready=ready, level=level, stdio=stdio, stdio_level=stdio_level)
    try:
        asyncio.run(main())
    except asyncio.CancelledError:
        pass
