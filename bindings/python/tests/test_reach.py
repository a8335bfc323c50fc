"""Hosts of which some addresses are dead, services that are slow to accept, and callers whom a user namespace knows or not."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import struct
import threading
import time
import unittest
from typing import Any, List
from unittest import mock

from support import Serving

import sabir
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


class Crowd(Serving):
    def test_full(self) -> None:
        """Who comes while more wait to be accepted than there is room for waits as well."""
        path = os.path.join(self.folder, "full")
        with contextlib.ExitStack() as stack:
            door = stack.enter_context(socket.socket(socket.AF_UNIX))
            door.bind(path)
            door.listen(0)
            first = stack.enter_context(socket.socket(socket.AF_UNIX))
            first.connect(path)
            with self.assertRaisesRegex(sabir.Unavailable, "timed out"):
                sabir.connect(path).call("rpc.ping", timeout=0.1)
            with self.assertRaises(sabir.DeadlineExceeded):
                asyncio.run(sabir.connect_async(path).call("rpc.ping", timeout=0.1))

            def serve() -> None:
                time.sleep(0.2)
                for _ in range(3):
                    with door.accept()[0] as peer:
                        if peer.recv(1000):
                            peer.sendall(b'{"id":1,"result":{}}\n')
            door.settimeout(20)
            thread = threading.Thread(target=serve)
            thread.start()
            first.close()
            with sabir.connect(path, timeout=20) as c:
                self.assertEqual(c.call("rpc.ping"), {})

            async def main() -> None:
                async with sabir.connect_async(path, timeout=20) as a:
                    self.assertEqual(await a.call("rpc.ping"), {})
            asyncio.run(main())
            thread.join(20)

    def test_loops(self) -> None:
        """A client lives on where its loop has ended, and one that nobody has is closed, with a warning."""
        self.probe()
        c = sabir.connect_async("probe")
        for _ in range(2):
            self.assertEqual(asyncio.run(c.call("rpc.ping")), {})
        asyncio.run(c.close())

        async def main() -> None:
            lost = sabir.connect_async("probe")
            await lost.call("rpc.ping")
            with self.assertWarnsRegex(ResourceWarning, "a client of probe was not closed"):
                del lost
                gc.collect()
            async with sabir.connect_async("probe") as other:
                while (await other.call("rpc.stats"))["connections"] > 1:
                    await asyncio.sleep(0.01)
        asyncio.run(main())


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
