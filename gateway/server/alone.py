"""One process that serves everything by itself, as with `server.workers: 1`. It is told by signals.

SIGTERM, SIGINT  drain and end, exit status 0; a second one: at once
SIGHUP           read the configuration again
SIGUSR2          start what is installed now, hand it the sockets, and end once it serves; where it cannot start, nothing changes
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Mapping, Sequence
from typing import Final

from gateway.config.addresses import ListenAddress
from gateway.server.handover import PATIENCE, Successor, inherited_from, say_ready
from gateway.server.listeners import Listener
from gateway.server.notify import Systemd
from gateway.server.process import Process
from gateway.server.sockets import Inherited, Opened, Place, open_place

log = logging.getLogger("gateway.server")

_WORKERS: Final = 1


class Alone:
    """`argv` and `environ` start this program again; `systemd` hears of an upgrade."""

    def __init__(self, argv: Sequence[str], environ: Mapping[str, str], systemd: Systemd) -> None:
        self._argv = argv
        self._environ = environ
        self._systemd = systemd
        self._public: list[Opened] = []
        self._admin: list[Opened] = []
        self._doors: list[Listener] = []
        self._admin_doors: list[Listener] = []
        self._upgrading = False
        self._replaced = False

    async def begin(self, process: Process) -> None:
        """Listen."""
        inherited = inherited_from(self._environ)
        # Health first: an orchestrator may ask before the process is ready.
        for address in process.plan.admin:
            self._admin.append(_open(address, inherited))
            self._admin_doors += await process.accept(self._admin[-1], admin=True)
        for address in process.plan.public:
            self._public.append(_open(address, inherited))
            self._doors += await process.accept(self._public[-1])
        for name in inherited.close():
            log.warning("%s is not listened on any more", name)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, process.stop)
        loop.add_signal_handler(signal.SIGHUP, lambda: process.spawn(_reload(process)))
        loop.add_signal_handler(signal.SIGUSR2, lambda: process.spawn(self._upgrade(process)))

    async def serving(self) -> None:
        """Tell the program that this one replaces."""
        say_ready(self._environ)

    def close_doors(self) -> None:
        """Accept no more. Socket files go, unless the next program listens on them."""
        for door in self._doors:
            door.close()
        self._give_back(self._public)

    async def end(self) -> None:
        """Close the admin listener too."""
        for door in self._admin_doors:
            door.close()
        self._give_back(self._admin)

    def _give_back(self, places: list[Opened]) -> None:
        for opened in places:
            opened.close()
            if not self._replaced:
                opened.remove_file()
        places.clear()

    async def _upgrade(self, process: Process) -> None:
        if self._upgrading:
            return
        self._upgrading = True
        try:
            successor = Successor(self._argv, self._environ, [one for opened in (*self._admin, *self._public) for one in opened.all])
        except OSError as error:
            log.error("the upgrade failed, this program stays: %s", error)
            self._upgrading = False
            return
        log.info("upgrading: process %d starts", successor.pid)
        loop = asyncio.get_running_loop()
        answered = asyncio.Event()
        loop.add_reader(successor.ready, answered.set)
        try:
            async with asyncio.timeout(PATIENCE):
                await answered.wait()
        except TimeoutError:
            pass  # it has said nothing, which is told below
        loop.remove_reader(successor.ready)
        if not await asyncio.to_thread(successor.serves):
            log.error("the upgrade failed, this program stays: process %d did not come to serve", successor.pid)
            self._upgrading = False
            return
        log.info("process %d serves from now on", successor.pid)
        self._replaced = True
        self._systemd.replaced_by(successor.pid)
        for door in self._admin_doors:
            door.close()
        process.stop(replaced=True)


def _open(address: ListenAddress, inherited: Inherited) -> Opened:
    opened = open_place(Place(address.host, address.port, address.unix), _WORKERS, inherited)
    log.info("listening on %s", opened.place)
    return opened


async def _reload(process: Process) -> None:
    await process.reloader.reload()
