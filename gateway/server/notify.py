"""Telling systemd how the process is: sd_notify(3), in its own protocol, since one datagram needs no library.

    READY=1      serving; `Type=notify` waits for it
    STOPPING=1   ending, also when nobody but a signal asked for it
    WATCHDOG=1   the event loop turns; where it stops turning for `WatchdogSec`, systemd starts the process anew

Without a supervisor (no NOTIFY_SOCKET) nothing is sent. One that does not listen must never stop the service: what cannot be sent is dropped.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

#: Said so many times in the time that the supervisor allows; sd_watchdog_enabled(3) asks for twice.
_TIMES: Final = 2


class Supervisor:
    """`address` is NOTIFY_SOCKET: a path, or `@name` in the abstract namespace; None is nobody. `watchdog` is in seconds; None: not asked for."""

    def __init__(self, address: str | None, watchdog: float | None = None) -> None:
        self._address = address
        self._watchdog = watchdog

    def ready(self) -> None:
        """The process serves."""
        self._say("READY=1")

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Says that the process lives for as long as this lasts, and then that it is ending."""
        beat = None if self._watchdog is None else asyncio.create_task(self._beat(self._watchdog / _TIMES))
        try:
            yield
        finally:
            if beat is not None:
                beat.cancel()
            self._say("STOPPING=1")

    async def _beat(self, pause: float) -> None:
        while True:
            self._say("WATCHDOG=1")
            await asyncio.sleep(pause)

    def _say(self, state: str) -> None:
        if not self._address:
            return
        name = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
            line.setblocking(False)  # a supervisor that does not read must not hold up the event loop
            try:
                line.sendto(state.encode("ascii"), name)
            except OSError:
                pass  # the module's rule: dropped


def supervisor_of(environ: Mapping[str, str]) -> Supervisor:
    """The one that started this process, from NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID."""
    allowed = environ.get("WATCHDOG_USEC", "")
    meant = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    seconds = int(allowed) / 1_000_000 if meant and allowed.isdecimal() and int(allowed) else None
    return Supervisor(environ.get("NOTIFY_SOCKET"), seconds)
