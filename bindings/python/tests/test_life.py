"""How a service begins, is found again and ends."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import threading
import unittest
from typing import List
from unittest import mock

from support import Serving, wait_for

import sabir
import sabir.serving

HELLO = """
import sabir, sabir.serving, signal, threading
sabir.serving.LOOK = 0.05
s = sabir.Service("hello")

@s.method
def hi() -> None: ...

"""


def answers(name: str) -> bool:
    try:
        with sabir.connect(name, timeout=20) as c:
            return bool(c.call(f"{name}.hi") == {})
    except (sabir.Unavailable, sabir.OutcomeUnknown):
        return False


class Signals(Serving):
    def test_end(self) -> None:
        """The end of a terminal is an end like others."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number):
                p = self.serve("hello", HELLO + "sabir.serve(s)")
                p.send_signal(number)
                self.assertEqual((p.wait(20), os.listdir(self.folder)), (0, []))

    def test_nohup(self) -> None:
        p = self.serve("hello", HELLO + "signal.signal(signal.SIGHUP, signal.SIG_IGN)\nsabir.serve(s)")
        p.send_signal(signal.SIGHUP)
        self.assertTrue(answers("hello"))
        self.assertIsNone(p.poll())

    def test_other_thread(self) -> None:
        """There are no signals in a thread, and services are."""
        p = self.serve("hello", HELLO + "threading.Thread(target=sabir.serve, args=(s,)).start()")
        self.assertTrue(answers("hello"))
        self.assertIsNone(p.poll())


    def test_none_lost(self) -> None:
        """A call that is on its way at the end is known not to be done. [O9]"""
        for way in ("sabir.serve(s)", "import asyncio\nasync def main():\n    task = asyncio.ensure_future(sabir.serve_async(s))\n"
                    "    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)\n    await asyncio.wait([task])\nasyncio.run(main())"):
            ends: List[BaseException] = []

            def calls(c: sabir.Client) -> None:
                try:
                    while True:
                        c.call("hello.hi")
                except sabir.SabirError as e:
                    ends.append(e)
            with self.subTest(way), sabir.connect("hello") as c, sabir.connect("hello") as other:
                for _ in range(3):
                    p = self.serve("hello", HELLO + way)
                    threads = [threading.Thread(target=calls, args=(on,)) for on in (c, c, other)]
                    for t in threads:
                        t.start()
                    wait_for(lambda: other.call("rpc.stats")["calls"] > 100)
                    p.terminate()
                    self.assertEqual(p.communicate(timeout=20)[1], "")
                    for t in threads:
                        t.join(20)
            self.assertEqual([type(e) for e in ends], [sabir.Unavailable] * 9, ends)

    def test_exit(self) -> None:
        """A handler that ends the program has its caller answered first."""
        ends = HELLO + "import sys\n@s.method\nasync def end() -> None: sys.exit(3)\n"
        for how in ("sabir.serve(s)", "import asyncio\nasyncio.run(sabir.serve_async(s))"):
            with self.subTest(how):
                p = self.serve("hello", ends + how)
                with sabir.connect("hello", timeout=20) as c, self.assertRaises(sabir.Internal):
                    c.call("hello.end")
                self.assertEqual((p.wait(20), os.listdir(self.folder)), (3, []))


class Removed(Serving):
    """A socket that somebody removes is made again."""

    def removals(self) -> None:
        lock = os.path.join(self.folder, "hello.sock.lock")
        path = os.path.join(self.folder, "hello.sock")
        with sabir.connect("hello") as before:
            before.call("hello.hi")
            for removed in ([path], [lock, path], [self.folder]):
                for name in removed:
                    if os.path.isdir(name):
                        shutil.rmtree(name)
                    else:
                        os.unlink(name)
                wait_for(lambda: answers("hello"))
                self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
            before.call("hello.hi")

    def test_serve(self) -> None:
        p = self.serve("hello", HELLO + "sabir.serve(s)")
        self.removals()
        p.terminate()
        self.assertEqual((p.communicate(timeout=20)[1], os.listdir(self.folder)), ("", []))

    def test_serve_async(self) -> None:
        p = self.serve("hello", HELLO + "import asyncio\nasyncio.run(sabir.serve_async(s))")
        self.removals()
        p.send_signal(signal.SIGINT)
        p.wait(20)
        self.assertEqual(os.listdir(self.folder), [])

    def test_not_in_place(self) -> None:
        """What is in its place is somebody else's, also when we end, and when that is gone the name is free again."""
        path = os.path.join(self.folder, "x.sock")

        async def main() -> None:
            with mock.patch("sabir.serving.LOOK", 0.01):
                ours, theirs = (sabir.serving.Server([sabir.Service("x")]) for _ in range(2))
                await ours.listen("x")
                for name in os.listdir(self.folder):
                    os.unlink(os.path.join(self.folder, name))
                await theirs.listen("x")
                there = os.stat(path)
                await asyncio.sleep(0.1)  # some looks
                self.assertTrue(os.path.samestat(os.stat(path), there))
                await theirs.close()
                while not os.path.exists(path):
                    await asyncio.sleep(0.01)
                os.unlink(path + ".lock")
                await theirs.listen("other")
                await ours.close()
                self.assertEqual(sorted(os.listdir(self.folder)), ["other.sock", "other.sock.lock"])
                await theirs.close()
        asyncio.run(main())


if __name__ == "__main__":
    unittest.main()
