"""The event loop of `serve`: asyncio's, with connections that are served between its turns.

A turn of asyncio's loop costs as much as an ordinary call. So the sockets of connections stand in its selector beside
what it waits for itself; their transports read and answer there and then, and the loop has a turn only when there is
something for it: a timer, a task that has waited, another thread, any other file. Everything else of asyncio is there
for handlers. It needs epoll: without, `serve` has the loop that asyncio has."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import select
import selectors
import socket
import sys
import time
from typing import TYPE_CHECKING, Any, Callable, Coroutine, Dict, List, Mapping, Optional, Set, Tuple, TypeVar

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
        self.held = False  # its reading, by who serves it
        self.high = 64 << 10
        self.watched = 0  # the events that the selector knows

    def start(self) -> None:
        self._watch()
        self.protocol.connection_made(self)

    def serve(self, events: int) -> None:
        """Reads and writes what can be without waiting."""
        if events & ~select.EPOLLIN and self.unsent:
            self._send_rest()
        if events & ~select.EPOLLOUT and self.reading:
            try:
                data = self.sock.recv(CHUNK)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as e:
                self._lose(e)
                return
            if data:
                self.protocol.data_received(data)
            else:
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

    def fail(self) -> None:
        """Ends it for the exception that is being handled."""
        log.exception("a connection was ended")
        self.abort()

    def pause_reading(self) -> None:
        self.held = self.held or self.reading
        self._stop_reading()

    def resume_reading(self) -> None:
        if self.held and not self.closing:
            self.held, self.reading = False, True
            self._watch()

    def _stop_reading(self) -> None:
        if self.reading:
            self.reading = False
            self._watch()

    def _watch(self) -> None:
        """Tells the selector what is waited for. A socket that waits for nothing must not be known: its end would wake."""
        events = (select.EPOLLIN if self.reading else 0) | (select.EPOLLOUT if self.unsent else 0)
        if events != self.watched:
            self.loop.ready.watch(self, self.watched, events)
            self.watched = events

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


class _Selector(selectors.BaseSelector):
    """What is ready of what asyncio waits for, which is in a selector of its own; transports are served meanwhile."""

    def __init__(self) -> None:
        self.files = selectors.EpollSelector()
        self.epoll = select.epoll()
        self.epoll.register(self.files.fileno(), select.EPOLLIN)
        self.transports: Dict[int, Transport] = {}
        self.wanted = False  # a turn of the loop: something was put into it

    def select(self, timeout: Optional[float] = None) -> Ready:
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            self.wanted = False
            ready = self.epoll.poll(timeout)
            for fd, events in ready:
                transport = self.transports.get(fd)
                if transport is None:
                    self.wanted = True  # it is one of asyncio's files, or the connection has just ended
                    continue
                try:
                    transport.serve(events)
                except Exception:  # ends this one and no other
                    transport.fail()
            if self.wanted or not ready:
                return self.files.select(0)
            if until is not None:
                timeout = max(0.0, until - time.monotonic())

    def watch(self, transport: Transport, before: int, events: int) -> None:
        fd = transport.sock.fileno()
        if before and events:
            self.epoll.modify(fd, events)
        elif events:
            self.epoll.register(fd, events)
            self.transports[fd] = transport
        else:
            self.epoll.unregister(fd)
            del self.transports[fd]

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self.files.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self.files.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self.files.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self.files.get_map()

    def close(self) -> None:
        self.files.close()
        self.epoll.close()


class Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.ready = _Selector()
        self._held: Optional[List[Any]] = None  # where call_soon puts the first step of a task that begins
        super().__init__(self.ready)
        self._spent = asyncio.Handle(print, (), self)  # for tasks, which do not keep it

    def _soon(self, callback: Callable[..., object], *args: Any, context: Optional[contextvars.Context] = None) -> asyncio.Handle:
        if self._held is not None:
            self._held.append((callback, args, context))
            return self._spent
        self.ready.wanted = True
        return super().call_soon(callback, *args, context=context)

    def _at(self, when: float, callback: Callable[..., object], *args: Any, context: Optional[contextvars.Context] = None) -> asyncio.TimerHandle:
        self.ready.wanted = True
        return super().call_at(when, callback, *args, context=context)

    if not TYPE_CHECKING:  # no two stubs agree on what they take
        call_soon, call_at = _soon, _at

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
        """Takes connections until `refuse`."""
        sock.setblocking(False)
        self.add_reader(sock, self._accept, sock, protocol)

    def refuse(self, sock: socket.socket) -> None:
        """Takes no more of them, and closes what they come by."""
        self.remove_reader(sock)
        sock.close()

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
            try:
                transport.start()
            except Exception:
                transport.fail()

    def _accept_again(self, sock: socket.socket, protocol: Callable[[], asyncio.Protocol]) -> None:
        if sock.fileno() >= 0:  # it was not closed meanwhile
            self.accept(sock, protocol)


def eager(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
    task: Any = asyncio.Task  # of which older stubs do not know the parameter
    started: "asyncio.Task[T]" = task(work, loop=loop, eager_start=True)
    return started


def run(main: Coroutine[Any, Any, None]) -> None:
    """`asyncio.run` in a `Loop`."""
    if not hasattr(select, "epoll"):
        asyncio.run(main)
        return
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
