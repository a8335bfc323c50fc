"""Bytes for the blocking client: sockets, TLS, and the stdin and stdout of a child."""

from __future__ import annotations

import ipaddress
import os
import select
import socket
import ssl
import subprocess
import threading
import time
from typing import Optional

from . import forked, trust
from .address import Address, AddressError
from .errors import Unavailable

CHUNK = 1 << 16
LEAST = 2.0  # seconds for an address
FULL = 0.02  # and before the next try at a service that has not accepted those before us


class Link:
    """One reader and one writer at a time, each in any thread. Timeouts are in seconds, None for none."""

    def recv(self, timeout: Optional[float]) -> bytes:
        """Some bytes, b'' at the end; TimeoutError."""
        raise NotImplementedError

    def send(self, data: memoryview, timeout: Optional[float]) -> int:
        """Sends some bytes, and returns how many; TimeoutError if none can be."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def forked(self) -> None:
        """The child has a link of its own if it wants one."""
        raise NotImplementedError


class SocketLink(Link):
    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(None)
        self.sock = sock
        self.poll = select.poll()
        self.poll.register(sock, select.POLLIN)
        forked.hold(self)

    def recv(self, timeout: Optional[float]) -> bytes:
        if timeout is not None and not self.poll.poll(max(0.0, timeout) * 1000):
            raise TimeoutError
        return self.sock.recv(CHUNK)

    def send(self, data: memoryview, timeout: Optional[float]) -> int:
        while True:
            try:
                return self.sock.send(data, socket.MSG_DONTWAIT)
            except BlockingIOError:
                await_room(self.sock.fileno(), timeout)

    def close(self) -> None:
        try:
            self.sock.shutdown(socket.SHUT_RDWR)  # ends a recv in another thread
        except OSError:
            pass
        self.sock.close()

    def forked(self) -> None:
        self.sock.close()


class TLSLink(Link):
    """TLS, of which reading and writing at once is not safe: the lock is held for what does not wait."""

    def __init__(self, sock: ssl.SSLSocket) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.lock = threading.Lock()
        forked.hold(self)

    def forked(self) -> None:
        self.sock.close()

    def _wait(self, read: bool, timeout: Optional[float]) -> None:
        poll = select.poll()
        poll.register(self.sock, select.POLLIN if read else select.POLLOUT)
        if not poll.poll(None if timeout is None else max(0.0, timeout) * 1000):
            raise TimeoutError

    def recv(self, timeout: Optional[float]) -> bytes:
        while True:
            try:
                with self.lock:
                    return self.sock.recv(CHUNK)
            except ssl.SSLWantReadError:
                self._wait(True, timeout)
            except ssl.SSLWantWriteError:
                self._wait(False, timeout)

    def send(self, data: memoryview, timeout: Optional[float]) -> int:
        while True:
            try:
                with self.lock:
                    return self.sock.send(data)
            except ssl.SSLWantWriteError:
                self._wait(False, timeout)
            except ssl.SSLWantReadError:
                self._wait(True, timeout)

    def close(self) -> None:
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()


class ChildLink(Link):
    def __init__(self, command: "list[str]") -> None:
        try:
            self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        except OSError as e:
            raise Unavailable(f"exec:{command[0]}: {e.strerror}") from None
        assert self.child.stdin and self.child.stdout
        self.input, self.output = self.child.stdin.fileno(), self.child.stdout.fileno()
        os.set_blocking(self.input, False)
        self.poll = select.poll()
        self.poll.register(self.output, select.POLLIN)
        forked.hold(self)

    def forked(self) -> None:
        assert self.child.stdin and self.child.stdout
        forked.let_go(f.fileno() for f in (self.child.stdin, self.child.stdout) if not f.closed)

    def recv(self, timeout: Optional[float]) -> bytes:
        if timeout is not None and not self.poll.poll(max(0.0, timeout) * 1000):
            raise TimeoutError
        return os.read(self.output, CHUNK)

    def send(self, data: memoryview, timeout: Optional[float]) -> int:
        while True:
            try:
                return os.write(self.input, data)
            except BlockingIOError:
                await_room(self.input, timeout)

    def close(self) -> None:
        assert self.child.stdin and self.child.stdout
        self.input = -1  # the number may be another file's soon
        self.child.stdin.close()
        try:
            self.child.wait(2)
        except subprocess.TimeoutExpired:
            self.child.terminate()
            try:
                self.child.wait(2)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        self.child.stdout.close()


def await_room(fd: int, timeout: Optional[float]) -> None:
    """Waits until something can be written; TimeoutError."""
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    if not poll.poll(None if timeout is None else max(0.0, timeout) * 1000):
        raise TimeoutError


def loopback(host: str) -> None:
    """Without TLS only this machine, judged by the address. [K20]"""
    for *_, address in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM):
        if not ipaddress.ip_address(str(address[0]).split("%")[0]).is_loopback:
            raise AddressError(f"tcp:{host} is not this machine, and tcp: has no TLS; use sabir://{host}")


def watch(sock: socket.socket) -> None:
    """Has the system find within 45 s that the other end is gone without a word. [O8]"""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # The last is for what was sent and is not acknowledged; on Linux it also ends the asking, hence a little less.
    for name, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPALIVE", 15), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 2), ("TCP_USER_TIMEOUT", 40_000)):
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def share(until: float, n: int) -> float:
    """How long the next of n addresses of a host may take, of which some may be dead; TimeoutError."""
    rest = until - time.monotonic()
    if rest <= 0:
        raise TimeoutError("timed out")
    return min(rest, max(LEAST, rest / n))


def reach(host: str, port: int, until: float) -> socket.socket:
    """Connects to the first of the addresses of a host that answers, and leaves the rest of the time as the time-out."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    fault: OSError = TimeoutError("timed out")
    for i, (family, kind, protocol, _, address) in enumerate(found):
        try:
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(share(until, len(found) - i))
                sock.connect(address)
                sock.settimeout(share(until, 1))
                return sock
            except OSError:
                sock.close()
                raise
        except OSError as e:
            fault = e
    raise fault


def dial(a: Address, until: float) -> Link:
    """Connects; whose certificate it is has not been judged then."""
    if a.kind == "exec":
        return ChildLink(a.command)
    sock: Optional[socket.socket] = None
    try:
        if a.kind == "unix":
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            while True:
                sock.settimeout(share(until, 1))
                try:
                    sock.connect(a.path)
                    return SocketLink(sock)
                except BlockingIOError:  # more wait to be accepted than there is room for, and no time-out is for that
                    time.sleep(FULL)
        if a.kind == "tcp":
            loopback(a.host)
        sock = reach(a.host, a.port, until)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        watch(sock)
        if a.kind == "tcp":
            return SocketLink(sock)
        return TLSLink(trust.context().wrap_socket(sock, server_hostname=a.host))
    except OSError as e:
        if sock is not None:
            sock.close()
        where = a.path or f"{a.host}:{a.port}"
        raise Unavailable(f"TLS to {where}: {e}" if isinstance(e, ssl.SSLError) else f"nobody answers at {where}: {e.strerror or e}") from None
