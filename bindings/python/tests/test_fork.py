"""Processes that fork: neither side of a connection is kept by a child."""

from __future__ import annotations

import asyncio
import os
import signal
import unittest
from typing import List

from support import Serving, wait_for

import sabir

SERVICE = """
import asyncio, dataclasses, multiprocessing, os, sabir, sys, time

s = sabir.Service("forks")

@dataclasses.dataclass
class Child:
    pid: int

@s.method
def fork() -> Child:
    pid = os.fork()
    if pid == 0:
        time.sleep(60)
        os._exit(0)
    return Child(pid)

@s.method
def pool() -> None:
    with multiprocessing.get_context("fork").Pool(2) as p:  # whose end is a SIGTERM for each of them
        assert p.map(abs, [-1, -2]) == [1, 2]

@s.method
async def wait() -> None:
    await asyncio.sleep(60)

"""
WAYS = ("sabir.serve(s)", "asyncio.run(sabir.serve_async(s))")


class Forks(Serving):
    def test_service(self) -> None:
        """With a child left behind, callers see the end of a service, and another can take its place."""
        for way in WAYS:
            with self.subTest(way), sabir.connect("forks", timeout=20) as c:
                p = self.serve("forks", SERVICE + way)
                child = c.call("forks.fork")["pid"]
                try:
                    async def main() -> None:
                        async with sabir.connect_async("forks") as a:
                            call = asyncio.ensure_future(a.call("forks.wait", timeout=20))
                            while c.call("rpc.stats")["in_flight"] < 1:
                                await asyncio.sleep(0.01)
                            p.kill()
                            with self.assertRaises(sabir.OutcomeUnknown):
                                await call
                    asyncio.run(main())
                    p.wait(20)
                    again = self.serve("forks", SERVICE + way)
                    self.assertEqual(c.call("rpc.ping"), {})
                    again.kill()
                    again.wait(20)
                finally:
                    os.kill(child, signal.SIGKILL)

    def test_pool(self) -> None:
        """The signals of children are not those of the service."""
        p = self.serve("forks", SERVICE + WAYS[0])
        with sabir.connect("forks", timeout=20) as c:
            for _ in range(3):
                c.call("forks.pool")
            self.assertEqual(c.call("rpc.ping"), {})
        self.assertIsNone(p.poll())

    def test_clients(self) -> None:
        """The service sees the end of a client of which there is a child, and the child has connections of its own."""
        self.serve("forks", SERVICE + WAYS[0])

        def child() -> int:
            ours, theirs = os.pipe()
            pid = os.fork()
            if pid == 0:
                os.close(theirs)
                os.read(ours, 1)
                os._exit(0)
            os.close(ours)
            left.append((pid, theirs))
            return pid
        left: List["tuple[int, int]"] = []
        with sabir.connect("forks", timeout=20) as watching:
            async def main() -> None:
                async with sabir.connect_async("forks") as a:
                    await a.call("rpc.ping")
                    self.assertEqual(watching.call("rpc.stats")["connections"], 2)
                    child()
            try:
                asyncio.run(main())
                wait_for(lambda: watching.call("rpc.stats")["connections"] == 1)
            finally:
                for pid, theirs in left:
                    os.close(theirs)
                    os.waitpid(pid, 0)
            pid = os.fork()
            if pid == 0:
                try:
                    os._exit(0 if watching.call("rpc.stats", timeout=10)["connections"] == 2 else 1)
                finally:
                    os._exit(2)
            self.assertEqual(os.waitpid(pid, 0)[1], 0)
            wait_for(lambda: watching.call("rpc.stats")["connections"] == 1)


if __name__ == "__main__":
    unittest.main()
