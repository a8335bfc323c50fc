"""The file of known hosts, where it cannot be written."""

from __future__ import annotations

import os
import tempfile
import unittest

import support  # noqa: F401: finds the library
from sabir.address import parse
from sabir.errors import SabirError
from sabir.trust import KnownHosts, Trust, fingerprint


class Remembered(unittest.TestCase):
    def test_nothing_to_remember(self) -> None:
        """clause: K17"""
        folder = tempfile.TemporaryDirectory(prefix="sabir")
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, "client", "known_hosts")
        certificate, pin = b"a certificate", fingerprint(b"a certificate")

        def meets(address: str, announced: str = "") -> None:
            trust = Trust(parse(address), KnownHosts(path))
            trust.judge(certificate)
            trust.proved(announced)
        meets("sabir://far.example:1")
        self.assertEqual(KnownHosts(path).all()["far.example:1"].pin, pin)
        os.unlink(path + ".lock")
        os.mkdir(path + ".lock")  # nobody can change it now, not even root
        meets("sabir://far.example:1")
        meets("sabir://far.example:1", fingerprint(b"another"))
        meets(f"sabir://other.example:1/#fp={pin}")
        with self.assertRaisesRegex(SabirError, "cannot be remembered.*#fp="):
            meets("sabir://other.example:1")


if __name__ == "__main__":
    unittest.main()
