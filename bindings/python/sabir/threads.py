"""Threads for handlers that may block."""

from __future__ import annotations

import logging
import queue
import threading
from typing import Any, Callable, Optional, Tuple

log = logging.getLogger("sabir")


class Threads:
    """Runs work in at most so many threads, which are made when they are needed. The end of the program does not wait for
    them, as it does for those of concurrent.futures: one handler that hangs would keep a service from stopping. [O9]"""

    def __init__(self, most: int) -> None:
        self.most, self.count = most, 0
        self.idle = threading.Semaphore(0)
        self.work: "queue.SimpleQueue[Optional[Tuple[Callable[..., object], Tuple[Any, ...]]]]" = queue.SimpleQueue()

    def submit(self, work: Callable[..., object], *args: Any) -> None:
        """Has it done. For one thread."""
        self.work.put((work, args))
        if not self.idle.acquire(False) and self.count < self.most:
            self.count += 1
            threading.Thread(target=self._run, name=f"sabir-{self.count}", daemon=True).start()

    def close(self) -> None:
        """Ends the threads that have nothing to do, and the others when they have done it."""
        for _ in range(self.count):
            self.work.put(None)

    def _run(self) -> None:
        while True:
            what = self.work.get()
            if what is None:
                return
            work, args = what
            try:
                work(*args)
            except BaseException:  # the thread is for others too
                log.exception("what ran in a thread failed")
            del what, work, args  # which may be large, and the next may be long in coming
            self.idle.release()
