"""Clients and services of this library over real sockets, in threads and in loops."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import threading
import time
import unittest
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Optional
from unittest import mock

from support import Serving, root, wait_for

import probe
import sabir
import sabir.address
import sabir.aioconnection
import sabir.link

WRONG = """
import dataclasses, sabir
from typing import Any, Dict, List, Optional

@dataclasses.dataclass
class Share:
    percent: int
    def __post_init__(self):
        if self.percent > 100:
            raise ValueError("over the whole")

@dataclasses.dataclass
class Out:
    names: List[str]
    ages: Dict[str, int]
    rest: Any

@dataclasses.dataclass
class Odd(sabir.Error):
    n: int

s = sabir.Service("wrong")

@s.method()
async def take(share: Share) -> Share:
    return share

@s.method(errors=[Odd])
async def give(how: str) -> Out:
    out = {
        "none": None,
        "text": Out("abc", {}, 1),
        "nothing": Out(None, {}, 1),
        "list": Out([], [1], 1),
        "half": Out(["\\udc80"], {}, 1),
        "key": Out([], {"\\udc80": 1}, 1),
        "any": Out([], {}, ["\\udc80"]),
        "good": Out(("a",), {"b": 1}, None),
    }
    if how == "error":
        raise Odd("x")
    return out[how]

sabir.serve(s)
"""


class Mistakes(Serving):
    """Services whose handlers do what they have not declared: the caller is answered, and the connection lives."""

    def test_handlers(self) -> None:
        self.serve("wrong", WRONG)
        with sabir.connect("wrong", timeout=20) as c:
            for how in ("none", "text", "nothing", "list", "half", "key", "any", "error", "unheard of"):
                with self.subTest(how), self.assertRaises(sabir.Internal):
                    c.call("wrong.give", how=how)
            self.assertEqual(c.call("wrong.give", how="good")["names"], ["a"])
            self.assertEqual(c.call("wrong.take", share={"percent": 100}), {"percent": 100})
            with self.assertRaises(sabir.InvalidParams) as caught:
                c.call("wrong.take", share={"percent": 101})
            self.assertEqual(caught.exception.faults, [{"path": "share", "reason": "over the whole"}])
            self.assertEqual(c.call("rpc.stats")["in_flight"], 0)

    def test_cancelled_at_once(self) -> None:
        """A call that is cancelled in the packet that asks for it gives its slot back. [S7]"""
        self.probe()
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(20)
            peer.connect(os.path.join(self.folder, "probe.sock"))
            both = b'{"id":%d,"method":"probe.wait","params":{"name":"a"}}\n{"method":"rpc.cancel","params":{"id":%d}}\n'
            lines = peer.makefile("rb")
            for n in range(300):
                peer.sendall(both % (n, n))
                self.assertEqual(json.loads(lines.readline())["error"]["data"]["name"], "rpc.Cancelled")
            peer.sendall(b'{"id":"s","method":"rpc.stats"}\n')
            self.assertEqual(json.loads(lines.readline())["result"]["in_flight"], 0)
            lines.close()

    def test_results(self) -> None:
        """A class of the program's own that refuses a result is a fault of the result, and harms no other call."""
        @dataclass
        class Even:
            text: str
            n: Optional[int] = None

            def __post_init__(self) -> None:
                if self.n is not None and self.n % 2:
                    raise ValueError("an odd number")
        self.probe()
        described = sabir.Description(probe.new().description.tree, results={"echo": Even})
        with sabir.connect("probe", described, timeout=20) as c:
            with self.assertRaises(sabir.InvalidResult) as caught:
                c.call("probe.echo", text="a", n=3)
            self.assertIn("an odd number", str(caught.exception))
            self.assertEqual(c.call("probe.echo", text="a", n=2), Even("a", 2))
            with self.assertRaises(sabir.Unfit):
                c.call("probe.echo", text="\udc80")


