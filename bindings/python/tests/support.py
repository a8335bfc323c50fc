"""What the tests have in common: services in processes of their own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from typing import Any, Optional

here = os.path.dirname(os.path.abspath(__file__))
root = os.path.join(here, "..")
sys.path[:0] = [root, os.path.join(root, "peer")]


class Serving(unittest.TestCase):
    """A service in a process of its own, in a folder of its own."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="sabir")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.env = {**os.environ, "SABIR_DIR": self.folder, "PYTHONPATH": root, "XDG_STATE_HOME": self.folder}
        before = os.environ.get("SABIR_DIR")
        os.environ["SABIR_DIR"] = self.folder
        self.addCleanup(lambda: os.environ.pop("SABIR_DIR") if before is None else os.environ.update(SABIR_DIR=before))

    def run_python(self, *words: str, stdin: Optional[str] = None) -> "subprocess.Popen[str]":
        p = subprocess.Popen([sys.executable, *words], env=self.env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

        def end() -> None:
            if p.poll() is None:
                p.kill()
            p.communicate()
        self.addCleanup(end)
        return p

    def serve(self, name: str, code: str) -> "subprocess.Popen[str]":
        """Runs a program that serves, and waits until it listens."""
        p = self.run_python("-c", code)
        wait_for(lambda: listens(os.path.join(self.folder, name + ".sock")) or p.poll() is not None)
        self.assertIsNone(p.poll(), "the service has ended")
        return p

    def probe(self) -> "subprocess.Popen[str]":
        return self.serve("probe", f"import sys; sys.path.insert(0, {os.path.join(root, 'peer')!r}); import probe, sabir; sabir.serve(probe.new())")


def listens(path: str) -> bool:
    """Whether a socket takes connections: its file is there a moment before that."""
    with socket.socket(socket.AF_UNIX) as peer:
        return peer.connect_ex(path) == 0


def wait_for(met: Any) -> None:
    deadline = time.monotonic() + 20
    while not met():
        assert time.monotonic() < deadline, "it did not happen within 20 s"
        time.sleep(0.02)  # for another process: there is nothing else to wait on
