"""The same in asyncio."""
import asyncio

import sabir


async def main() -> None:
    async with sabir.connect_async("hello") as hello:
        async for event in hello.watch("hello.greeted"):
            if event.kind == "live":
                print((await hello.call("hello.greet", name="ann"))["text"])
            else:
                print(event.value)
                break


asyncio.run(main())
