"""A small event loop: callbacks for sockets, for timers and for signals. asyncio would be more than all the rest of the supervisor."""

from __future__ import annotations

import heapq
import itertools
import selectors
import signal
import socket
import time
from collections.abc import Callable


class Timer:
    """Something to do later, unless it is cancelled."""

    __slots__ = ("cancelled", "work")

    def __init__(self, work: Callable[[], None]) -> None:
        self.work = work
        self.cancelled = False

    def cancel(self) -> None:
        """It is not done."""
        self.cancelled = True


class Loop:
    """Runs callbacks one after the other in one thread; none may wait."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._signals: dict[int, Callable[[], None]] = {}
        self._bell, self._clapper = socket.socketpair()
        self._bell.setblocking(False)
        self._clapper.setblocking(False)
        signal.set_wakeup_fd(self._clapper.fileno())
        self.watch(self._bell, self._rung)
        self._running = False

    def watch(self, sock: socket.socket, readable: Callable[[], None], writable: Callable[[], None] | None = None) -> None:
        """Call `readable` whenever there is something to read, or `writable` when there is room; replaces what was said before."""
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if writable is not None else 0)
        if sock in self._selector.get_map():
            self._selector.modify(sock, events, (sock, readable, writable))
        else:
            self._selector.register(sock, events, (sock, readable, writable))

    def release(self, sock: socket.socket) -> None:
        """Watch it no more."""
        if sock.fileno() >= 0 and sock in self._selector.get_map():
            self._selector.unregister(sock)

    def forget(self, sock: socket.socket) -> None:
        """Watch it no more, and close it."""
        self.release(sock)
        sock.close()

    def later(self, seconds: float, work: Callable[[], None]) -> Timer:
        """Call `work` once, in so many seconds."""
        timer = Timer(work)
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._order), timer))
        return timer

    def every(self, seconds: float, work: Callable[[], None]) -> None:
        """Call `work` now and in this rhythm, as long as the loop runs."""
        work()
        self.later(seconds, lambda: self.every(seconds, work))

    def on_signal(self, number: signal.Signals, work: Callable[[], None]) -> None:
        """Call `work` when the signal comes."""
        self._signals[number] = work
        signal.signal(number, lambda *_: None)

    def run(self) -> None:
        """Until stop()."""
        self._running = True
        while self._running:
            pause = None if not self._timers else max(0.0, self._timers[0][0] - time.monotonic())
            for key, events in self._selector.select(pause):
                sock, readable, writable = key.data
                if sock.fileno() < 0:
                    continue  # a callback before this one has closed it
                if events & selectors.EVENT_WRITE and writable is not None:
                    writable()
                else:
                    readable()
            while self._timers and self._timers[0][0] <= time.monotonic():
                timer = heapq.heappop(self._timers)[2]
                if not timer.cancelled:
                    timer.work()

    def stop(self) -> None:
        """End run() after this turn."""
        self._running = False

    def close(self) -> None:
        """Give back what the loop itself holds."""
        signal.set_wakeup_fd(-1)
        self._selector.close()
        self._bell.close()
        self._clapper.close()

    def _rung(self) -> None:
        try:
            numbers = self._bell.recv(4096)
        except BlockingIOError:
            return
        for number in numbers:
            work = self._signals.get(number)
            if work is not None:
                work()
