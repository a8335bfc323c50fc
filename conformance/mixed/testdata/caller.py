"""Calls and watches the service probe at $ADDRESS, blocking and in asyncio."""

import asyncio
import os
import sys

import sabir

address, name = os.environ["ADDRESS"], sys.argv[1]


def block() -> None:
    with sabir.connect(address) as c:
        assert c.call("probe.echo", text="hi", n=1) == {"text": "hi", "n": 1}
        try:
            c.call("probe.fail", how="declared")
            raise AssertionError("not refused")
        except sabir.Refused as e:
            assert (e.name, e.params) == ("probe.TooMuch", {"most": 7}), e
        try:
            c.call("probe.echo", text=1)
            raise AssertionError("not refused")
        except sabir.InvalidParams as e:
            assert e.faults[0]["path"] == "text", e.faults
        assert [n["n"] for n in c.items("probe.count", to=2000)] == list(range(1, 2001))
        assert len(c.call("probe.letters", n=3 << 20)["text"]) == 3 << 20
        ticks = c.watch("probe.tick", name=name)
        assert next(ticks).kind == "live"
        c.call("probe.publish", name=name, times=3)
        assert [next(ticks).value for _ in range(3)] == [{"n": 1}, {"n": 2}, {"n": 3}]
        rows = c.watch("probe.rows", name=name)
        assert next(rows).kind == "live"
        c.call("probe.put", name=name, key="k", n=5)
        e = next(rows)
        assert (e.kind, e.key, e.value) == ("item", "k", {"n": 5}), e


async def loop() -> None:
    async with sabir.connect_async(address) as c:
        all = await asyncio.gather(*(c.call("probe.echo", text=str(n)) for n in range(64)))
        assert [a["text"] for a in all] == [str(n) for n in range(64)]
        async for e in c.watch("probe.value", name=name + "2"):
            if e.kind == "live":
                await c.call("probe.set", name=name + "2", n=7)
            else:
                assert e.value == {"n": 7}, e
                break
        assert [n["n"] async for n in c.items("probe.count", to=100, window=3)] == list(range(1, 101))


block()
asyncio.run(loop())
print("ok")
