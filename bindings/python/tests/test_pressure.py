"""Clients that ask for more than is read or answered: nobody waits beyond his time, nothing is lost, nothing piles up."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import socket
import sys
import threading
import time
import unittest
from collections import Counter
from typing import Any, Callable, List
from unittest import mock

from support import Serving, wait_for

import sabir

SERVICE = """
import asyncio, dataclasses, sabir, sabir.connection
from typing import Iterator

sabir.connection.STALL = 1

@dataclasses.dataclass
class Text:
    text: str

@dataclasses.dataclass
class Count:
    n: int

noted = 0
s = sabir.Service("load")

@s.method()
async def echo(text: str) -> Text:
    return Text(text)

@s.method()
async def sleep(seconds: float) -> Count:
    await asyncio.sleep(seconds)
    return Count(0)

@s.method()
async def note(text: str) -> None:
    global noted
    noted += 1

@s.method()
async def count() -> Count:
    return Count(noted)

@s.method()
def pieces(n: int, size: int) -> Iterator[Text]:
    for _ in range(n):
        yield Text("x" * size)

sabir.serve(s)
"""

# Refuses what comes while something is held, as a service does whose limit is reached.
CROWDED = r"""
import json, sys
held, asked = None, 0
def say(id, **what):
    print(json.dumps({"id": id, **what}), flush=True)
busy = {"code": -32003, "message": "too much", "data": {"name": "rpc.Busy", "params": {"limit": "queue"}}}
for line in sys.stdin:
    q = json.loads(line)
    if q["method"] == "a.hold":
        held = q["id"]
    elif q["method"] == "a.asked":
        say(q["id"], result=asked)
    elif q["method"] == "a.go" and held is None:
        say(q["id"], result=asked + 1)
    elif q["method"] in ("a.go", "a.never"):
        asked += 1
        say(q["id"], error=busy)
        if held is not None and q["method"] == "a.go":
            say(held, result="held")
            held = None