class Blocking(Serving):
    def test_calls(self) -> None:
        self.probe()
        with sabir.connect("probe") as c:
            self.assertEqual(c.call("probe.echo", text="hi"), {"text": "hi"})
            with self.assertRaises(sabir.InvalidParams) as caught:
                c.call("probe.echo", txt="hi")
            self.assertEqual(caught.exception.faults[0], {"path": "txt", "reason": "unknown, did you mean text?"})
            with self.assertRaises(sabir.Refused) as refused:
                c.call("probe.fail", how="declared")
            self.assertEqual((refused.exception.name, refused.exception.params), ("probe.TooMuch", {"most": 7}))
            with self.assertRaises(sabir.MethodNotFound):
                c.call("probe.none")
            with self.assertRaises(sabir.DeadlineExceeded):
                c.call("probe.wait", name="a", timeout=0.05)
            with self.assertRaises(sabir.TooLarge):
                c.call("probe.echo", text="x" * (5 << 20))
            self.assertEqual([n["n"] for n in c.items("probe.count", to=1000, window=7)], list(range(1, 1001)))
            for n in c.items("probe.count", to=10 ** 9):
                if n["n"] == 10:
                    break
            self.assertEqual(c.describe("probe")["name"], "probe")
            c.notify("probe.set", name="s", n=4)
            self.assertEqual(c.call("probe.value", name="s"), {"n": 4})
        with self.assertRaises(sabir.Unavailable):
            c.call("probe.echo", text="hi")

    def test_typed(self) -> None:
        self.probe()
        with sabir.connect("probe", probe.new().description) as c:
            self.assertEqual(c.call("probe.echo", text="hi", n=None), probe.Echoed("hi"))
            with self.assertRaises(probe.TooMuch) as caught:
                c.call("probe.fail", how="declared")
            self.assertEqual(caught.exception.most, 7)
            with self.assertRaises(sabir.Unfit):
                c.call("probe.echo", text=5)
            self.assertEqual(list(c.items("probe.bytes", n=70000)), [bytes(65536), bytes(4464)])

    def test_threads(self) -> None:
        self.probe()
        with sabir.connect("probe") as c:
            results: List[Any] = []

            def work(n: int) -> None:
                for i in range(50):
                    results.append(c.call("probe.echo", text=str(n))["text"] == str(n))
            waiting = threading.Thread(target=lambda: results.append(c.call("probe.wait", name="w")["released"]))
            waiting.start()
            all = [threading.Thread(target=work, args=(n,)) for n in range(8)]
            for t in all:
                t.start()
            for t in all:
                t.join()
            wait_for(lambda: c.call("probe.release", name="w")["waited"] == 1)
            waiting.join(20)
            self.assertEqual((len(results), all and set(results)), (401, {True}))

    def test_reconnect(self) -> None:
        p = self.probe()
        with sabir.connect("probe") as c:
            watch = c.watch("probe.tick", name="t")
            self.assertEqual(next(watch).kind, "live")
            c.call("probe.publish", name="t", times=1)
            self.assertEqual(next(watch).value, {"n": 1})
            p.send_signal(signal.SIGTERM)
            down = next(watch)
            self.assertEqual((down.kind, type(down.error)), ("down", sabir.Cancelled))
            p.communicate()
            self.probe()
            up = next(watch)
            self.assertEqual((up.kind, up.lost), ("live", -1))
            watch.close()  # type: ignore[attr-defined]
            self.assertEqual(c.call("probe.echo", text="again"), {"text": "again"})

    def test_table(self) -> None:
        self.probe()
        with sabir.connect("probe") as c:
            c.call("probe.put", name="t", key="a", n=1)
            watch = c.watch("probe.rows", name="t")
            self.assertEqual([(e.kind, e.key) for e in (next(watch), next(watch))], [("item", "a"), ("live", "")])
            c.call("probe.drop", name="t", key="a")
            self.assertEqual((lambda e: (e.kind, e.key))(next(watch)), ("gone", "a"))

    def test_other_kinds(self) -> None:
        """What is no stream says so, and what cannot be watched. [S5]"""
        self.probe()
        stream, watch = "probe.echo answered with a result: it is no stream", "probe.echo answered at once: it is no topic, state or table to watch"
        with sabir.connect("probe") as c:
            with self.assertRaisesRegex(sabir.InvalidResult, stream):
                next(c.items("probe.echo", text="hi"))
            with self.assertRaisesRegex(sabir.InvalidResult, watch):
                next(c.watch("probe.echo", text="hi"))

        async def main() -> None:
            async with sabir.connect_async("probe") as c:
                with self.assertRaisesRegex(sabir.InvalidResult, stream):
                    await c.items("probe.echo", text="hi").__anext__()
                with self.assertRaisesRegex(sabir.InvalidResult, watch):
                    await c.watch("probe.echo", text="hi").__anext__()
        asyncio.run(main())

    def test_exec(self) -> None:
        peer = os.path.join(root, "peer", "peer.py")
        with sabir.connect(f"exec:{sys.executable} {peer} serve write") as c:
            self.assertEqual(c.call("probe.echo", text="hi"), {"text": "hi"})
            with self.assertRaises(sabir.Denied) as caught:
                c.call("probe.rule")
            self.assertEqual(caught.exception.params, {"needs": "admin"})
        with self.assertRaises(sabir.Unavailable):
            sabir.connect("exec:/nonexistent").call("probe.echo", text="hi")

    def test_nobody(self) -> None:
        with self.assertRaises(sabir.Unavailable):
            sabir.connect("nobody").call("nobody.home")
        for bad in ("Lounge", "tcp:localhost", "sabir://", "sabir://h#fp=x", "ws://h", "unix:", "sabir://h#t=a&t=b"):
            with self.assertRaises(sabir.AddressError, msg=bad):
                sabir.connect(bad).call("a.b")
        with self.assertRaises(sabir.AddressError):
            sabir.connect("tcp:192.0.2.1:7224").call("a.b")

    def test_secret_in_what_is_no_address(self) -> None:
        """[K20]"""
        secret = "4uastaud77.secretsecretsecretsecr"
        for bad in ("{}", "ws://h/#t={}", "wss://ann:secret@h", "tcp:127.0.0.1:1/#t={}", "sabir:h/#t={}", "sabir://h/#t={}&t=x",
                    "sabir://h:{}", "h/#t=ann.secret", "sabir://h/?t={}"):
            with self.assertRaises(sabir.AddressError, msg=bad) as caught:
                sabir.address.parse(bad.format(secret))
            self.assertNotIn("secret", str(caught.exception).replace("with a secret", ""))
        with self.assertRaises(sabir.AddressError) as caught:
            sabir.address.Socket("wss://h/#t=" + secret)
        self.assertNotIn("secret", str(caught.exception))

    @unittest.skipUnless(hasattr(socket, "TCP_USER_TIMEOUT"), "not on this system")
    def test_silence(self) -> None:
        """The system is told to find a peer that is gone. [O8]"""
        async def asynchronous(address: str) -> None:
            with mock.patch("sabir.aioconnection._login"):
                c = await sabir.aioconnection.dial(address, {})
            assert c.transport is not None
            self.assert_watched(c.transport.get_extra_info("socket"))
            c.close()

        with socket.create_server(("127.0.0.1", 0)) as server:
            address = f"tcp:127.0.0.1:{server.getsockname()[1]}"
            asyncio.run(asynchronous(address))
            link = sabir.link.dial(sabir.address.parse(address), time.monotonic() + 5)
            assert isinstance(link, sabir.link.SocketLink)
            self.assert_watched(link.sock)
            link.close()

    def assert_watched(self, sock: socket.socket) -> None:
        self.assertEqual(sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE), 1)
        for name, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 2), ("TCP_USER_TIMEOUT", 40_000)):
            self.assertEqual(sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)), value, name)

    def test_more_than_asked_for(self) -> None:
        """Items for a plain request are passed over; more than a window allows ends the connection. [S1]"""
        script = r"""
import json, sys
note = '{"method":"rpc.item","params":{"id":%d,"value":1}}\n'
for line in sys.stdin:
    q = json.loads(line)
    if "id" not in q:
        continue
    elif "window" in q:
        sys.stdout.write(note % q["id"] * 10000)
    elif q["method"] == "a.b":
        sys.stdout.write(note % q["id"] * 10000 + '{"id":%d,"result":{}}\n' % q["id"])
    else:
        sys.stdout.write('{"id":%d,"error":{"code":-32601,"message":"no","data":{"name":"rpc.MethodNotFound","params":{}}}}\n' % q["id"])
    sys.stdout.flush()
"""
        with open(os.path.join(self.folder, "bad.py"), "w") as f:
            f.write(script)
        with sabir.connect(f"exec:{sys.executable} {self.folder}/bad.py") as c:
            self.assertEqual(c.call("a.b"), {})
            with self.assertRaisesRegex(sabir.SabirError, "no credit"):
                for _ in c.items("a.c"):
                    time.sleep(0.01)

    def test_socket(self) -> None:
        self.probe()
        path = os.path.join(self.folder, "probe.sock")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        second = self.run_python("-c", "import sabir\ns = sabir.Service('probe')\nsabir.serve(s)")
        _, said = second.communicate(timeout=20)
        self.assertIn("another process listens there", said)
        with open(os.path.join(self.folder, "file.sock"), "w"):
            pass
        third = self.run_python("-c", "import sabir\ns = sabir.Service('file')\nsabir.serve(s)")
        self.assertIn("left alone", third.communicate(timeout=20)[1])

    def test_stale(self) -> None:
        p = self.probe()
        p.kill()
        p.communicate()
        path = os.path.join(self.folder, "probe.sock")
        self.assertTrue(os.path.exists(path))
        self.run_python("-c", f"import sys; sys.path.insert(0, {os.path.join(root, 'peer')!r}); import probe, sabir; sabir.serve(probe.new())")

        def answers() -> bool:
            try:
                with sabir.connect("probe") as c:
                    return bool(c.call("rpc.ping") == {})
            except sabir.Unavailable:
                return False
        wait_for(answers)

    def test_command(self) -> None:
        self.probe()

        def run(*words: str) -> "tuple[int, str, str]":
            p = self.run_python("-m", "sabir", *words)
            out, said = p.communicate(timeout=20)
            return p.returncode, out, said
        self.assertEqual(run("call", "probe.echo", "text=5", "n=3"), (0, '{"text":"5","n":3}\n', ""))
        self.assertEqual(run("call", "probe.count", "2"), (0, '{"n":1}\n{"n":2}\n', ""))
        self.assertEqual(run("call", "probe.fail", "how=declared"), (1, "", "sabir: probe.fail: probe.TooMuch: more than 7\n"))
        self.assertEqual(run("call", "probe.echo", "n=x")[0], 2)
        for wrong in (("call", "probe.echo", "text=a", "n:=NaN"), ("call", "probe.echo", "text=\udcff"), ("--timeout", "nan", "call", "probe.echo"),
                      ("--address", "tcp:localhost:99999", "call", "probe.echo"), ("--address", "sabir://[", "call", "probe.echo")):
            code, out, said = run(*wrong)
            self.assertIn(code, (1, 2), wrong)
            self.assertEqual(out, "")
            self.assertNotIn("Traceback", said)
        self.assertEqual(run("call", "nobody.home")[0], 3)
        self.assertEqual(run("--timeout", "0.1", "call", "probe.wait", "name=a")[0], 4)
        self.assertIn('"name": "probe"', run("describe", "probe")[1])

    def test_examples(self) -> None:
        with open(os.path.join(root, "examples", "hello.py"), encoding="utf-8") as f:
            self.serve("hello", f.read())
        for name, want in (("client.py", "live\nhello, ann\nhello.Shy {'name': 'bob'}\n{'name': 'ann'}\n"), ("client_async.py", "hello, ann\n{'name': 'ann'}\n")):
            p = self.run_python(os.path.join(root, "examples", name))
            out, said = p.communicate(timeout=20)
            self.assertEqual((out, said), (want, ""))
        with open(os.path.join(root, "README.md"), encoding="utf-8") as f:
            readme = f.read()
        for name in ("hello.py", "client.py"):
            with open(os.path.join(root, "examples", name), encoding="utf-8") as f:
                code = f.read()
            block = next(b.split("```")[0] for b in readme.split("```python\n")[1:] if b.split("\n")[0] in code)
            self.assertIn(block, code, f"README.md does not have what is in {name}")


