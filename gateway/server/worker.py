"""A worker: serves sockets that the supervisor lends it, and does what the supervisor says. The words are in `gateway.server.supervisor`.

Signals are the supervisor's business: Ctrl-C in a terminal reaches every process, and must not count twice. Only SIGTERM to one worker means
something: it asks to be replaced, and ends once its replacement serves. When the line breaks, the supervisor is gone, and the worker drains.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
from collections.abc import Iterable
from typing import Any, Final

from gateway.server.files import fingerprint
from gateway.server.listeners import Listener
from gateway.server.process import Process
from gateway.server.reload import Refused
from gateway.server.seat import Seat
from gateway.server.sockets import Opened, Place
from gateway.snapshot import Fresh

log = logging.getLogger("gateway.server")

#: Stands for the sockets that are everybody's.
_SHARED: Final = -1
_NOWHERE: Final = Place("", 0)


class Worker:
    """Sits on `seat`."""

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self._doors: dict[int, list[Listener]] = {}
        self._closed = False
        self._writer: asyncio.StreamWriter | None = None
        self._read: Fresh | Refused | None = None
        self._reading = asyncio.Lock()

    async def begin(self, process: Process) -> None:
        """Take orders. The doors open when the supervisor says so."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR2):
            loop.add_signal_handler(number, _nothing)
        loop.add_signal_handler(signal.SIGTERM, lambda: self._say({"leaving": True}))
        reader, self._writer = await asyncio.open_unix_connection(sock=self._seat.line)
        process.reloader.changed = self._say_changed
        self._process = process
        process.spawn(self._obey(reader))

    async def serving(self) -> None:
        """Ready to accept."""
        self._say({"ready": True})

    def close_doors(self) -> None:
        """Accept no more."""
        self._closed = True
        for doors in self._doors.values():
            for door in doors:
                door.close()
        self._doors.clear()

    async def end(self) -> None:
        """Say what was counted, so that it is not lost."""
        if self._writer is None:
            return
        self._say({"last": self._process.metrics.render().decode()})
        try:
            await self._writer.drain()
            self._writer.close()
            await self._writer.wait_closed()
        except OSError:
            pass  # the supervisor is gone

    async def _obey(self, reader: asyncio.StreamReader) -> None:
        try:
            while line := await reader.readline():
                await self._do(json.loads(line))
        except OSError:
            pass  # as at the end of the line
        log.warning("the supervisor is gone")
        self._process.stop()

    async def _do(self, order: dict[str, Any]) -> None:
        match order["do"]:
            case "listen":
                await self._listen(order["seats"])
            case "ask":
                self._process.spawn(self._answer(order["id"], order["what"]))
            case "read":
                self._process.spawn(self._read_for(order["round"]))
            case "take":
                self._finish_reload(take=order["take"], tell=order["tell"])
            case "end":
                self._process.stop(replaced=order["replaced"])

    async def _listen(self, seats: Iterable[int]) -> None:
        """Accept from the sockets of these seats and from no others."""
        if self._closed:
            return
        wanted = {*seats, _SHARED}
        for seat in self._doors.keys() - wanted:
            for door in self._doors.pop(seat):
                door.close()
        for seat in wanted - self._doors.keys():
            sockets = self._seat.shared if seat == _SHARED else self._seat.own[seat]
            self._doors[seat] = await self._process.accept(Opened(_NOWHERE, (), sockets))

    async def _answer(self, number: int, what: str) -> None:
        match what:
            case "metrics":
                self._say({"id": number, "metrics": self._process.metrics.render().decode()})
            case "ready":
                report = await self._process.readiness.report()
                self._say({"id": number, "ready": report.fields()})
            case _:
                self._say({"id": number})

    async def _read_for(self, number: int) -> None:
        """Read the configuration, while other orders are obeyed: it may take long, and the worker is not to seem to hang, or to have no end."""
        async with self._reading:
            self._read = await self._process.reloader.read()
            state = None if isinstance(self._read, Refused) else await asyncio.to_thread(fingerprint, self._read.files)
            self._say({"round": number, "state": state})

    def _finish_reload(self, *, take: bool, tell: bool) -> None:
        read, self._read = self._read, None
        if isinstance(read, Refused):
            self._process.reloader.refuse(read.problems, tell=tell)
        elif read is not None and take:
            self._process.reloader.take(read, tell=tell)

    async def _say_changed(self) -> None:
        self._say({"changed": True})

    def _say(self, words: dict[str, Any]) -> None:
        if self._writer is not None:
            self._writer.write(json.dumps(words).encode() + b"\n")


def _nothing() -> None:
    """A signal that is the supervisor's to act on."""