"""


def in_threads(n: int, work: Callable[[int], Any]) -> "Counter[str]":
    """Does it in n threads at the same time, and counts what came of it."""
    became: "Counter[str]" = Counter()

    def one(i: int) -> None:
        try:
            work(i)
            became["done"] += 1
        except Exception as e:
            became[type(e).__name__] += 1
    threads = [threading.Thread(target=one, args=(i,), daemon=True) for i in range(n)]
    for t in threads:
        t.start()
    end = time.monotonic() + 20
    for t in threads:
        t.join(max(0, end - time.monotonic()))
    became["hangs"] = sum(t.is_alive() for t in threads)
    return +became


class Pressure(Serving):
    def load(self) -> Any:
        return self.serve("load", SERVICE)

    def crowded(self) -> str:
        path = os.path.join(self.folder, "crowded.py")
        with open(path, "w") as f:
            f.write(CROWDED)
        return f"exec:{sys.executable} {path}"

    def test_deadline(self) -> None:
        """A call ends when its time is over, also where the service does not read what is sent."""
        p = self.load()
        with sabir.connect("load") as c:
            c.call("load.echo", text="a")
            p.send_signal(signal.SIGSTOP)
            before = time.monotonic()
            self.assertEqual(in_threads(16, lambda i: c.call("load.echo", text="x" * 100000, timeout=0.5)), {"DeadlineExceeded": 16})
            self.assertLess(time.monotonic() - before, 5)
            p.send_signal(signal.SIGCONT)
            self.assertEqual(in_threads(16, lambda i: c.call("load.echo", text="x" * 100000, timeout=20)), {"done": 16})

    def test_deadline_asyncio(self) -> None:
        p = self.load()

        async def main() -> None:
            async with sabir.connect_async("load") as c:
                await c.call("load.echo", text="a")
                p.send_signal(signal.SIGSTOP)
                all = await asyncio.gather(*(c.call("load.echo", text="x" * 100000, timeout=0.5) for _ in range(100)), return_exceptions=True)
                self.assertEqual({type(e) for e in all}, {sabir.DeadlineExceeded})
                assert c._now is not None and c._now.transport is not None
                self.assertLess(c._now.transport.get_write_buffer_size(), 1 << 20)  # of 10 MB
                p.send_signal(signal.SIGCONT)
                self.assertEqual((await c.call("load.echo", text="b", timeout=20))["text"], "b")
        asyncio.run(main())

    def test_notifications(self) -> None:
        """Who sends more than is read waits, and none are lost."""
        p = self.load()
        with sabir.connect("load", timeout=0.5) as c:
            c.call("load.echo", text="a")
            p.send_signal(signal.SIGSTOP)
            sent = 0
            with self.assertRaises(sabir.DeadlineExceeded):
                while sent < 10000:
                    c.notify("load.note", text="x" * 1000)
                    sent += 1
            p.send_signal(signal.SIGCONT)
            wait_for(lambda: c.call("load.count", timeout=20)["n"] >= sent)

    def test_close(self) -> None:
        """Threads that wait to send are told when the client is closed."""
        p = self.load()
        said: List[str] = []

        def work() -> None:
            try:
                while True:
                    c.notify("load.note", text="x" * 100000)
            except sabir.Unavailable as e:
                said.append(str(e))
        c = sabir.connect("load")
        c.call("load.echo", text="a")
        p.send_signal(signal.SIGSTOP)
        threads = [threading.Thread(target=work, daemon=True) for _ in range(4)]
        for t in threads:
            t.start()
        wait_for(lambda: c._now and c._now.rest)
        c.close()
        wait_for(lambda: len(said) == 4)
        self.assertLessEqual(set(said), {"nobody answers: closed", "the client is closed"})
        p.send_signal(signal.SIGCONT)

    def test_notifications_asyncio(self) -> None:
        p = self.load()

        async def main() -> int:
            sent = 0
            async with sabir.connect_async("load", timeout=0.5) as c:
                await c.call("load.echo", text="a")
                p.send_signal(signal.SIGSTOP)
                with self.assertRaises(sabir.DeadlineExceeded):
                    while sent < 10000:
                        await c.notify("load.note", text="x" * 1000)
                        sent += 1
                p.send_signal(signal.SIGCONT)
            return sent  # what it took is sent before the end
        sent = asyncio.run(main())
        with sabir.connect("load") as c:
            wait_for(lambda: c.call("load.count")["n"] == sent)

    def test_many(self) -> None:
        """More calls at once than a connection may have, and more bytes than may be unsent."""
        self.load()
        with sabir.connect("load") as c:
            self.assertEqual(in_threads(200, lambda i: c.call("load.sleep", seconds=0.4)), {"done": 200})
            self.assertEqual(in_threads(32, lambda i: c.call("load.echo", text="x" * (1 << 20))), {"done": 32})

    def test_many_asyncio(self) -> None:
        self.load()

        async def main() -> None:
            async with sabir.connect_async("load") as c:
                await asyncio.gather(*(c.call("load.sleep", seconds=0.1) for _ in range(500)))
                await asyncio.gather(*(c.call("load.echo", text="x" * (1 << 20)) for _ in range(32)))
                tasks = [asyncio.ensure_future(c.call("load.sleep", seconds=60)) for _ in range(1000)]
                await asyncio.sleep(0.2)
                for t in tasks:
                    t.cancel()
                await asyncio.wait(tasks)
                assert c._now is not None
                self.assertEqual((len(c._now.core.pending), len(c._now.core.turns)), (0, 0))
                while (await c.call("rpc.stats"))["in_flight"]:
                    await asyncio.sleep(0.02)
        asyncio.run(main())

    def test_turn(self) -> None:
        """A call that is refused beside others is made again when one of them is answered; one that is alone is refused."""
        with sabir.connect(self.crowded(), timeout=20) as c:
            with self.assertRaises(sabir.Busy):
                c.call("a.never")
            self.assertEqual(c.call("a.asked"), 1)
            held = threading.Thread(target=c.call, args=("a.hold",))
            held.start()
            wait_for(lambda: c._now and c._now.core.pending)
            self.assertEqual(c.call("a.go"), 3)
            held.join(20)
            held = threading.Thread(target=lambda: in_threads(1, lambda i: c.call("a.hold")))
            held.start()
            wait_for(lambda: c._now and c._now.core.pending)
            before = time.monotonic()
            with self.assertRaises(sabir.Busy):
                c.call("a.never")  # nobody is answered
            self.assertLess(time.monotonic() - before, 10)
            with self.assertRaises(sabir.DeadlineExceeded):
                c.call("a.never", timeout=0.2)
        held.join(20)

    def test_turn_asyncio(self) -> None:
        async def main() -> None:
            async with sabir.connect_async(self.crowded(), timeout=20) as c:
                with self.assertRaises(sabir.Busy):
                    await c.call("a.never")
                self.assertEqual(await c.call("a.asked"), 1)
                held, went = await asyncio.gather(c.call("a.hold"), c.call("a.go"))
                self.assertEqual((held, went), ("held", 3))
                task = asyncio.ensure_future(c.call("a.hold"))
                with self.assertRaises(sabir.Busy):
                    await c.call("a.never")
                with self.assertRaises(sabir.DeadlineExceeded):
                    await c.call("a.never", timeout=0.2)
                task.cancel()
        asyncio.run(main())

    def test_slow_reader(self) -> None:
        """Who takes his time for an item does not lose the stream, though the service gives up who reads nothing."""
        self.load()
        with mock.patch("sabir.clientconnection.LOOK", 0.2), sabir.connect("load") as c:
            n = 0
            for _ in c.items("load.pieces", {"n": 60, "size": 100000}):
                n += 1
                if n % 30 == 1:
                    time.sleep(2.5)
            self.assertEqual(n, 60)

    def test_restart(self) -> None:
        """A service that went away between two calls harms neither: the second one was not sent to the old one."""
        p = self.probe()
        with sabir.connect("probe") as c:
            for end in (signal.SIGTERM, signal.SIGKILL):
                c.call("probe.set", name="s", n=1)
                p.send_signal(end)
                p.communicate()
                p = self.probe()
                c.call("probe.set", name="s", n=2)
                p.send_signal(end)
                p.communicate()
                p = self.probe()
                c.notify("probe.set", name="s", n=3)
                wait_for(lambda: c.call("probe.value", name="s") == {"n": 3})

    @unittest.skipUnless(hasattr(os, "fork"), "not on this system")
    def test_fork(self) -> None:
        """A child has a connection of its own, and its end is none for that of the parent."""
        self.probe()
        with sabir.connect("probe") as c:
            c.call("rpc.ping")
            before, lock = c._now, c._lock
            lock.acquire()  # as another thread may have done
            child = os.fork()
            if child == 0:
                with c:
                    os._exit(c.call("probe.echo", text="child", timeout=10) != {"text": "child"})
            lock.release()
            self.assertEqual(os.waitpid(child, 0)[1], 0)
            child = os.fork()
            if child == 0:
                c.close()
                os._exit(0)
            os.waitpid(child, 0)
            self.assertEqual(c.call("probe.echo", text="parent"), {"text": "parent"})
            self.assertIs(c._now, before)

    def test_dialling(self) -> None:
        """Threads that want a connection which cannot be made wait no longer than each has time."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            c = sabir.connect(f"sabir://127.0.0.1:{server.getsockname()[1]}#t=abc.secret")  # where nobody answers
            patient = threading.Thread(target=lambda: in_threads(1, lambda i: c.call("a.b")))
            patient.start()
            wait_for(c._lock.locked)
            before = time.monotonic()
            self.assertEqual(in_threads(16, lambda i: c.call("a.b", timeout=0.5)), {"DeadlineExceeded": 16})
            self.assertLess(time.monotonic() - before, 3)
        patient.join(20)

    def test_closed_in_a_pause(self) -> None:
        """A watch that waits to come back ends when the client is closed."""
        p = self.probe()
        c = sabir.connect("probe")
        kinds: List[str] = []
        watching = threading.Thread(target=lambda: in_threads(1, lambda i: kinds.extend(e.kind for e in c.watch("probe.tick", name="t"))))
        with mock.patch("sabir.client.pauses", lambda: itertools.repeat(15.0)):
            watching.start()
            wait_for(lambda: c.call("rpc.stats")["subscriptions"])
            p.kill()
            p.communicate()
            wait_for(lambda: c._now and c._now.core.closed)
            c.close()
            watching.join(10)
            self.assertFalse(watching.is_alive())


if __name__ == "__main__":
    unittest.main()