class Asyncio(Serving):
    def test_all(self) -> None:
        self.probe()

        async def main() -> None:
            async with sabir.connect_async("probe") as c:
                all = await asyncio.gather(*(c.call("probe.echo", text=str(n)) for n in range(100)))
                self.assertEqual([a["text"] for a in all], [str(n) for n in range(100)])
                self.assertEqual([n["n"] async for n in c.items("probe.count", to=500, window=5)], list(range(1, 501)))
                task = asyncio.ensure_future(c.call("probe.wait", name="w"))
                await asyncio.sleep(0)
                await c.call("probe.echo", text="x")
                task.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await task
                with self.assertRaises(sabir.DeadlineExceeded):
                    await c.call("probe.wait", name="w", timeout=0.05)
                kinds = []
                async for e in c.watch("probe.value", name="s"):
                    kinds.append(e.kind)
                    if e.kind == "live":
                        await c.call("probe.set", name="s", n=1)
                    else:
                        break
                self.assertEqual(kinds, ["live", "item"])
                while (await c.call("rpc.stats"))["subscriptions"]:
                    await asyncio.sleep(0.02)  # a generator that was left is closed by the loop, in its time
        asyncio.run(main())

    def test_exec(self) -> None:
        peer = os.path.join(root, "peer", "peer.py")

        async def main() -> None:
            async with sabir.connect_async(f"exec:{sys.executable} {peer} serve admin") as c:
                self.assertEqual(await c.call("probe.echo", text="hi"), {"text": "hi"})
        asyncio.run(main())


