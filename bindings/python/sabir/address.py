"""Addresses, and where the sockets of a machine are (spec/addresses.md)."""

from __future__ import annotations

import fcntl
import os
import re
import shlex
import socket
import stat
from typing import List, NamedTuple, Optional
from urllib.parse import SplitResult, unquote, urlsplit

from . import forked
from .errors import SabirError, Unavailable

PORT = 7224


class AddressError(SabirError):
    """An address that is none, or that cannot be used here."""


class Address(NamedTuple):
    kind: str  # unix, exec, tcp or tls
    path: str = ""
    command: List[str] = []
    host: str = ""
    port: int = 0
    fingerprint: str = ""  # of the server's certificate
    credential: str = ""  # ID.SECRET


_name = re.compile(r"[a-z][a-z0-9_-]*")
_token = re.compile(r"[0-9][A-Za-z0-9_-]{9}\.[A-Za-z0-9_-]{22}")  # [K7]
_fingerprint = re.compile(r"[A-Za-z0-9_-]{43}")


def parse(text: str) -> Address:
    """Reads an address as people write it, and finds the socket of a name."""
    if _name.fullmatch(text):
        return Address("unix", find(text))
    if text.startswith(("/", "./", "../")):
        return Address("unix", text)
    kind, _, rest = text.partition(":")
    if kind == "unix" and rest:
        return Address("unix", rest)
    if kind == "exec" and rest.strip():
        return Address("exec", command=shlex.split(rest))
    if kind == "ssh" and rest:
        host, _, service = rest.partition("/")
        if host and not host.startswith("-"):
            return Address("exec", command=["ssh", host, "sabir", "pipe"] + ([service] if service else []))
    if kind == "tcp":
        url = _split("tcp://" + rest)
        if url.path or url.query or url.fragment:
            raise AddressError("address tcp:…: takes a host and a port and nothing else; with a secret it is sabir://HOST:PORT/#t=…")
        if url.hostname and url.port:
            return Address("tcp", host=url.hostname, port=url.port)
    if kind == "sabir":
        return _tls(text)
    raise AddressError(f"address {_shown(text)!r}: expected a name, a path, unix:, exec:, ssh:, tcp:HOST:PORT or sabir://")


def _shown(text: str) -> str:
    """An address without what may be secret, also where something of it is missing. [K20]"""
    before, cut, _ = text.partition("#")
    return _token.sub("…", re.sub("//[^/@]*@", "//…@", before)) + ("#…" if cut else "")


def _split(text: str) -> SplitResult:
    try:
        url = urlsplit(text)
        url.port  # which is looked at only now
        return url
    except ValueError as e:
        raise AddressError(f"address {_shown(text)!r}: {_shown(str(e))}") from None


def _tls(text: str) -> Address:
    url = _split(text)
    given = {}
    for part in filter(None, url.fragment.split("&")):
        key, _, value = part.partition("=")
        if key not in ("fp", "t") or key in given:
            raise AddressError("address sabir://…: after # come fp= and t=, each once")
        given[key] = unquote(value)
    if not url.hostname or url.query or url.username:
        raise AddressError("address sabir://…: expected sabir://HOST[:PORT][/SERVICE][#fp=…&t=…]")
    if "fp" in given and not _fingerprint.fullmatch(given["fp"]):
        raise AddressError("address sabir://…: a fingerprint has 43 characters")
    return Address("tls", host=url.hostname, port=url.port or PORT, fingerprint=given.get("fp", ""), credential=given.get("t", ""))


def _temporary() -> str:
    return f"/tmp/sabir-{os.getuid()}"


def directories() -> List[str]:
    """Where names are looked up, the first one first. [A1]"""
    own = os.environ.get("SABIR_DIR")
    if own:
        return [own]
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(runtime):
        return [os.path.join(runtime, "sabir"), "/run/sabir"]
    if os.getuid() == 0:
        return ["/run/sabir"]
    if os.path.lexists(_temporary()):
        _check(_temporary())
    return [_temporary(), "/run/sabir"]


def _check(path: str) -> None:
    """Refuses a directory that others could have made. [A2]"""
    info = os.lstat(path)
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.getuid() or info.st_mode & 0o077:
        raise AddressError(f"{path}: expected a directory of our own with mode 0700")


