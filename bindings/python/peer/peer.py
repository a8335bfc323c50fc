"""This library as a program for the conformance suite, on the terms of conformance/README.md.

`peer.py client` blocks, with a thread for each order, and `peer.py serve` has the loop of its own that `serve` has;
`peer.py --async` is the same for asyncio. `peer.py --socket serve` stands at a socket, as services do, and passes on
what comes on stdin."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
import tempfile
import threading
from typing import Any, Dict, Optional, cast

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

import probe  # noqa: E402
import sabir  # noqa: E402
from sabir.scalars import Codec  # noqa: E402

CLAIMS: Dict[str, Any] = {"peer": "sabir for Python", "tier": "full", "roles": ["service", "client"], "cbor": False, "features": ["caller"]}
DESCRIPTION = probe.new().description
lock = threading.Lock()


def note(n: int, **what: Any) -> None:
    with lock:
        print(json.dumps({"n": n, **what}, ensure_ascii=False), flush=True)


def failed(n: int, e: BaseException) -> None:
    if isinstance(e, sabir.Refused):
        note(n, error={"name": e.name, "code": e.code, "params": e.params})
    elif isinstance(e, sabir.Error):
        refused = DESCRIPTION.refusal(e)
        assert refused is not None
        note(n, error={"name": refused.name, "code": refused.code, "params": refused.params})
    else:
        note(n, error={"name": "", "code": 0, "params": {"text": repr(e)}})


def plain(method: str, value: Any, codec: Optional[Codec] = None) -> Any:
    """A value as JSON has it. Cases from the future have no form that can be sent; they are shown as they came."""
    member = DESCRIPTION.member(method.partition(".")[2])
    if method == "probe.types":
        v = value.v
        union = {"type": v.union.type, **v.union.value} if isinstance(v.union.value, dict) else None
        if union:
            v.union = probe.Shape("circle", probe.Circle(0.0))
        out: Dict[str, Any] = member.result.dump(value)
        if union:
            out["v"]["union"] = union
        return out
    return (codec or member.result).dump({} if value == {} else value)


def event(order: Dict[str, Any], e: sabir.Event[Any]) -> None:
    what: Dict[str, Any] = {"lost": e.lost} if e.lost else {}
    if order["method"] == "probe.rows" and e.kind in ("item", "gone"):
        what["key"] = e.key
    if e.kind == "item":
        what["item"] = DESCRIPTION.member(order["method"].partition(".")[2]).item.dump(e.value)
    else:
        what[e.kind] = True
    note(order["n"], **what)


def item(order: Dict[str, Any], value: Any) -> None:
    note(order["n"], item=DESCRIPTION.member(order["method"].partition(".")[2]).item.dump(value))


def arguments(order: Dict[str, Any]) -> Dict[str, Any]:
    """Params in Python's types, as a program has them."""
    member = DESCRIPTION.member(order["method"].partition(".")[2])
    return member.params.values(order["params"], None, [], True)


def blocking(address: str) -> None:
    client = sabir.connect(address, DESCRIPTION)
    left: Dict[int, threading.Event] = {}

    def do(order: Dict[str, Any]) -> None:
        n, method, params = order["n"], order["method"], arguments(order)
        try:
            if order["do"] == "call":
                note(n, result=plain(method, client.call(method, params, timeout=order.get("timeout"))))
                return
            loop = client.items(method, params, window=order.get("window", 256)) if order["do"] == "items" else client.watch(method, params)
            for x in loop:
                if left[n].is_set():
                    break
                if order["do"] == "items":
                    item(order, x)
                else:
                    event(order, x)
            note(n, end=True)
        except Exception as e:
            failed(n, e)

    for line in sys.stdin:
        order = json.loads(line)
        if order["do"] == "cancel":
            # A thread that waits cannot be told by another, so the connection tells it: see leave.
            left[order["n"]].set()
            leave(client, order["n"])
            continue
        left[order["n"]] = threading.Event()
        threading.Thread(target=do, args=(order,), daemon=True).start()
    client.close()
    lock.acquire()  # for good: a thread that says something while Python ends would abort it


def leave(client: sabir.Client, n: int) -> None:
    """Cancels the oldest call of the connection that is under way: the suite has one at a time when it cancels."""
    c = client._now
    if c is not None:
        for p in list(c.core.pending.values()):
            c.leave(p)
            return


async def in_loop(address: str) -> None:
    client = sabir.connect_async(address, DESCRIPTION)
    running: Dict[int, "asyncio.Task[None]"] = {}

    async def do(order: Dict[str, Any]) -> None:
        n, method, params = order["n"], order["method"], arguments(order)
        try:
            if order["do"] == "call":
                note(n, result=plain(method, await client.call(method, params, timeout=order.get("timeout"))))
            elif order["do"] == "items":
                async for x in client.items(method, params, window=order.get("window", 256)):
                    item(order, x)
                note(n, end=True)
            else:
                async for e in client.watch(method, params):
                    event(order, e)
                note(n, end=True)
        except asyncio.CancelledError:
            note(n, end=True)
        except Exception as error:
            failed(n, error)

    reader = asyncio.StreamReader(limit=1 << 24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while True:
        line = await reader.readline()
        if not line:
            break
        order = json.loads(line)
        if order["do"] == "cancel":
            running[order["n"]].cancel()
        else:
            running[order["n"]] = asyncio.ensure_future(do(order))
    await client.close()
    for task in running.values():
        task.cancel()


def serve(way: str, level: str) -> None:
    logging.disable(logging.CRITICAL)  # what is wrong is told to the suite already
    if way == "--socket":
        with tempfile.TemporaryDirectory(prefix="sabir") as folder:
            sabir.serve(probe.new(), address=os.path.join(folder, "probe.sock"), level=lambda _: level, ready=pass_on)
    elif way == "--async":
        asyncio.run(in_asyncio(level))
    else:
        sabir.serve(probe.new(), stdio=True, stdio_level=level)


async def in_asyncio(level: str) -> None:
    task = asyncio.ensure_future(sabir.serve_async(probe.new(), stdio=True, stdio_level=level))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await asyncio.wait([task])


def pass_on(path: str) -> None:
    """Copies between stdin and stdout and a connection to the socket; the service ends with it."""
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(path)
    loop, service = asyncio.get_running_loop(), cast("asyncio.Task[None]", asyncio.current_task())

    def there() -> None:
        for data in iter(lambda: os.read(0, 1 << 16), b""):
            peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)

    def back() -> None:
        with open(1, "wb", 0, closefd=False) as out:
            for data in iter(lambda: peer.recv(1 << 16), b""):
                out.write(data)
        try:
            loop.call_soon_threadsafe(service.cancel)
        except RuntimeError:
            pass  # it was stopped, and has ended
    threading.Thread(target=there, daemon=True).start()
    threading.Thread(target=back).start()


def main() -> None:
    words = sys.argv[1:]
    way = words.pop(0) if words[:1] in (["--async"], ["--socket"]) else ""
    if words == ["claims"]:
        print(json.dumps({**CLAIMS, "peer": CLAIMS["peer"] + (f", {way[2:]}" if way else "")}))
    elif words[:1] == ["serve"] and len(words) == 2:
        serve(way, words[1])
    elif words[:1] == ["client"] and len(words) == 3:
        if way == "--async":
            asyncio.run(in_loop(words[1]))
        else:
            blocking(words[1])
    else:
        sys.exit("usage: peer.py [--async | --socket] claims | serve LEVEL | client ADDRESS json")


if __name__ == "__main__":
    main()
