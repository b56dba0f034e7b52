"""Telling systemd how the program is: sd_notify(3), in its own protocol, since one datagram needs no library. Nothing here needs asyncio.

    READY=1      serving; `Type=notify` waits for it
    MAINPID=n    an upgrade: from now on that process is the service
    STOPPING=1   ending, also when nobody but a signal asked for it
    WATCHDOG=1   the event loop turns; where it stops turning for `WatchdogSec`, systemd starts the program anew

Without systemd (no NOTIFY_SOCKET) nothing is sent. One that does not listen must never stop the service: what cannot be sent is dropped.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Final

#: Said so many times in the time that systemd allows; sd_watchdog_enabled(3) asks for twice.
_TIMES: Final = 2


class Systemd:
    """`address` is NOTIFY_SOCKET: a path, or `@name` in the abstract namespace; None is nobody. `watchdog` is in seconds; None: not asked for."""

    def __init__(self, address: str | None, watchdog: float | None = None) -> None:
        self.watchdog = watchdog
        self._address = address
        self._replaced = False

    @property
    def pause(self) -> float | None:
        """How often to say that the program lives (seconds); None: never."""
        return None if self.watchdog is None else self.watchdog / _TIMES

    def ready(self) -> None:
        """The program serves."""
        self._say("READY=1")

    def alive(self) -> None:
        """The event loop turns."""
        self._say("WATCHDOG=1")

    def replaced_by(self, pid: int) -> None:
        """An upgrade: the service is that process now, and what this one does is nobody's concern any more."""
        self._say(f"MAINPID={pid}\nREADY=1")
        self._replaced = True

    def stopping(self) -> None:
        """The program ends."""
        self._say("STOPPING=1")

    def _say(self, state: str) -> None:
        if not self._address or self._replaced:
            return
        name = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
            line.setblocking(False)  # one that does not read must not hold up the event loop
            try:
                line.sendto(state.encode("ascii"), name)
            except OSError:
                pass  # the module's rule: dropped


def systemd_of(environ: Mapping[str, str]) -> Systemd:
    """The one that started this program, from NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID."""
    allowed = environ.get("WATCHDOG_USEC", "")
    meant = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    seconds = int(allowed) / 1_000_000 if meant and allowed.isdecimal() and int(allowed) else None
    return Systemd(environ.get("NOTIFY_SOCKET"), seconds)
