"""Topics, states and tables without a connection: who listens, and what the program hears of it."""

from __future__ import annotations

import unittest
from typing import Any, Callable, List, Tuple

from support import root  # noqa: F401

import sabir
from sabir.feeds import Feed, Reader, StateReader, TableReader, TopicReader


def wake() -> None:
    pass


def readers(feed: Feed) -> List[Callable[[], Reader]]:
    """Ways to listen to a feed."""
    if isinstance(feed, sabir.Topic):
        topic = feed
        return [lambda: TopicReader(topic, {"room": "r"}, wake, None), lambda: TopicReader(topic, {"room": "r"}, wake, ("old", 3))]
    if isinstance(feed, sabir.State):
        state = feed
        return [lambda: StateReader(state, {"room": "r"}, wake)]
    assert isinstance(feed, sabir.Table)
    table = feed
    return [lambda: TableReader(table, {"room": "r"}, wake)]


class Listeners(unittest.TestCase):
    def test_raising(self) -> None:
        """A callback that raises is logged; whoever listens is counted, told, and counted out."""
        heard: List[bool] = []

        def hear(**now: Any) -> None:
            heard.append(now["listening"])
            raise RuntimeError("a bug")
        s = sabir.Service("feeds")
        feeds: List[Feed] = [make("f" + make.__name__, int, {"room": str}, on_listeners=hear) for make in (s.topic, s.state, s.table)]
        self.assertEqual(len(s.description.members), 3)
        for feed in feeds:
            for listen in readers(feed):
                with self.subTest(type(feed).__name__):
                    heard.clear()
                    with self.assertLogs("sabir", "ERROR") as log:
                        reader = listen()
                    self.assertIn("a bug", log.output[0])
                    self.assertEqual(feed.listeners(room="r"), 1)
                    told = reader.next(True)
                    assert told is not None
                    self.assertEqual(told[0], "rpc.live")
                    with self.assertLogs("sabir", "ERROR"):
                        reader.close()
                    self.assertEqual((feed.listeners(room="r"), heard), (0, [True, False]))

    def test_rings(self) -> None:
        """How many values of the params are in use is up to the program."""
        s = sabir.Service("feeds")
        topic, state, table = s.topic("t", int, {"n": int}), s.state("s", int, {"n": int}), s.table("u", int, {"n": int})
        ways: List[Tuple[Feed, Callable[[int], Reader]]] = [
            (topic, lambda n: TopicReader(topic, {"n": n}, wake, None)), (state, lambda n: StateReader(state, {"n": n}, wake)),
            (table, lambda n: TableReader(table, {"n": n}, wake))]
        for feed, listen in ways:
            with self.subTest(type(feed).__name__):
                feed.max_rings = 3
                listening = [listen(n) for n in range(3)]
                with self.assertRaises(sabir.Busy):
                    listen(3)
                feed.max_rings = 4
                listening.append(listen(3))


if __name__ == "__main__":
    unittest.main()
