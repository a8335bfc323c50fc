"""Services whose socket was made for them, as a hub and systemd do it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import unittest
from typing import Optional
from unittest import mock

from support import Serving, wait_for

import sabir
from sabir import activation

CODE = """
import asyncio, dataclasses, os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ["LISTEN_PID"] = str(os.getpid())
import sabir
svc = sabir.Service("late", "1.0", "Comes when it is called.")
@dataclasses.dataclass
class Me:
    pid: int
@svc.method
def who() -> Me:
    return Me(os.getpid())
async def main() -> None:
    task = asyncio.ensure_future(sabir.serve_async(svc))
    asyncio.get_running_loop().add_signal_handler(15, task.cancel)
    await asyncio.wait([task])
asyncio.run(main()) if sys.argv[2] == "async" else sabir.serve(svc)
"""


class Activated(Serving):
    def start(self, door: socket.socket, how: str, **env: str) -> "subprocess.Popen[bytes]":
        p = subprocess.Popen([sys.executable, "-c", CODE, str(door.fileno()), how], pass_fds=[door.fileno()],
                             env={**self.env, "LISTEN_FDS": "1", **env})
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)
        return p

    def test_one_run_after_the_other(self) -> None:
        """What it was called for before it ran is answered, and the socket outlasts it for the next."""
        path = os.path.join(self.folder, "elsewhere.sock")
        hears = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(hears.close)
        hears.bind(os.path.join(self.folder, "notify"))
        hears.settimeout(20)
        with socket.socket(socket.AF_UNIX) as door:
            door.bind(path)
            door.listen()
            for how in "sync", "async":
                p = self.start(door, how, LISTEN_FDNAMES="late.socket", NOTIFY_SOCKET=hears.getsockname())
                with sabir.connect(path) as late:
                    self.assertEqual(late.call("late.who")["pid"], p.pid)
                self.assertEqual(hears.recv(100), b"READY=1")
                p.terminate()
                self.assertEqual(hears.recv(100), b"STOPPING=1")
                wait_for(lambda: p.poll() is not None)
                self.assertTrue(os.path.exists(path))
                self.assertFalse(os.path.exists(os.path.join(self.folder, "late.sock")))

    def found(self, count: str, names: Optional[str], pid: Optional[int] = None) -> Optional[int]:
        env = {"LISTEN_FDS": count, "LISTEN_PID": str(pid or os.getpid())}
        if names is not None:
            env["LISTEN_FDNAMES"] = names
        with mock.patch.dict(os.environ, env), mock.patch("sabir.activation.Lent", lambda number: number):
            return activation.inherited("lounge")  # type: ignore[return-value]

    def test_names(self) -> None:
        for count, names, want in (("1", None, 3), ("1", "unknown", 3), ("1", "lounge", 3), ("2", "a:lounge.sock", 4), ("3", "a:b:lounge.socket", 5),
                                   ("1", "hub", None), ("2", "", None), ("1", "a:lounge", None), ("", "lounge", None)):
            self.assertEqual(self.found(count, names), want, (count, names))
        self.assertIsNone(self.found("1", "lounge", pid=1))
        with self.assertRaisesRegex(sabir.AddressError, "LISTEN_FDS: 'x' is no number of sockets"):
            self.found("x", "lounge")

    def test_no_socket_to_listen_on(self) -> None:
        with tempfile.TemporaryFile() as file, socket.socket(socket.AF_UNIX) as idle, socket.socket() as tcp:
            tcp.listen()
            for which in idle, tcp:
                with self.assertRaisesRegex(sabir.AddressError, "expected a unix socket that listens"):
                    activation.Lent(which.fileno())
            with self.assertRaises(OSError):
                activation.Lent(file.fileno())


if __name__ == "__main__":
    unittest.main()
