"""What is made of chat.sabir, served and called: by threads and by tasks, each with both clients."""

import asyncio
import datetime
import os
import sys
import threading
from typing import AsyncIterator, Iterator, List, Optional

import chat_api as api
import sabir

NOW = datetime.datetime(2026, 11, 23, 10, 0, 0, 500000, datetime.timezone.utc)


def line(room: str, text: str) -> api.Line:
    return api.Line(room, text, NOW, api.Mood.glad, [api.Line(room, "inner", NOW)])


class Blocking(api.Service):
    heard: List[bool] = []

    def say(self, room: str, text: str, from_: Optional[str] = None, class_: Optional[api.Mood] = None) -> api.SayResult:
        if room != "dev":
            raise api.NoRoom(room)
        seq = self.line.publish(line(room, text), room=room)
        self.users.set(from_ or "nobody", api.User(from_ or "nobody", api.Shape("dot", api.Dot(1)), 2 ** 60), room=room)
        self.status.set(api.Status(seq))
        return api.SayResult(seq, line(room, f"{text} {class_}"))

    def close(self, room: str) -> None:
        self.users.delete("ann", room=room)

    def search(self, word: str, limit: Optional[int] = None) -> Iterator[api.Line]:
        if word == "none":
            raise api.NoRoom(word, count=0)
        for i in range(limit or 3):
            yield line("dev", f"{word} {i}")

    def accept_line(self, room: str) -> None:
        if room == "secret":
            raise sabir.Denied("not for you", {"needs": "admin"})

    def on_line(self, room: str, *, listening: bool) -> None:
        self.heard.append(listening)


class Tasks(api.AsyncService):
    async def say(self, room: str, text: str, from_: Optional[str] = None, class_: Optional[api.Mood] = None) -> api.SayResult:
        return Blocking.say(self, room, text, from_, class_)  # type: ignore[arg-type]

    async def close(self, room: str) -> None:
        self.users.delete("ann", room=room)

    async def search(self, word: str, limit: Optional[int] = None) -> AsyncIterator[api.Line]:
        for item in Blocking.search(self, word, limit):  # type: ignore[arg-type]
            yield item


def block(path: str, denies: bool) -> None:
    with sabir.connect(path) as c:
        chat = api.Client(c)
        watch = chat.watch_line(room="dev")
        assert next(watch).kind == "live"
        said = chat.say("dev", "hi", from_="ann", class_=api.Mood.sad)
        assert said == api.SayResult(1, line("dev", "hi sad")), said
        event = next(watch)
        assert event.value == line("dev", "hi") and event.seq == 1, event
        try:
            chat.say("attic", "hi")
            raise AssertionError("not refused")
        except api.NoRoom as e:
            assert e.room == "attic" and e.count is None
        assert chat.status() == api.Status(1)
        users = chat.users("dev")
        assert users["ann"].shape == api.Shape("dot", api.Dot(1.0)) and users["ann"].big == 2 ** 60, users
        chat.close("dev")
        assert chat.users("dev") == {}
        assert [x.text for x in chat.search("a", limit=2)] == ["a 0", "a 1"]
        try:
            list(chat.search("none"))
            raise AssertionError("not refused")
        except api.NoRoom as e:
            assert e.count == 0
        try:
            chat.say("dev", "")
            raise AssertionError("not refused")
        except sabir.Unfit as unfit:
            assert str(unfit) == "text: at least 1 character, got 0", unfit
        if denies:
            try:
                next(chat.watch_line("secret"))
                raise AssertionError("not refused")
            except sabir.Denied:
                pass


async def loop(path: str) -> None:
    async with sabir.connect_async(path) as c:
        chat = api.AsyncClient(c)
        async for event in chat.watch_users(room="dev"):
            if event.kind == "live":
                await chat.say("dev", "again", from_="bob")
            else:
                assert event.value is not None and event.value.name == "bob"
                break
        assert [x.text async for x in chat.search("b")] == ["b 0", "b 1", "b 2"]
        assert (await chat.status()).lines >= 1


def main(folder: str) -> None:
    blocking = Blocking()
    for name, service, denies in (("blocking", blocking.service(), True), ("tasks", Tasks().service(), False)):
        path, ready, done = os.path.join(folder, name + ".sock"), threading.Event(), threading.Event()

        async def serve() -> None:
            task = asyncio.ensure_future(sabir.serve_async(service, address=path, ready=lambda _: ready.set()))
            await asyncio.get_running_loop().run_in_executor(None, done.wait)
            task.cancel()
            await asyncio.wait([task])
        thread = threading.Thread(target=lambda: asyncio.run(serve()))
        thread.start()
        try:
            assert ready.wait(20)
            block(path, denies)
            asyncio.run(loop(path))
        finally:
            done.set()
            thread.join()
    assert blocking.heard[0] is True, blocking.heard
    print("ok")


main(sys.argv[1])
