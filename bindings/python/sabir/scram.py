"""SCRAM-SHA-256 and -PLUS at the side of the client (spec/security.md), without input and output."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import b64decode, b64encode
from typing import Dict, Optional

from .errors import Denied

_id = re.compile(r"[a-z0-9._-]{1,64}")
_nonce = re.compile(r"[\x21-\x2b\x2d-\x7e]+")
_number = re.compile(r"[1-9][0-9]{0,7}")


def _b64(raw: bytes) -> str:
    return b64encode(raw).decode()


def _raw(text: str) -> bytes:
    raw = b64decode(text.encode(), validate=True)
    if _b64(raw) != text:
        raise ValueError("base64 in another form")
    return raw


def _mac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class Scram:
    """One exchange. `binding` is that of the TLS connection, None without TLS."""

    def __init__(self, id: str, secret: str, binding: Optional[bytes], nonce: Optional[str] = None) -> None:
        if not _id.fullmatch(id):
            raise Denied("the id of a credential has 1 to 64 of a-z 0-9 . _ -")
        self.secret, self.binding = secret, binding
        self.mechanism = "SCRAM-SHA-256" if binding is None else "SCRAM-SHA-256-PLUS"
        self.header = "n,," if binding is None else "p=tls-server-end-point,,"
        self.nonce = nonce or _b64(secrets.token_bytes(18))
        self.bare = f"n={id},r={self.nonce}"
        self.signature = b""

    def first(self) -> str:
        return self.header + self.bare

    def final(self, server_first: str) -> str:
        """The proof, if what the server said can be believed. [K9]"""
        try:
            fields = self._fields(server_first)
            nonce, salt, count = fields["r"], _raw(fields["s"]), fields["i"]
            if list(fields) != ["r", "s", "i"] or not _nonce.fullmatch(nonce):
                raise ValueError("expected r, s and i")
            if not nonce.startswith(self.nonce) or nonce == self.nonce:
                raise ValueError("the nonce does not continue ours")
            if not 8 <= len(salt) <= 64:
                raise ValueError("a salt of 8 to 64 bytes is expected")
            if not _number.fullmatch(count) or not 4096 <= int(count) <= 1_000_000:
                raise ValueError("4096 to 1000000 iterations are expected")
        except (ValueError, KeyError) as e:
            raise Denied(f"the server's first message is wrong: {e}") from None
        salted = hashlib.pbkdf2_hmac("sha256", self.secret.encode(), salt, int(count))
        bare = f"c={_b64(self.header.encode() + (self.binding or b''))},r={nonce}"
        message = f"{self.bare},{server_first},{bare}"
        key = _mac(salted, "Client Key")
        stored = _mac(hashlib.sha256(key).digest(), message)
        self.signature = _mac(_mac(salted, "Server Key"), message)
        return f"{bare},p={_b64(bytes(a ^ b for a, b in zip(key, stored)))}"

    def check(self, server_final: str) -> None:
        """Denied unless the server knows the secret, too."""
        try:
            fields = self._fields(server_final)
            proved = list(fields) == ["v"] and hmac.compare_digest(_raw(fields["v"]), self.signature)
        except (ValueError, KeyError):
            proved = False
        if not proved:
            raise Denied("the server does not know the secret: it is another one, or somebody stands in between")

    def _fields(self, text: str) -> Dict[str, str]:
        if len(text) > 1024:
            raise ValueError("over 1024 bytes")
        fields: Dict[str, str] = {}
        for part in text.split(","):
            name, equals, value = part.partition("=")
            if len(name) != 1 or not equals or name in fields:
                raise ValueError(f"the attribute {name!r}")
            fields[name] = value
        return fields
