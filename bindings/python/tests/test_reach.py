"""Hosts of which some addresses are dead, and callers whom a user namespace knows or not."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import time
import unittest
from typing import Any, List
from unittest import mock

import support  # noqa: F401: finds the library
import sabir.aioconnection
import sabir.link
import sabir.serving


class Addresses(unittest.TestCase):
    def setUp(self) -> None:
        self.dead = socket.socket()  # takes no connections, and refuses none
        self.addCleanup(self.dead.close)
        self.dead.bind(("127.0.0.1", 0))
        self.dead.listen(0)
        for _ in range(3):
            s = socket.socket()
            self.addCleanup(s.close)
            s.setblocking(False)
            s.connect_ex(self.dead.getsockname())
        self.alive = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.alive.close)
        mock.patch("sabir.link.LEAST", 0.1).start()
        self.addCleanup(mock.patch.stopall)

    def resolved(self, *listening: socket.socket) -> List[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", s.getsockname()) for s in listening]

    def test_first_is_dead(self) -> None:
        until = time.monotonic() + 1
        with mock.patch("socket.getaddrinfo", return_value=self.resolved(self.dead, self.alive)):
            for sock in sabir.link.reach("two.example", 1, until), asyncio.run(sabir.aioconnection.reach("two.example", 1, time.monotonic() + 1)):
                with sock:
                    self.assertEqual(sock.getpeername(), self.alive.getsockname())
        self.assertLess(time.monotonic(), until + 1)

    def test_all_are_dead(self) -> None:
        start = time.monotonic()
        with mock.patch("socket.getaddrinfo", return_value=self.resolved(self.dead, self.dead, self.dead)):
            with self.assertRaises(OSError):
                sabir.link.reach("two.example", 1, start + 0.3)
            with self.assertRaises((OSError, asyncio.TimeoutError)):
                asyncio.run(sabir.aioconnection.reach("two.example", 1, time.monotonic() + 0.3))
        self.assertGreater(time.monotonic() - start, 0.5)


class Namespaces(unittest.TestCase):
    def test_who_has_no_number(self) -> None:
        """clause: A4"""
        server = mock.Mock(level=None)
        sock = mock.Mock()
        for uid, same, level in (0, False, "admin"), (os.getuid(), True, "admin"), (65534, False, "none"), (65534, True, "admin"):
            sock.getsockopt.return_value = struct.pack("3i", os.getpid(), uid, 0)
            with mock.patch("sabir.serving.same_namespace", return_value=same), mock.patch("os.getuid", return_value=uid):
                who = sabir.serving.Server.identify(server, sock)
            self.assertEqual((who.level, who.uid), (level, uid if level == "admin" else None))

    def test_same_namespace(self) -> None:
        self.assertTrue(sabir.serving.same_namespace(os.getpid()))
        with mock.patch("builtins.open", mock.mock_open(read_data="0 100000 65536\n")):
            self.assertTrue(sabir.serving.same_namespace(os.getpid()))
            self.assertFalse(sabir.serving.same_namespace(0))  # which the kernel says of who is in no namespace below ours


if __name__ == "__main__":
    unittest.main()