def find(name: str) -> str:
    """The socket of a name; Unavailable if there is none."""
    tried = directories()
    for directory in tried:
        path = os.path.join(directory, name + ".sock")
        try:
            if stat.S_ISSOCK(os.stat(path).st_mode):
                return path
        except FileNotFoundError:
            continue
    raise Unavailable(f"no service {name}: no {name}.sock in {' or '.join(tried)}")


class Socket:
    """A unix socket to listen on, 0600 from birth, under a lock that ends with the process. [A3]"""

    def __init__(self, address: str) -> None:
        self._address, self._lock = address, -1
        self.path = self._place()
        self._make()
        forked.hold(self)

    def forked(self) -> None:
        self.socket.close()
        forked.let_go((self._lock,))

    def _place(self) -> str:
        """Where it goes, in a directory that is there."""
        if not _name.fullmatch(self._address):
            a = parse(self._address)
            if a.kind != "unix":
                raise AddressError(f"address {_shown(self._address)!r}: a service listens on a name or a path; sabir front lets the network in")
            return os.path.abspath(a.path)
        directory = os.path.abspath(directories()[0])
        if os.environ.get("SABIR_DIR"):
            os.makedirs(directory, 0o700, exist_ok=True)
        elif not os.path.lexists(directory):
            os.mkdir(directory, 0o755 if directory == "/run/sabir" else 0o700)
        if directory == _temporary():
            _check(directory)
        return os.path.join(directory, self._address + ".sock")

    def _make(self) -> None:
        lock = self._lock if self._locked() else self._acquire(self.path + ".lock")
        try:
            self._clear()
            made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                os.fchmod(made.fileno(), 0o600)  # before bind: the socket is never open to others
                made.bind(self.path)
                os.chmod(self.path, 0o600)  # where fchmod of a socket means nothing
                made.listen(128)
                self._bound = os.lstat(self.path)
            except BaseException:
                made.close()
                raise
        except BaseException:
            if lock != self._lock:
                os.close(lock)
            raise
        if lock != self._lock and self._lock >= 0:
            os.close(self._lock)
        self.socket, self._lock = made, lock

    def again(self) -> bool:
        """Makes another one where somebody has removed it, with its lock or its directory or alone; True: there is one. The
        socket that was is for who listens to close."""
        if os.path.lexists(self.path):
            return False
        try:
            self._place()
            self._make()
        except (OSError, SabirError):
            return False  # the directory may be back later, or who has the name gone
        return True

    def _locked(self) -> bool:
        """Whether our lock is where others look for it."""
        try:
            return self._lock >= 0 and os.path.samestat(os.lstat(self.path + ".lock"), os.fstat(self._lock))
        except OSError:
            return False

    def _acquire(self, name: str) -> int:
        while True:
            lock = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                info = os.fstat(lock)
                if not stat.S_ISREG(info.st_mode) or info.st_uid != os.getuid():
                    raise AddressError(f"{name}: expected a lock file of our own")
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise AddressError(f"{self.path}: another process listens there") from None
                try:
                    if os.path.samestat(os.lstat(name), info):
                        return lock
                except FileNotFoundError:
                    pass
            except BaseException:
                os.close(lock)
                raise
            os.close(lock)  # its last owner removed it meanwhile

    def _clear(self) -> None:
        """Removes a socket that was left behind: ours, and refusing connections."""
        try:
            info = os.lstat(self.path)
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(info.st_mode):
            raise AddressError(f"{self.path}: is no socket; it was left alone")
        if info.st_uid != os.getuid():
            raise AddressError(f"{self.path}: belongs to another user")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(2)
            try:
                s.connect(self.path)
            except ConnectionRefusedError:
                os.unlink(self.path)
                return
            except OSError as e:
                raise AddressError(f"{self.path}: {e}") from None
        raise AddressError(f"{self.path}: another process listens there")

    def remove(self) -> None:
        """Takes it away, unless another is in its place. It must be open still, for then its number is no other file's."""
        try:
            if os.path.samestat(os.lstat(self.path), self._bound):
                os.unlink(self.path)
        except FileNotFoundError:
            pass

    def close(self) -> None:
        self.socket.close()
        if self._locked():
            os.unlink(self.path + ".lock")
        os.close(self._lock)
        self._lock = -1


def default(name: Optional[str]) -> str:
    """The address that is meant without one."""
    address = os.environ.get("SABIR_ADDRESS") or name
    if not address:
        raise AddressError("no address: name a service or set $SABIR_ADDRESS")
    return address