class Threads(Serving):
    """Handlers with def run in threads, and publish from there."""

    def test_blocking_service(self) -> None:
        s = sabir.Service("slow")
        heard: List[Dict[str, Any]] = []
        beat = s.topic("beat", int, {"room": str}, on_listeners=lambda **now: heard.append(now))

        @dataclass
        class Out:
            level: str
        globals()["Out"] = Out

        @s.method()
        def work(room: str) -> Out:
            time.sleep(0.05)
            beat.publish(1, room=room)
            return Out(sabir.caller().level)

        @s.method()
        def numbers(to: int) -> Iterator[int]:
            for n in range(to):
                yield n

        done = threading.Event()
        path: List[str] = []

        async def serve() -> None:
            task = asyncio.ensure_future(sabir.serve_async(s, ready=path.append))
            while not done.is_set():
                await asyncio.sleep(0.02)  # the test is in another thread
            task.cancel()
            await asyncio.wait([task])
        thread = threading.Thread(target=lambda: asyncio.run(serve()))
        thread.start()
        try:
            wait_for(lambda: path)
            with sabir.connect(path[0]) as c:
                watch = c.watch("slow.beat", room="r")
                next(watch)
                self.assertEqual(c.call("slow.work", room="r"), {"level": "admin"})
                self.assertEqual(next(watch).value, 1)
                self.assertEqual(beat.listeners(room="r"), 1)
                watch.close()  # type: ignore[attr-defined]
                self.assertEqual(list(c.items("slow.numbers", to=100)), list(range(100)))
            wait_for(lambda: len(heard) == 2)
            self.assertEqual(heard, [{"listening": True, "room": "r"}, {"listening": False, "room": "r"}])
        finally:
            done.set()
            thread.join(20)


if __name__ == "__main__":
    unittest.main()
