"""The event loop of `serve`: asyncio's, with connections that are served between its turns.

A turn of asyncio's loop costs as much as an ordinary call. So the sockets of connections stand in the selector with
their transports, which read and answer at once, and the loop has a turn only when there is something for it: a timer, a
task that has waited, another thread, any other file. Everything else of asyncio is there for handlers."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import selectors
import socket
import sys
import time
from typing import Any, Callable, Coroutine, List, Optional, Set, Tuple, TypeVar

log = logging.getLogger("sabir")

EAGER = sys.version_info >= (3, 12)
CHUNK = 1 << 16
BACKLOG = 128
PAUSE = 1.0  # before the next try to accept, when there are no files left
T = TypeVar("T")
Ready = List[Tuple[selectors.SelectorKey, int]]


class Transport(asyncio.Transport):
    """A stream socket in a `Loop`. It reads as long as it is open, whatever it has to send. [O3]"""

    def __init__(self, loop: "Loop", sock: socket.socket, protocol: asyncio.Protocol) -> None:
        super().__init__({"socket": sock})
        sock.setblocking(False)
        self.loop, self.sock, self.protocol = loop, sock, protocol
        self.unsent = bytearray()
        self.reading, self.closing, self.lost, self.paused = True, False, False, False
        self.high = 64 << 10

    def start(self) -> None:
        self.loop.ready.register(self.sock, selectors.EVENT_READ, self)
        self.protocol.connection_made(self)

    def serve(self, events: int) -> None:
        """Reads or writes what can be without waiting."""
        if events & selectors.EVENT_WRITE and self.unsent:
            self._send_rest()
        if events & selectors.EVENT_READ and self.reading:
            self._read()

    def _read(self) -> None:
        try:
            data = self.sock.recv(CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as e:
            self._lose(e)
            return
        if data:
            self.protocol.data_received(data)
            return
        self._stop_reading()
        if not self.protocol.eof_received():
            self.close()

    def write(self, data: Any) -> None:
        if self.lost or not data:
            return
        if not self.unsent:
            try:
                sent = self.sock.send(data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError as e:
                self._lose(e)
                return
            if sent == len(data):
                return
            data = data[sent:]
        self.unsent += data
        self._watch()
        if len(self.unsent) > self.high and not self.paused:
            self.paused = True
            self.protocol.pause_writing()

    def _send_rest(self) -> None:
        try:
            sent = self.sock.send(self.unsent)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as e:
            self._lose(e)
            return
        del self.unsent[:sent]
        if self.paused and len(self.unsent) <= self.high // 4:
            self.paused = False
            self.protocol.resume_writing()
        if not self.unsent and not self.lost:
            self._watch()
            if self.closing:
                self._lose(None)

    def get_write_buffer_size(self) -> int:
        return len(self.unsent)

    def set_write_buffer_limits(self, high: Optional[int] = None, low: Optional[int] = None) -> None:
        self.high = self.high if high is None else high

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        """Closes when all is sent."""
        if not self.closing:
            self.closing = True
            self._stop_reading()
            if not self.unsent:
                self._lose(None)

    def abort(self) -> None:
        self._lose(None)

    def _stop_reading(self) -> None:
        if self.reading:
            self.reading = False
            self._watch()

    def _watch(self) -> None:
        """Tells the selector what is waited for."""
        events = (selectors.EVENT_READ if self.reading else 0) | (selectors.EVENT_WRITE if self.unsent else 0)
        there = self.sock in self.loop.ready.get_map()
        if events and there:
            self.loop.ready.modify(self.sock, events, self)
        elif events:
            self.loop.ready.register(self.sock, events, self)
        elif there:
            self.loop.ready.unregister(self.sock)

    def _lose(self, why: Optional[Exception]) -> None:
        if not self.lost:
            self.lost = self.closing = True
            self.reading = False
            self.unsent.clear()
            self._watch()
            self.loop.call_soon(self._ended, why)  # in a turn of its own: whoever writes may be in the middle of something

    def _ended(self, why: Optional[Exception]) -> None:
        try:
            self.protocol.connection_lost(why)
        finally:
            self.sock.close()


class _Selector(selectors.DefaultSelector):
    """What is ready, but for the transports, which are served meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.wanted = False  # a turn of the loop: something was put into it

    def select(self, timeout: Optional[float] = None) -> Ready:
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            self.wanted = False
            ready = super().select(timeout)
            rest: Ready = []
            for key, events in ready:
                if isinstance(key.data, Transport):
                    _guarded(key.data, key.data.serve, events)
                else:
                    rest.append((key, events))
            if rest or self.wanted or not ready:
                return rest
            if until is not None:
                timeout = max(0.0, until - time.monotonic())


def _guarded(transport: Transport, does: Callable[..., None], *args: Any) -> None:
    """What goes wrong with a connection ends it and no other."""
    try:
        does(*args)
    except Exception:
        log.exception("a connection was ended")
        transport.abort()


class Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.ready = _Selector()
        self._held: Optional[List[Any]] = None  # where call_soon puts the first step of a task that begins
        super().__init__(self.ready)
        self._spent = asyncio.Handle(print, (), self)  # for tasks, which do not keep it

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Optional[contextvars.Context] = None) -> asyncio.Handle:
        if self._held is not None:
            self._held.append((callback, args, context))
            return self._spent
        self.ready.wanted = True
        return super().call_soon(callback, *args, context=context)

    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: Optional[contextvars.Context] = None) -> asyncio.TimerHandle:
        self.ready.wanted = True
        return super().call_at(when, callback, *args, context=context)

    def begin(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """A task whose first step is taken at once, which Python can by itself since 3.12. Not for use in a task."""
        if EAGER:
            return eager(self, work)
        held: List[Any] = []
        self._held = held
        try:
            task = asyncio.Task(work, loop=self)
        finally:
            self._held = None
        (step, args, context), = held
        context.run(step, *args)
        return task

    def accept(self, sock: socket.socket, protocol: Callable[[], asyncio.Protocol]) -> None:
        """Takes connections until `remove_reader`."""
        sock.setblocking(False)
        self.add_reader(sock, self._accept, sock, protocol)

    def _accept(self, sock: socket.socket, protocol: Callable[[], asyncio.Protocol]) -> None:
        for _ in range(BACKLOG):
            try:
                peer, _ = sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as e:  # no file is left for another one
                log.error("no connection was taken for %g s: %s", PAUSE, e)
                self.remove_reader(sock)
                self.call_later(PAUSE, self._accept_again, sock, protocol)
                return
            transport = Transport(self, peer, protocol())
            _guarded(transport, transport.start)

    def _accept_again(self, sock: socket.socket, protocol: Callable[[], asyncio.Protocol]) -> None:
        if sock.fileno() >= 0:  # it was not closed meanwhile
            self.accept(sock, protocol)


def eager(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
    task: Any = asyncio.Task  # of which older stubs do not know the parameter
    started: "asyncio.Task[T]" = task(work, loop=loop, eager_start=True)
    return started


def run(main: Coroutine[Any, Any, None]) -> None:
    """`asyncio.run` in a `Loop`."""
    loop = Loop()
    try:
        loop.run_until_complete(main)
    finally:
        loop.run_until_complete(_end(asyncio.all_tasks(loop)))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


async def _end(tasks: "Set[asyncio.Task[Any]]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
