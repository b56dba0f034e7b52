"""One worker as the supervisor sees it: its process, what it was asked, and what it said."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum, auto
from typing import Any

from gateway.server.handover import without_handover
from gateway.server.seat import SEAT, written_seat
from gateway.server.supervisor.loop import Loop

#: Meant for the supervisor only: a worker has nothing to tell systemd.
_OURS = ("NOTIFY_SOCKET", "WATCHDOG_USEC")
_PIECE = 1 << 16
#: How long a process may take to end after its line has ended, and how often it is looked at (seconds).
_LAST_BREATH = 5.0
_LOOK = 0.02


class Standing(Enum):
    """Where a worker is in its life."""

    STARTING = auto()
    READY = auto()
    ENDING = auto()


class Member:
    """A worker on seat `number`. `hear` is called with every message that is no answer; `gone` once the process has ended."""

    def __init__(
        self,
        loop: Loop,
        number: int,
        command: Sequence[str],
        environ: Mapping[str, str],
        own: Sequence[Sequence[socket.socket]],
        shared: Sequence[socket.socket],
        hear: Callable[[Member, dict[str, Any]], None],
        gone: Callable[[Member], None],
    ) -> None:
        """Start it. Raises OSError."""
        self.number = number
        self.standing = Standing.STARTING
        self.heard = time.monotonic()
        """When it last said something."""
        self.counted = ""
        """Its metrics, as it told them last."""
        self.seats: list[int] | None = None
        """What it was last told to accept from."""
        self.replaces: Member | None = None
        self._loop = loop
        self._hear = hear
        self._gone = gone
        self._asked: dict[int, Callable[[dict[str, Any]], None]] = {}
        self._next = 0
        self._waiting = b""
        self._line, theirs = socket.socketpair()
        with theirs:
            inherited = [theirs.fileno(), *(one.fileno() for one in (*(one for several in own for one in several), *shared))]
            own_environ = {name: value for name, value in without_handover(environ).items() if name not in _OURS}
            own_environ[SEAT] = written_seat(number, theirs, own, shared)
            try:
                self._program = subprocess.Popen(list(command), env=own_environ, pass_fds=inherited)  # noqa: S603 - ourselves
            except OSError:
                self._line.close()
                raise
        self._line.setblocking(False)
        loop.watch(self._line, self._readable)

    @property
    def pid(self) -> int:
        """Its process."""
        return self._program.pid

    @property
    def status(self) -> int | None:
        """Its exit status (negative: the signal that ended it), None while it runs."""
        return self._program.poll()

    def say(self, order: Mapping[str, Any]) -> None:
        """Tell it something. One that does not listen at all is beyond help and ended."""
        words = json.dumps(order).encode() + b"\n"
        try:
            if self._line.send(words) != len(words):
                self.kill()
        except BlockingIOError:
            self.kill()
        except OSError:
            pass  # it has ended; that is noticed where its line is read

    def ask(self, what: str, answer: Callable[[dict[str, Any]], None]) -> int:
        """Ask it something; `answer` is called if it answers. The number is for forget()."""
        self._next += 1
        self._asked[self._next] = answer
        self.say({"do": "ask", "id": self._next, "what": what})
        return self._next

    def forget(self, number: int) -> None:
        """Its answer is awaited no more."""
        self._asked.pop(number, None)

    def listen(self, seats: Iterable[int]) -> None:
        """Accept from the sockets of these seats, unless it was told so already."""
        wanted = sorted(seats)
        if wanted != self.seats:
            self.seats = wanted
            self.say({"do": "listen", "seats": wanted})

    def end(self, *, replaced: bool) -> None:
        """Drain and end, unnoticed if it is `replaced`; asked again, at once. One that has not come to serve has nothing to drain."""
        if self.standing is Standing.STARTING:
            self._signal(signal.SIGTERM)
        self.standing = Standing.ENDING
        self.say({"do": "end", "replaced": replaced})

    def kill(self) -> None:
        """End it without asking."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._program.poll() is None:
            os.kill(self._program.pid, number)

    def _readable(self) -> None:
        try:
            data = self._line.recv(_PIECE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            # Its last act, or its death: the line ends a moment before the process does.
            self._loop.forget(self._line)
            self._loop.later(_LAST_BREATH, self.kill)
            self._reap()
            return
        self.heard = time.monotonic()
        self._waiting += data
        *lines, self._waiting = self._waiting.split(b"\n")
        for line in lines:
            self._take(json.loads(line))

    def _take(self, words: dict[str, Any]) -> None:
        self.counted = words.get("metrics") or words.get("last") or self.counted
        if "id" in words:
            answer = self._asked.pop(words["id"], None)
            if answer is not None:
                answer(words)
        elif "last" not in words:
            self._hear(self, words)

    def _reap(self) -> None:
        if self._program.poll() is None:
            self._loop.later(_LOOK, self._reap)
        else:
            self._gone(self)
