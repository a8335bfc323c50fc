"""A connection of the client that blocks, for any number of threads.

Who makes a call writes it, and waits for an answer by reading for all who do. A thread of the connection's own is there
only while something is left that nobody waits for: bytes to send behind a call that was given up, and items to read while
the program is busy with others."""

from __future__ import annotations

import os
import threading
import time
from typing import Any, Dict, Optional, Tuple

from . import link, trust
from .address import Address, parse
from .clientcore import TURN, ClientCore, Event, Pending, late, left, unanswered
from .description import Description
from .errors import Cancelled, DeadlineExceeded, Draining, ParseError, TooLarge, Unavailable
from .scram import Scram

CONNECT = 10.0
LOOK = 2.0  # a service gives up who reads nothing for 10 s [O5]
IDLE = 0.01


class Connection:
    def __init__(self, address: str, descriptions: Dict[str, Description], timeout: Optional[float]) -> None:
        a = parse(address)
        until = time.monotonic() + (CONNECT if timeout is None else timeout)
        self.pid = os.getpid()  # after a fork it is the parent's
        self.known = trust.Trust(a) if a.kind == "tls" else None
        self.link = link.dial(a, until)
        self.core = ClientCore(descriptions)
        self.lock = threading.RLock()  # of the core and of what is below; a generator may be left by the garbage collector
        self.changed = threading.Condition(self.lock)
        self.reading = False
        self.heard = time.monotonic()  # when something came, or nothing was there
        self.retired = False  # it is closed when the last answer is there
        self.waiting = 0  # threads that wait for the one that reads
        self.keeper: Optional[threading.Thread] = None
        self.look = threading.Event()  # the keeper is to look now
        self.sending = threading.Lock()  # of the rest, and of what goes out
        self.rest = memoryview(b"")  # taken from the core and not sent
        if a.kind in ("tcp", "tls"):
            try:
                self._login(a, until)
            except DeadlineExceeded:
                self.link.close()
                raise Unavailable(f"nobody answers at {a.host}:{a.port}: connected, but the login took too long") from None
            except BaseException:
                self.link.close()
                raise

    def _login(self, a: Address, until: float) -> None:
        """Proves both ends to each other before anything else is sent. [K2] [K9]"""
        binding = None
        if self.known is not None:
            assert isinstance(self.link, link.TLSLink)
            certificate = self.link.sock.getpeercert(True)
            assert certificate
            binding = self.known.judge(certificate)
        scram = Scram(*trust.secret_for(a), binding)
        answer = self._call("rpc.auth", {"mechanism": scram.mechanism, "data": scram.first()}, until)
        answer = self._call("rpc.auth", {"data": scram.final(str(answer.get("data")))}, until)
        scram.check(str(answer.get("data")))
        if self.known is not None:
            self.known.proved(str(self._call("rpc.info", {}, until).get("next") or ""))

    def _call(self, method: str, params: Dict[str, Any], deadline: float) -> Any:
        p = self.start(method, params, None, None, None, deadline)
        self.wait(p, deadline)
        if p.error:
            raise p.error
        return p.result

    @property
    def usable(self) -> bool:
        return self.core.closed is None and not self.core.goaway and self.pid == os.getpid()

    # What goes out

    def start(self, method: str, params: Dict[str, Any], member: Any, window: Optional[int], since: Optional[Tuple[str, int]],
              deadline: Optional[float]) -> Pending:
        """Sends a request; Unavailable if it surely was not, DeadlineExceeded."""
        self._glance()
        self._turn_to_send(deadline)
        try:
            with self.lock:
                self._open()
                p = self.core.request(method, params, member, window, since, left(deadline))
                own = self._take()
            try:
                sent = self._push(deadline)
            except (OSError, ValueError) as e:
                unsent = len(self.rest) >= own
                with self.lock:
                    if unsent:
                        self.core.pending.pop(p.id, None)
                    self._lose(e)
                if unsent:
                    raise unanswered(self.core.closed or e) from None
                return p
            if not sent:
                with self.lock:
                    self.core.cancel(p)  # which follows it: what has begun to go out cannot be taken back
                raise late()
        finally:
            self._sent()
        if window is not None:
            self._keep()
        return p

    def notify(self, method: str, params: Dict[str, Any], deadline: Optional[float]) -> None:
        """Sends a notification, as `start` does."""
        self._glance()
        self._turn_to_send(deadline)
        try:
            with self.lock:
                self._open()
                self.core.notify(method, params)
                self._take()
            try:
                sent = self._push(deadline)
            except (OSError, ValueError) as e:
                with self.lock:
                    self._lose(e)
                raise unanswered(self.core.closed or e) from None
            if not sent:
                raise late()
        finally:
            self._sent()

    def _glance(self) -> None:
        """Sees whether the service has said that it goes, or is gone: between calls nobody reads."""
        if not self.core.pending and time.monotonic() - self.heard > IDLE:  # not for each call of many: it takes its time
            self._hear()

    def _turn_to_send(self, deadline: Optional[float]) -> None:
        """Waits until what others say is sent, so that no more than one message waits here. Who has the turn ends it by
        `_sent`."""
        if not self.sending.acquire(False):
            time_left = left(deadline)
            if not self.sending.acquire(timeout=-1 if time_left is None else time_left):
                raise late()
        if not self.rest:
            return
        sent = True
        try:
            sent = self._push(deadline)
        except (OSError, ValueError) as e:
            with self.lock:
                self._lose(e)
        except BaseException:
            self._sent()
            raise
        if not sent:
            self._sent()
            raise late()

    def _open(self) -> None:
        if self.core.closed or self.core.goaway:
            raise unanswered(self.core.closed or Draining("the service is stopping"))

    def _take(self) -> int:
        """Takes what is to be sent, and returns how long the last message is. Both locks are held."""
        own = len(self.core.out[-1])
        self.rest = memoryview(self.core.take())
        return own

    def _push(self, deadline: Optional[float]) -> bool:
        """Sends the rest; False: the deadline came first. `sending` is held."""
        while self.rest:
            try:
                n = self.link.send(self.rest, None if deadline is None else max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                return False
            self.rest = self.rest[n:]
        return True

    def _lose(self, why: Exception) -> None:
        """Says no more, because it cannot be written to. What has come is heard to its end by those who wait: of a service
        that stops it is their answers. Both locks are held."""
        self.rest = memoryview(b"")
        self.core.take()
        self.core.goaway = True
        if not self.core.pending:
            self.core.lose(why)
        self.changed.notify_all()

    def _sent(self) -> None:
        self.sending.release()
        if self.core.out or self.rest:
            self.flush()

    def flush(self) -> None:
        """Sends what is there, as much as goes without waiting."""
        while self.core.out or self.rest:
            if not self.sending.acquire(False):
                return  # who is at it looks again behind that
            try:
                if not self._push_all(0.0):
                    self._keep()
                    self.look.set()
                    return
            finally:
                self.sending.release()

    def _push_all(self, time_left: float) -> bool:
        """Sends what there is. `sending` is held."""
        deadline = time.monotonic() + time_left
        try:
            while self._push(deadline):
                with self.lock:
                    if not self.core.out:
                        return True
                    self._take()
        except (OSError, ValueError) as e:
            with self.lock:
                self._lose(e)
            return True
        return False

    # What comes in

    def wait(self, p: Pending, deadline: Optional[float]) -> None:
        """Returns when something has become of a call; DeadlineExceeded."""
        while not p.done and not p.events:
            time_left = None if deadline is None else deadline - time.monotonic()
            if time_left is not None and time_left <= 0:
                with self.lock:
                    self.core.cancel(p)
                self.flush()
                raise late()
            with self.lock:
                if p.done or p.events:  # who reads has it by now
                    return
                if self.reading:
                    self.waiting += 1
                    try:
                        self.changed.wait(time_left)
                    finally:
                        self.waiting -= 1
                    continue
                self.reading = True
            self._read(time_left)

    def _read(self, timeout: Optional[float]) -> bool:
        """Reads once, for who has set `reading`; False: nothing came."""
        lost: Optional[Exception] = None
        data = b""
        try:
            data = self.link.recv(timeout)
            if not data:
                lost = ConnectionError("the service ended the connection")
        except TimeoutError:
            pass
        except (OSError, ValueError) as e:
            lost = e
        finally:
            with self.lock:
                self.reading = False
                self.heard = time.monotonic()
                if data:
                    try:
                        self.core.receive(data)
                    except (ParseError, TooLarge) as e:
                        lost = e
                        self.link.close()
                if lost is not None:
                    self.core.lose(lost)
                if self.waiting:
                    self.changed.notify_all()
        if self.core.out:
            self.flush()
        if self.retired and not self.core.pending:
            self.link.close()
        return bool(data)

    def turn(self, p: Pending, deadline: Optional[float]) -> bool:
        """Waits, for a call that was refused because too many are under way, until another one is answered, first come
        first served. False: there is none, or none is answered: they may be meant to wait for days."""
        with self.lock:
            if self.core.closed is not None:
                return True
            if not self.core.crowded():
                return p.amid  # all that there were have been answered since
            gate = threading.Lock()
            gate.acquire()
            go = gate.release
            self.core.turns.append(go)
        while True:
            before = self.core.answers
            time_left = None if deadline is None else deadline - time.monotonic()
            if gate.acquire(timeout=TURN if time_left is None else max(0.0, min(TURN, time_left))):
                return True
            with self.lock:
                over = deadline is not None and time.monotonic() >= deadline
                if not over and self.core.answers != before:
                    continue
                if go in self.core.turns:
                    self.core.turns.remove(go)
                else:
                    self.core.next_turn()  # it was given to us just now
            if over:
                raise late()
            return False

    def took(self, p: Pending, e: Event[Any]) -> None:
        with self.lock:
            self.core.took(p, e)
            more = bool(self.core.out)
        if more:
            self.flush()

    def leave(self, p: Pending) -> None:
        if self.pid != os.getpid():
            return
        with self.lock:
            self.core.cancel(p)
            if not p.done:
                p.end(error=Cancelled("cancelled"))
            self.changed.notify_all()
        self.flush()

    # What nobody waits for

    def _keep(self) -> None:
        with self.lock:
            if self.keeper is None and self.core.closed is None:
                self.keeper = threading.Thread(target=self._look_after, name="sabir", daemon=True)
                self.keeper.start()

    def _look_after(self) -> None:
        """Sends what is left of what was given up, and reads what comes while the program is busy with other things, for a
        service gives up who does not read."""
        while True:
            self.look.wait(LOOK)
            self.look.clear()
            if self.rest or self.core.out:
                with self.sending:
                    sent = self._push_all(LOOK)
                if not sent:
                    self.look.set()
            if self.core.subscribed():
                self._hear()
            with self.lock:
                if self.core.closed is not None or not self.core.subscribed() and not self.rest and not self.core.out:
                    self.keeper = None
                    return

    def _hear(self) -> None:
        """Reads what has come, unless somebody does."""
        while True:
            with self.lock:
                if self.reading or self.core.closed is not None:
                    return
                self.reading = True
            if not self._read(0.0):
                return

    # The end

    def retire(self) -> None:
        """Closes it unless somebody waits for an answer, who has it to the end."""
        if self.pid != os.getpid():
            return
        with self.lock:
            if self.core.pending:
                self.retired = True
                return
            self.core.lose(ConnectionError("closed"))  # whoever comes now has sent nothing
        self.link.close()

    def close(self) -> None:
        if self.pid != os.getpid():
            return
        with self.lock:
            self.core.lose(ConnectionError("closed"))
            self.changed.notify_all()
        self.look.set()
        self.link.close()
