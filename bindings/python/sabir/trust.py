"""Whom a client trusts over the network: certificates, the files of known hosts and of secrets (spec/security.md)."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import re
import ssl
import stat
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

from .address import Address
from .errors import CertificateError, Denied, SabirError

_fingerprint = re.compile(r"[A-Za-z0-9_-]{43}")


def fingerprint(certificate: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(certificate).digest()).decode().rstrip("=")


def context() -> ssl.SSLContext:
    """TLS 1.3, in which only the certificate's hash counts. [K15] [K16]"""
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.minimum_version = ssl.TLSVersion.TLSv1_3
    c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
    c.set_alpn_protocols(["sabir/1"])
    return c


def host_port(a: Address) -> str:
    host = a.host.lower()
    return f"[{host}]:{a.port}" if ":" in host else f"{host}:{a.port}"


def client_dir() -> str:
    """Where a client keeps what it knows, as the command sabir does."""
    state = os.environ.get("XDG_STATE_HOME", "")
    if os.path.isabs(state):
        base = os.path.join(state, "sabir")
    elif os.getuid() == 0 and not os.environ.get("XDG_RUNTIME_DIR"):
        base = "/var/lib/sabir"
    else:
        base = os.path.join(os.path.expanduser("~"), ".local", "state", "sabir")
    return os.path.join(base, "client")


def _read(path: str) -> str:
    """A file that nobody else could have written; '' if there is none. [K19]"""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    with os.fdopen(fd, encoding="utf-8") as f:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode) or info.st_uid not in (os.getuid(), 0) or info.st_mode & 0o022:
            raise SabirError(f"{path}: others could have written it; expected a file of our own with mode 0600")
        return f.read()


def _change(path: str, edit: Callable[[str], str]) -> None:
    os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
    lock = os.open(path + ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        text = edit(_read(path))
        new = f"{path}.{os.getpid()}.new"
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as f:
            f.write(text)
            f.flush()
            os.fsync(fd)
        os.rename(new, path)
    finally:
        os.close(lock)


class Known(NamedTuple):
    pin: str
    next: str = ""


class KnownHosts:
    """The file of known hosts: a line for each host:port, its fingerprint and the next one."""

    def __init__(self, path: str = "") -> None:
        self.path = path or os.path.join(client_dir(), "known_hosts")

    def all(self, text: Optional[str] = None) -> Dict[str, Known]:
        hosts: Dict[str, Known] = {}
        for number, line in enumerate((_read(self.path) if text is None else text).splitlines(), 1):
            fields = line.split()
            if not fields or fields[0].startswith("#"):
                continue
            if not 2 <= len(fields) <= 3 or fields[0] in hosts or not all(map(_fingerprint.fullmatch, fields[1:])):
                raise SabirError(f"{self.path}:{number}: expected HOST:PORT and one or two fingerprints, each host once")
            hosts[fields[0]] = Known(*fields[1:])
        return hosts

    def learn(self, host: str, pin: str, next: str) -> None:
        """Enters what a proved server showed and announced. [K17] [K18]"""
        if next and not _fingerprint.fullmatch(next):
            return
        if self.all().get(host) == Known(pin, next):
            return

        def edit(text: str) -> str:
            self.all(text)  # what cannot be read is not changed
            line = " ".join(filter(None, (host, pin, next)))
            lines = text.splitlines()
            at = [i for i, old in enumerate(lines) if old.split()[:1] == [host]]
            if at:
                lines[at[0]] = line
            else:
                lines.append(line)
            return "\n".join(lines) + "\n"
        _change(self.path, edit)


def secret_for(a: Address) -> Tuple[str, str]:
    """What to say to a server: from the address, else from the file of secrets."""
    credential = a.credential
    if not credential:
        path = os.path.join(client_dir(), "secrets")
        for number, line in enumerate(_read(path).splitlines(), 1):
            fields = line.split()
            if not fields or fields[0].startswith("#"):
                continue
            if len(fields) != 2:
                raise SabirError(f"{path}:{number}: is not HOST:PORT ID.SECRET")
            if fields[0] == host_port(a):
                credential = fields[1]
    id, dot, secret = credential.rpartition(".")
    if not dot:
        raise Denied(f"no credential for {host_port(a)}: sabir pair there and sabir join here make one", {"needs": "auth"})
    return id, secret


class Trust:
    """What is decided about one server while a connection to it begins."""

    def __init__(self, a: Address, hosts: Optional[KnownHosts] = None) -> None:
        self.address, self.host = a, host_port(a)
        self.hosts = hosts or KnownHosts()
        self.shown = ""
        self.accepted: List[str] = []

    def judge(self, certificate: bytes) -> bytes:
        """Refuses another certificate than the one known; returns the binding. [K16]"""
        self.shown = fingerprint(certificate)
        self.accepted = [self.address.fingerprint] if self.address.fingerprint else list(filter(None, self.hosts.all().get(self.host) or ()))
        if self.accepted and self.shown not in self.accepted:
            raise CertificateError(
                f"{self.host} shows the certificate {self.shown} and is known by {self.accepted[0]}: somebody stands in between, or it "
                f"has a new one; sabir trust accept {self.host} {self.shown} accepts that")
        return hashlib.sha256(certificate).digest()

    def proved(self, next: str) -> None:
        """Enters it in the file, which has to be only at the first time: else it is known next time as well. [K17]"""
        try:
            self.hosts.learn(self.host, self.shown, next)
        except (OSError, SabirError) as e:
            if not self.accepted:
                raise SabirError(f"{self.host} has proved who it is, and cannot be remembered: {e}; "
                                 f"in an address with #fp={self.shown} it need not be") from None
