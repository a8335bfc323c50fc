"""A connection of a server: bytes between a transport of asyncio and a `ServerCore`, handlers as tasks or in threads."""

from __future__ import annotations

import asyncio
import collections.abc
import contextvars
import functools
import inspect
import socket
import threading
from typing import TYPE_CHECKING, Any, AsyncIterator, Callable, Coroutine, Dict, Iterator, List, Optional, Set, Union, cast

from . import forked
from .caller import Caller, current
from .errors import Cancelled
from .loop import EAGER, Loop, eager
from .run import Run
from .server import ServerCore

if TYPE_CHECKING:
    from .serving import Server

STALL = 10.0  # without progress of what is sent [O5]
FULL = 80 << 20  # bytes unsent that end a connection [O5]
HOLD = 1.0  # how long nothing is read where many notifications wait for others to end, and none of them begins
AHEAD = 16  # items that a handler with `def` makes at once
PATIENCE = 0.001  # how long the first of them waits for the others


class Connection(asyncio.Protocol):
    """One connection of a server. Everything happens in the loop's thread but handlers with `def`."""

    def __init__(self, server: "Server", caller: Optional[Caller] = None) -> None:
        self.server, self.loop = server, server.loop
        self.caller = caller
        self.eager = EAGER or isinstance(self.loop, Loop)  # handlers take their first step at once
        self.writer: Optional[asyncio.WriteTransport] = None
        self.tasks: Set["asyncio.Future[Any]"] = set()
        self.reading = self.scheduled = False
        self.done: "asyncio.Future[None]" = self.loop.create_future()
        self.stalled: Optional[asyncio.TimerHandle] = None
        self.written = 0  # bytes, ever
        self.reader: Optional[asyncio.ReadTransport] = None
        self.held: Optional[asyncio.TimerHandle] = None
        self.sock: Any = None
        self.last = False  # nothing more is let in

    def begin(self, writer: asyncio.WriteTransport, caller: Caller) -> None:
        self.writer = writer
        writer.set_write_buffer_limits(high=32 << 10)
        self.core = core = ServerCore(self.server.offer, caller)
        core.unsent = writer.get_write_buffer_size
        core.on_run = self.run
        core.on_wake = self.wake
        core.on_hold = self._hold
        core.on_last = self._last
        self.server.connections.add(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self.caller is None:
            self.reader = cast(asyncio.ReadTransport, transport)
            forked.hold(self)
            sock = transport.get_extra_info("socket")
            self.sock = sock
            self.begin(cast(asyncio.WriteTransport, transport), self.server.identify(sock))

    def forked(self) -> None:
        if self.writer is not None and not self.writer.is_closing():
            forked.let_go((self.writer.get_extra_info("socket").fileno(),))

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
        if self.stalled is None:
            self._watch(-1)

    def resume_writing(self) -> None:
        self.core.pump()
        self.flush()

    def _watch(self, before: int) -> None:
        """Ends a connection of which nothing could be sent for too long."""
        self.stalled = None
        left = self.writer.get_write_buffer_size() if self.writer and not self.done.done() else 0
        sent = self.written - left  # which grows also where there is always the same left
        if left and sent == before:
            self.abort()
        elif left:
            self.stalled = self.loop.call_later(STALL, self._watch, sent)

    def wake(self) -> None:
        """Something was published, perhaps in another thread."""
        if not self.scheduled:
            self.scheduled = True
            if threading.get_ident() == self.server.thread:
                self.loop.call_soon(self._pump)
            else:
                self.from_thread(self._pump)

    def from_thread(self, does: Callable[..., object], *args: Any) -> None:
        try:
            self.loop.call_soon_threadsafe(does, *args)
        except RuntimeError:
            pass  # the loop has ended

    def _pump(self) -> None:
        self.scheduled = False
        if not self.done.done():
            self.core.call_up()
            if self.held is not None and self.core.short:
                self._go_on()
            self.core.pump()
            self.flush()

    def _last(self) -> bool:
        if self.sock is None or self.last:
            return self.last
        try:
            self.sock.shutdown(socket.SHUT_RD)  # who sends from now on is told so, and what was sent before can be read
        except (OSError, TypeError):  # it is gone, or of a loop that allows no such thing
            return False
        self.last = True
        return True

    def _hold(self) -> None:
        if self.reader is not None:
            self.reader.pause_reading()
        self.held = self.loop.call_later(HOLD, self._held)

    def _held(self) -> None:
        if self.core.moved and not self.core.short and not self.done.done():
            self.core.moved = False
            self.held = self.loop.call_later(HOLD, self._held)
        else:
            self._go_on()

    def _go_on(self) -> None:
        """Reads on, since there is room or it has waited enough."""
        if self.held is not None:
            self.held.cancel()
            self.held = None
        if not self.done.done() and self.core.go_on() and self.reader is not None:
            self.reader.resume_reading()
        self.flush()

    def flush(self) -> None:
        if self.reading or self.writer is None or self.done.done():
            return
        if self.core.out:
            data = self.core.take()
            self.written += len(data)
            self.writer.write(data)
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
            for timer in (self.stalled, self.held):
                if timer is not None:
                    timer.cancel()
            if self.writer is not None:
                self.core.close()

    # Handlers

    def run(self, run: Run) -> None:
        arrived = self.loop.time() if run.timeout else 0.0
        token = current.set(run.caller)  # of which a task or a thread has its own copy
        try:
            name, service, function = run.member.name, run.service, run.service.functions.get(run.member.name)
            if function is None:
                self._in_order(self._subscribe, run)
            elif run.member.kind == "stream":
                self._begin(run, self._stream(run, function, run.values))
            elif name in service.coroutines:
                self._begin(run, function(**run.values))
            else:
                call = functools.partial(contextvars.copy_context().run, function, **run.values)
                self._in_order(self._submit, run, call)
        finally:
            current.reset(token)
        if run.timeout and not run.answered:
            run.on_over = self.loop.call_at(arrived + run.timeout, self._expire, run).cancel

    def _in_order(self, does: Callable[..., object], *args: Any) -> None:
        """Behind the tasks that were asked for before. [O2]"""
        if self.eager:
            does(*args)
        else:
            self.loop.call_soon(does, *args)

    def _begin(self, run: Run, work: Coroutine[Any, Any, Any]) -> None:
        whole = self._finish(run, work)
        if isinstance(self.loop, Loop):
            task = self.loop.begin(whole)
        else:
            task = eager(self.loop, whole) if EAGER else self.loop.create_task(whole)
        if task.done():
            return
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

        def end() -> None:
            task.cancel()
            if not run.entered:  # it never takes its first step
                work.close()
                run.release()
        run.on_end = end

    async def _finish(self, run: Run, work: Coroutine[Any, Any, Any]) -> None:
        run.entered = True
        try:
            result = await work
        except asyncio.CancelledError as e:
            if not run.answered:
                run.fail(e)
            run.release()
        except Exception as e:
            run.fail(e)
        except (SystemExit, KeyboardInterrupt) as e:  # the service ends, and who asked for it is answered
            run.fail(e)
            self.reading = False  # what came behind it is not looked at
            self.flush()
            raise
        else:
            run.finish(result)
        if not self.reading:  # else what is to be sent goes out behind what came in
            self.flush()

    def _submit(self, run: Run, work: Callable[[], Any]) -> None:
        if run.answered and run.id is not None:
            run.release()  # cancelled before it began
        else:
            self.server.threads.submit(self._in_thread, run, work)

    def _in_thread(self, run: Run, work: Callable[[], Any]) -> None:
        """Runs a handler that may block. It cannot be stopped, so its slot is taken until it returns. [S7]"""
        try:
            result = work()
        except BaseException as e:
            self.from_thread(self._returned, run.fail, e)
        else:
            self.from_thread(self._returned, run.finish, result)

    def _returned(self, tell: Callable[[Any], None], what: Any) -> None:
        tell(what)
        self.flush()

    def _subscribe(self, run: Run) -> None:
        if not self.done.done():
            self.core.subscribe(run)
            self.flush()

    def _expire(self, run: Run) -> None:
        run.expire()
        self.flush()

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
            connection.wake()  # it is sent at the end of this turn, with others, however long the next one takes
        return
    ahead = _Ahead(connection, iter(source))
    try:
        while True:
            items = await ahead.take()
            for item in items:
                yield item
            if not items:
                break
    finally:
        ahead.left = True
    if ahead.failure is not None:
        raise ahead.failure


class _Ahead:
    """Items of an iterator that may block, made in a thread: some at once, for a change of threads costs more than most
    items, but each can be taken as soon as it is there."""

    def __init__(self, connection: Connection, iterator: Iterator[Any]) -> None:
        self.connection, self.iterator = connection, iterator
        self.context = contextvars.copy_context()
        self.lock = threading.Lock()
        self.items: List[Any] = []
        self.making = self.eager = self.ended = self.left = False
        self.failure: Optional[BaseException] = None
        self.waiting: "Optional[asyncio.Future[None]]" = None

    async def take(self) -> List[Any]:
        """Those that are there, at least one; none at the end."""
        while True:
            with self.lock:
                items, self.items = self.items, []
                if items or self.ended and not self.making:
                    return items
                if not self.making:
                    self.making, self.eager = True, False
                    self.connection.server.threads.submit(self.context.copy().run, self._make)  # the thread before may still be in the other
                self.waiting = waiting = self.connection.loop.create_future()
            self.connection.flush()
            clock = None if self.eager else self.connection.loop.call_later(PATIENCE, self._look)
            try:
                await waiting
            finally:
                if clock is not None:
                    clock.cancel()

    def _look(self) -> None:
        """Takes no more time to collect some."""
        with self.lock:
            self.eager = True
            there = self.waiting is not None and bool(self.items)
        if there:
            self._tell()

    def _make(self) -> None:
        for n in range(1, AHEAD + 1):
            try:
                item = next(self.iterator)
            except BaseException as e:
                self.failure = None if isinstance(e, StopIteration) else e
                self.ended = True
                self._put([], True)
                return
            self._put([item], n == AHEAD)
            if self.left:
                return

    def _put(self, items: List[Any], last: bool) -> None:
        with self.lock:
            self.items += items
            self.making = not last
            tell = self.waiting is not None and (last or self.eager)
        if tell:
            self.connection.from_thread(self._tell)

    def _tell(self) -> None:
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_result(None)
