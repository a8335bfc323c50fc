"""Handlers that take their time: what they have made is sent, what is asked of them is done, and they hold up no end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
import unittest

from support import Serving, wait_for

import sabir

SERVICE = """
import asyncio, dataclasses, sabir, sabir.serving, threading, time
from typing import AsyncIterator, Iterator, List

sabir.serving.Server.close.__defaults__ = (0.2,)

@dataclasses.dataclass
class Count:
    n: int

lock = threading.Lock()
noted = 0
s = sabir.Service("slow")

@s.method()
def note() -> None:
    global noted
    time.sleep(0.001)
    with lock:
        noted += 1

@s.method()
async def count() -> Count:
    return Count(noted)

@dataclasses.dataclass
class Text:
    text: str

free = False

async def go() -> None:  # an asyncio.Event belongs to the loop that there is when it is made, before Python 3.10
    while not free:
        await asyncio.sleep(0.01)

@s.method()
async def release() -> None:
    global free
    free = True

@s.method()
async def large() -> Text:
    await go()
    return Text("x" * 4000000)

@s.method()
async def gate(n: int) -> None:
    passed.append(n)
    await go()

passed: List[int] = []

@dataclasses.dataclass
class Passed:
    list: List[int]

@s.method("passed")
async def has_passed() -> Passed:
    return Passed(passed)

@s.method()
def hang() -> None:
    time.sleep(600)

@s.method()
def drips() -> Iterator[Count]:
    yield Count(1)
    yield Count(2)
    time.sleep(600)
    yield Count(3)

@s.method()
async def async_drips() -> AsyncIterator[Count]:
    yield Count(1)
    yield Count(2)
    await asyncio.sleep(600)
    yield Count(3)

@s.method()
def fails() -> Iterator[Count]:
    for n in range(20):
        yield Count(n)
    raise RuntimeError("a secret of the service")

sabir.serve(s)
"""


class Handlers(Serving):
    def test_items(self) -> None:
        """Items are sent when they are made, whatever comes after them."""
        self.serve("slow", SERVICE)
        with sabir.connect("slow") as c:
            for name in ("slow.drips", "slow.async_drips"):
                before = time.monotonic()
                items = c.items(name)
                self.assertEqual([next(items)["n"], next(items)["n"]], [1, 2])
                items.close()  # type: ignore[attr-defined]
                self.assertLess(time.monotonic() - before, 10, name)
            got = []
            with self.assertRaises(sabir.Internal):
                for item in c.items("slow.fails"):
                    got.append(item["n"])
            self.assertEqual(got, list(range(20)))

    def test_unread_results(self) -> None:
        """Results that come to more than what may wait are answered by an error in their place, and the connection lives. [O5]"""
        self.serve("slow", SERVICE)
        with socket.socket(socket.AF_UNIX) as raw, sabir.connect("slow") as c:
            raw.connect(os.path.join(self.folder, "slow.sock"))
            lines = raw.makefile("rwb")
            for id in range(20):
                lines.write(b'{"id":%d,"method":"slow.large"}\n' % id)
            lines.flush()
            wait_for(lambda: c.call("rpc.stats")["in_flight"] >= 20)
            c.call("slow.release")
            wait_for(lambda: c.call("rpc.stats")["in_flight"] <= 1)
            answers = [json.loads(lines.readline()) for _ in range(20)]
            came = sum("result" in a for a in answers)
            self.assertTrue(14 <= came <= 17, came)
            for a in answers:
                if "error" in a:
                    self.assertEqual(a["error"]["data"], {"name": "rpc.TooLarge", "params": {"limit": 64 << 20, "started": True}})
            lines.write(b'{"id":"after","method":"rpc.ping"}\n')
            lines.flush()
            self.assertEqual(json.loads(lines.readline())["id"], "after")

    def test_notifications(self) -> None:
        """More notifications than may run at once wait for each other, since nobody hears of one that is refused. [M6]"""
        self.serve("slow", SERVICE)
        with sabir.connect("slow") as c:
            for _ in range(3000):
                c.notify("slow.note")
            self.assertLessEqual(c.call("slow.count")["n"], 3000)
            wait_for(lambda: c.call("slow.count")["n"] == 3000)

    def test_notifications_in_line(self) -> None:
        """What waits for room begins in order, and keeps no call from being made. [B3]"""
        self.serve("slow", SERVICE)
        with sabir.connect("slow") as c:
            for n in range(1000):
                c.notify("slow.gate", n=n)
            self.assertEqual(c.call("slow.passed", timeout=15)["list"], list(range(128)))
        with sabir.connect("slow") as c:  # that who notified has left ends nothing [O7]
            c.call("slow.release")
            wait_for(lambda: len(c.call("slow.passed")["list"]) == 1000)
            self.assertEqual(c.call("slow.passed")["list"], list(range(1000)))

    def test_notifications_that_hang(self) -> None:
        """They hold up the others not for ever."""
        self.serve("slow", SERVICE)
        with sabir.connect("slow") as c:
            for _ in range(135):
                c.notify("slow.hang")
            self.assertEqual(c.call("rpc.ping", timeout=15), {})
            self.assertEqual(c.call("rpc.stats", timeout=15)["in_flight"], 128)

    def test_notifications_in_a_loop_of_ones_own(self) -> None:
        """The same with the transports of asyncio."""
        self.serve("slow", SERVICE.replace("sabir.serve(s)", "asyncio.run(sabir.serve_async(s))"))

        async def main() -> None:
            async with sabir.connect_async("slow") as c:
                for _ in range(2000):
                    await c.notify("slow.note")
                while (await c.call("slow.count"))["n"] < 2000:
                    await asyncio.sleep(0.02)
        asyncio.run(asyncio.wait_for(main(), 30))

    def test_end(self) -> None:
        """A handler that hangs does not keep the service from ending. [O9]"""
        p = self.serve("slow", SERVICE)
        with sabir.connect("slow") as c:
            c.notify("slow.hang")
            wait_for(lambda: c.call("rpc.stats")["in_flight"] == 1)
            p.send_signal(signal.SIGTERM)
            p.communicate(timeout=15)
            self.assertEqual(p.returncode, 0)


if __name__ == "__main__":
    unittest.main()
