"""The loop of serve: handlers that wait, readers that are slow, connections that end."""

from __future__ import annotations

import json
import os
import resource
import socket
import unittest
from contextlib import ExitStack
from typing import Any, Dict

from support import Serving, wait_for

import sabir

SERVICE = """
import asyncio, contextvars, dataclasses, sabir

@dataclasses.dataclass
class Text:
    text: str

@dataclasses.dataclass
class Count:
    n: int

seen = contextvars.ContextVar("seen", default=0)
stopped = 0
s = sabir.Service("loop")

@s.method()
async def task() -> Text:
    "The task that runs this, before and after it has waited."
    before = asyncio.current_task()
    await asyncio.wait_for(asyncio.sleep(0.01), 5)
    return Text("same" if before is asyncio.current_task() is not None else "another")

@s.method()
async def context() -> Count:
    "How often this was called in one context."
    seen.set(seen.get() + 1)
    return Count(seen.get())

@s.method()
async def sleep(seconds: float) -> Count:
    global stopped
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        stopped += 1
        raise
    return Count(0)

@s.method()
async def stops() -> Count:
    return Count(stopped)

@s.method()
async def letters(n: int) -> Text:
    return Text("x" * n)

@s.method()
def blocking(text: str) -> Text:
    return Text(text + " for " + sabir.caller().level)

@s.method()
async def fail() -> Text:
    raise RuntimeError("a bug")

sabir.serve(s)
"""


class Loop(Serving):
    def setUp(self) -> None:
        super().setUp()
        self.serve("loop", SERVICE)
        self.path = os.path.join(self.folder, "loop.sock")

    def dial(self) -> socket.socket:
        peer = socket.socket(socket.AF_UNIX)
        self.addCleanup(peer.close)
        peer.settimeout(20)
        peer.connect(self.path)
        return peer

    def client(self) -> sabir.Client:
        client = sabir.connect("loop", timeout=20)
        self.addCleanup(client.close)
        return client

    def test_handlers(self) -> None:
        with self.client() as c:
            self.assertEqual(c.call("loop.task"), {"text": "same"})
            self.assertEqual([c.call("loop.context")["n"] for _ in range(3)], [1, 1, 1])
            self.assertEqual(c.call("loop.blocking", text="a"), {"text": "a for admin"})
            with self.assertRaises(sabir.Internal):
                c.call("loop.fail")

    def test_timers(self) -> None:
        """A handler that sleeps goes on, and a deadline ends one, while calls come without a pause."""
        peer = self.dial()
        lines = peer.makefile("rb")
        peer.sendall(b'{"id":"slept","method":"loop.sleep","params":{"seconds":0.05}}\n'
                     b'{"id":"late","method":"loop.sleep","params":{"seconds":60},"timeout":0.05}\n')
        ended: Dict[str, Any] = {}
        for n in range(100000):
            peer.sendall(b'{"id":%d,"method":"loop.context"}\n' % n)
            while True:
                answer = json.loads(lines.readline())
                if answer["id"] == n:
                    break
                ended[answer["id"]] = answer
            if len(ended) == 2:
                break
        self.assertEqual(ended["slept"]["result"], {"n": 0})
        self.assertEqual(ended["late"]["error"]["data"]["name"], "rpc.DeadlineExceeded")
        lines.close()

    def test_slow_reader(self) -> None:
        """Answers that the peer is slow to take wait; other connections do not."""
        peer = self.dial()
        for n in range(6):
            peer.sendall(b'{"id":%d,"method":"loop.letters","params":{"n":1000000}}\n' % n)
        with self.client() as c:
            self.assertEqual(c.call("loop.context"), {"n": 1})
        lines = peer.makefile("rb")
        for n in range(6):
            self.assertEqual(len(json.loads(lines.readline())["result"]["text"]), 1000000)
        peer.sendall(b'{"id":7,"method":"rpc.ping"}\n')
        self.assertEqual(json.loads(lines.readline()), {"id": 7, "result": {}})
        lines.close()

    def test_half_closed(self) -> None:
        """What was asked for before the end of the input is answered, then the connection ends. [O6]"""
        peer = self.dial()
        peer.sendall(b'{"id":1,"method":"loop.sleep","params":{"seconds":0.05}}\n{"id":2,"method":"loop.letters","params":{"n":300000}}')
        peer.shutdown(socket.SHUT_WR)
        answers = [json.loads(line)["id"] for line in peer.makefile("rb")]
        self.assertEqual(answers, [2, 1])

    def test_gone(self) -> None:
        """A handler is told to stop when its caller cannot be answered any more. [O7]"""
        peer = self.dial()
        peer.sendall(b'{"id":1,"method":"loop.sleep","params":{"seconds":60}}\n{"id":2,"method":"loop.letters","params":{"n":3000000}}\n')
        peer.recv(1)
        peer.close()  # with unread bytes: what is sent from now on fails
        with self.client() as c:
            wait_for(lambda: c.call("loop.stops")["n"] == 1)
            wait_for(lambda: c.call("rpc.stats")["connections"] == 1)


class Faults(Serving):
    def test_fault(self) -> None:
        """What goes wrong with one connection harms no other."""
        self.serve("faulty", """
import sabir

callers = 0

def level(caller):
    global callers
    callers += 1
    if callers == 3:  # behind the one that waited for the service, and the first of the test
        raise RuntimeError("a bug")
    return "admin"

sabir.serve(sabir.Service("faulty"), level=level)
""")
        with ExitStack() as stack:
            answers = []
            for _ in range(3):
                peer = stack.enter_context(socket.socket(socket.AF_UNIX))
                peer.settimeout(20)
                peer.connect(os.path.join(self.folder, "faulty.sock"))
                try:
                    peer.sendall(b'{"id":1,"method":"rpc.ping"}\n')
                    answers.append(peer.recv(100))
                except (BrokenPipeError, ConnectionResetError):
                    answers.append(b"")
            self.assertEqual(answers, [b'{"id":1,"result":{}}\n', b"", b'{"id":1,"result":{}}\n'])

    def test_no_files(self) -> None:
        """Without files for more connections, those that are there live on, and others come when some have ended."""
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        self.serve("loop", f"import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (32, {limit}))\n{SERVICE}")
        with ExitStack() as stack:
            peers = []
            for _ in range(40):
                peer = stack.enter_context(socket.socket(socket.AF_UNIX))
                peer.settimeout(20)
                peer.connect(os.path.join(self.folder, "loop.sock"))
                peer.sendall(b'{"id":1,"method":"rpc.ping"}\n')
                peers.append(peer)
            first = next(p for p in peers if p.recv(100))
            first.sendall(b'{"id":2,"method":"rpc.ping"}\n')
            self.assertEqual(first.recv(100), b'{"id":2,"result":{}}\n')
            for peer in peers[:24]:
                if peer is not first:
                    peer.close()
            self.assertEqual(peers[-1].recv(100), b'{"id":1,"result":{}}\n')


if __name__ == "__main__":
    unittest.main()
