"""Measures the library for Python beside what else a Python program picks: xmlrpc of the standard library, dbus-next,
grpcio, and a raw ping-pong of JSON lines. Server and client are processes of their own, both in Python; the repetitions
of the peers are interleaved; what is printed are medians of them, each with the least and the most.

    python3 -m venv /tmp/bench && /tmp/bench/bin/pip install dbus-next==0.2.3 grpcio
    /tmp/bench/bin/python bench/python/bench.py

A peer that cannot run here is told and left out. dbus-next needs dbus-daemon. `--smoke` only tries whether all work."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Tuple

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "bindings", "python"))

import sabir  # noqa: E402

FLIGHT = 64
TEXT = "a text of some length, as people write them"


@dataclass
class Echoed:
    text: str
    n: int


def service() -> sabir.Service:
    s = sabir.Service("echo")

    @s.method(readonly=True)
    async def echo(text: str, n: int) -> Echoed:
        return Echoed(text, n)
    return s


def lasting(seconds: float, call: Callable[[int], Any]) -> List[float]:
    """How long each call took, in microseconds."""
    took, n, end = [], 0, time.perf_counter() + seconds
    before = time.perf_counter()
    while before < end:
        n += 1
        assert call(n) == n
        now = time.perf_counter()
        took.append((now - before) * 1e6)
        before = now
    return took


async def lasting_async(seconds: float, call: Callable[[int], Any]) -> List[float]:
    took, n, end = [], 0, time.perf_counter() + seconds
    before = time.perf_counter()
    while before < end:
        n += 1
        assert await call(n) == n
        now = time.perf_counter()
        took.append((now - before) * 1e6)
        before = now
    return took


async def flight_async(seconds: float, call: Callable[[int], Any]) -> float:
    """Calls a second with 64 under way."""
    end, done = time.perf_counter() + seconds, 0

    async def one() -> None:
        nonlocal done
        while time.perf_counter() < end:
            assert await call(done) is not None
            done += 1
    start = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(FLIGHT)))
    return done / (time.perf_counter() - start)


class Raw:
    """Lines of JSON, and nothing else."""

    @staticmethod
    def serve(path: str) -> None:
        door = socket.socket(socket.AF_UNIX)
        door.bind(path)
        door.listen()
        while True:
            peer, _ = door.accept()
            for line in peer.makefile("rb"):
                m = json.loads(line)
                peer.sendall(json.dumps({"id": m["id"], "result": m["params"]}).encode() + b"\n")

    @staticmethod
    def measure(path: str, seconds: float) -> Tuple[List[float], float]:
        peer = socket.socket(socket.AF_UNIX)
        peer.connect(path)
        lines = peer.makefile("rb")

        def send(n: int) -> None:
            peer.sendall(json.dumps({"id": n, "method": "echo.echo", "params": {"text": TEXT, "n": n}}).encode() + b"\n")

        def call(n: int) -> int:
            send(n)
            return int(json.loads(lines.readline())["result"]["n"])
        took = lasting(seconds, call)
        for n in range(FLIGHT):
            send(n)
        done, start = 0, time.perf_counter()
        while time.perf_counter() < start + seconds:
            send(int(json.loads(lines.readline())["id"]))
            done += 1
        rate = done / (time.perf_counter() - start)
        for _ in range(FLIGHT):
            lines.readline()  # so that the server is not cut off while it writes
        return took, rate


class Sabir:
    @staticmethod
    def serve(path: str) -> None:
        sabir.serve(service(), address=path)

    @staticmethod
    def measure(path: str, seconds: float) -> Tuple[List[float], float]:
        with sabir.connect(path) as c:
            took = lasting(seconds, lambda n: c.call("echo.echo", {"text": TEXT, "n": n})["n"])

        async def flight() -> float:
            async with sabir.connect_async(path) as c:
                return await flight_async(seconds, lambda n: c.call("echo.echo", {"text": TEXT, "n": n}))
        return took, asyncio.run(flight())


class Typed(Sabir):
    """With the description: values are checked at both ends."""

    @staticmethod
    def measure(path: str, seconds: float) -> Tuple[List[float], float]:
        d = service().description
        with sabir.connect(path, d) as c:
            took = lasting(seconds, lambda n: c.call("echo.echo", {"text": TEXT, "n": n}).n)

        async def flight() -> float:
            async with sabir.connect_async(path, d) as c:
                return await flight_async(seconds, lambda n: c.call("echo.echo", {"text": TEXT, "n": n}))
        return took, asyncio.run(flight())


class XMLRPC:
    """Over TCP on loopback, with connections that are kept; 64 in flight are 64 threads."""

    @staticmethod
    def serve(path: str) -> None:
        import socketserver
        from xmlrpc.server import SimpleXMLRPCRequestHandler, SimpleXMLRPCServer

        class Handler(SimpleXMLRPCRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

        class Server(socketserver.ThreadingMixIn, SimpleXMLRPCServer):
            daemon_threads, request_queue_size = True, 128
        server = Server(("127.0.0.1", 0), Handler, logRequests=False)
        server.register_function(lambda text, n: {"text": text, "n": n}, "echo")
        with open(path + ".new", "w") as f:
            f.write(str(server.server_address[1]))
        os.rename(path + ".new", path)
        server.serve_forever()

    @staticmethod
    def measure(path: str, seconds: float) -> Tuple[List[float], float]:
        from xmlrpc.client import ServerProxy
        with open(path) as f:
            url = f"http://127.0.0.1:{f.read()}"
        proxy: Any = ServerProxy(url)
        took = lasting(seconds, lambda n: proxy.echo(TEXT, n)["n"])
        end = time.perf_counter() + seconds

        def work(_: int) -> int:
            mine: Any = ServerProxy(url)
            done = 0
            while time.perf_counter() < end:
                mine.echo(TEXT, done)
                done += 1
            return done
        start = time.perf_counter()
        with ThreadPoolExecutor(FLIGHT) as pool:
            done = sum(pool.map(work, range(FLIGHT)))
        return took, done / (time.perf_counter() - start)


class DBus:
    """dbus-next by way of a dbus-daemon."""

    @staticmethod
    def serve(path: str) -> None:
        from dbus_next.aio import MessageBus
        from dbus_next.service import ServiceInterface, method
        daemon = subprocess.Popen(["dbus-daemon", "--session", "--nofork", f"--address=unix:path={path}.bus"], stdin=subprocess.DEVNULL)

        class Echo(ServiceInterface):
            @method()
            def Echo(self, text: "s", n: "x") -> "sx":  # type: ignore  # noqa: F821
                return [text, n]

        async def main() -> None:
            while not os.path.exists(path + ".bus"):
                await asyncio.sleep(0.02)
            bus = await MessageBus(bus_address=f"unix:path={path}.bus").connect()
            bus.export("/echo", Echo("org.example.Echo"))
            await bus.request_name("org.example.Echo")
            with open(path, "w"):
                pass
            await bus.wait_for_disconnect()
        try:
            asyncio.run(main())
        finally:
            daemon.terminate()

    @staticmethod
    def measure(path: str, seconds: float) -> Tuple[List[float], float]:
        from dbus_next.aio import MessageBus

        async def main() -> Tuple[List[float], float]:
            bus = await MessageBus(bus_address=f"unix:path={path}.bus").connect()
            tree = await bus.introspect("org.example.Echo", "/echo")
            echo: Any = bus.get_proxy_object("org.example.Echo", "/echo", tree).get_interface("org.example.Echo")

            async def call(n: int) -> int:
                return int((await echo.call_echo(TEXT, n))[1])
            took = await lasting_async(seconds, call)
            rate = await flight_async(seconds, call)
            bus.disconnect()
            return took, rate
        return asyncio.run(main())


class GRPC:
    """grpcio over a unix socket, blocking; its messages are JSON, so that only the RPC differs."""

    @staticmethod
    def serve(path: str) -> None:
        import grpc
        handler = grpc.unary_unary_rpc_method_handler(lambda request, _: request, request_deserializer=json.loads, response_serializer=lambda v: json.dumps(v).encode())
        server = grpc.server(ThreadPoolExecutor(FLIGHT))
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("echo", {"Echo": handler}),))
        server.add_insecure_port("unix:" + path)
        server.start()
        server.wait_for_termination()

    @staticmethod
    def measure(path: str, seconds: float) -> Tuple[List[float], float]:
        import grpc
        with grpc.insecure_channel("unix:" + path) as channel:
            echo: Any = channel.unary_unary("/echo/Echo", request_serializer=lambda v: json.dumps(v).encode(), response_deserializer=json.loads)
            took = lasting(seconds, lambda n: echo({"text": TEXT, "n": n})["n"])
            calls = [echo.future({"text": TEXT, "n": n}) for n in range(FLIGHT)]
            done, start = 0, time.perf_counter()
            while time.perf_counter() < start + seconds:
                calls[done % FLIGHT].result()
                calls[done % FLIGHT] = echo.future({"text": TEXT, "n": done})
                done += 1
            return took, done / (time.perf_counter() - start)


PEERS: Dict[str, Any] = {"raw": Raw, "sabir": Sabir, "sabir typed": Typed, "xmlrpc": XMLRPC, "dbus-next": DBus, "grpcio": GRPC}


def lacks(name: str) -> str:
    """What a peer lacks to run here, or nothing."""
    try:
        if name == "dbus-next":
            import dbus_next  # noqa: F401
            return "" if shutil.which("dbus-daemon") else "dbus-daemon"
        if name == "grpcio":
            import grpc  # noqa: F401
    except ImportError as e:
        return f"{e.name} (pip install {name})"
    return ""


def once(name: str, seconds: float) -> Tuple[List[float], float]:
    with tempfile.TemporaryDirectory(prefix="sabir") as folder:
        path = os.path.join(folder, "s.sock")
        server = subprocess.Popen([sys.executable, __file__, "--serve", name, path])
        try:
            for _ in range(500):
                if os.path.exists(path):
                    break
                time.sleep(0.02)
            time.sleep(0.1)  # a socket is there before its listener
            result: Tuple[List[float], float] = PEERS[name].measure(path, seconds)
            return result
        finally:
            server.terminate()
            try:
                server.wait(5)
            except subprocess.TimeoutExpired:  # grpcio does not always end when it is told to
                server.kill()
                server.wait()


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--time", type=float, default=1.0, help="seconds of each measurement")
    p.add_argument("--reps", type=int, default=3, help="interleaved repetitions")
    p.add_argument("--core", type=int, help="all on this core: what is done, without the time in which another core wakes (Linux)")
    p.add_argument("--smoke", action="store_true", help="one repetition of 0.05 s, whose figures mean nothing")
    p.add_argument("--serve", nargs=2, metavar=("PEER", "PATH"), help="used by the program itself")
    o = p.parse_args()
    if o.serve:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that what a server has started ends with it
        PEERS[o.serve[0]].serve(o.serve[1])
        return
    if o.core is not None:
        os.sched_setaffinity(0, {o.core})
    if o.smoke:
        o.time, o.reps = 0.05, 1
    names = []
    for name in PEERS:
        lack = lacks(name)
        if lack:
            print(f"{name} is left out: it needs {lack}", file=sys.stderr)
        else:
            names.append(name)
    unary: Dict[str, List[float]] = {name: [] for name in names}
    rates: Dict[str, List[float]] = {name: [] for name in names}
    for _ in range(o.reps):
        for name in names:
            took, rate = once(name, o.time)
            unary[name].append(statistics.median(took))
            rates[name].append(rate)
    print(f"Python {sys.version.split()[0]}\n{'':12} {'unary p50':>10} {'least to most':>16} {'of raw':>7} {'least to most':>14}   {'64 in flight':>12}")
    for name in names:
        of_raw = [took / raw for took, raw in zip(unary[name], unary["raw"])]  # each of the same repetition
        print(f"{name:12} {statistics.median(unary[name]):7.0f} µs {spread(unary[name], 0):>16} {statistics.median(of_raw):7.2f} {spread(of_raw, 2):>14}"
              f"   {statistics.median(rates[name]):10.0f}/s")


def spread(figures: List[float], digits: int) -> str:
    return f"{min(figures):.{digits}f} to {max(figures):.{digits}f}"


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
