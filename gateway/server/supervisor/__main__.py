"""The supervisor's program: `gateway serve` becomes it when `server.workers` is more than 1. Nobody calls it by hand.

SIGTERM, SIGINT  drain all workers and end; a second one: at once
SIGHUP           all workers read the configuration again
SIGUSR2          start what is installed now, hand it the sockets, and end once it serves
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Mapping
from typing import Any

from gateway.server.handover import inherited_from, say_ready
from gateway.server.notify import systemd_of
from gateway.server.sockets import CannotListen, Opened, open_place
from gateway.server.supervisor.admin import Admin
from gateway.server.supervisor.crew import Crew
from gateway.server.supervisor.loop import Loop
from gateway.server.supervisor.member import Member
from gateway.server.supervisor.plan import Plan, read_plan
from gateway.server.supervisor.reloads import Reloads
from gateway.telemetry.log import Format, setup

log = logging.getLogger("gateway.server")

_CANNOT_START = 3


def main(plan: Plan, environ: Mapping[str, str]) -> int:
    """Serve until a signal ends it; the exit status."""
    form: Format = "json" if plan.log[0] == "json" else "text"
    setup(form, plan.log[1], sys.stderr)
    inherited = inherited_from(environ)
    try:
        admin_places = [open_place(place, 1, inherited) for place in plan.admin]
        public_places = [open_place(place, plan.workers, inherited) for place in plan.public]
    except CannotListen as error:
        sys.stderr.write(f"Error: {error}\n")
        return _CANNOT_START
    for name in inherited.close():
        log.warning("%s is not listened on any more", name)
    for opened in (*admin_places, *public_places):
        log.info("listening on %s", opened.place)
    return _Supervisor(plan, environ, public_places, admin_places).run()


class _Supervisor:
    """Puts the parts together."""

    def __init__(self, plan: Plan, environ: Mapping[str, str], public: list[Opened], admin: list[Opened]) -> None:
        self._plan = plan
        self._environ = environ
        self._public = public
        self._admin_places = admin
        self._systemd = systemd_of(environ)
        self._loop = Loop()
        self._crew = Crew(self._loop, plan, environ, public, admin, self._systemd, self)
        self._reloads = Reloads(self._loop, lambda: self._crew.ready)
        self._admin = Admin(self._loop, self._crew, plan.workers)

    def run(self) -> int:
        """Until everything has ended; the exit status."""
        for opened in self._admin_places:
            for sock in opened.all:
                self._admin.listen(sock)
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.on_signal(number, self._end)
        self._loop.on_signal(signal.SIGHUP, self._reloads.begin)
        self._loop.on_signal(signal.SIGUSR2, self._crew.upgrade)
        if self._systemd.pause is not None:
            self._loop.every(self._systemd.pause, self._beat)
        self._crew.start()
        self._loop.run()
        self._admin.close()
        for opened in (*self._admin_places, *self._public):
            opened.close()
            if not self._crew.handed_on:
                opened.remove_file()
        self._loop.close()
        return self._crew.status

    # ---------------------------------------------------------------- what the crew tells

    def heard(self, member: Member, words: dict[str, Any]) -> None:
        """A worker speaks of the configuration."""
        self._reloads.heard(member, words)

    def gone(self) -> None:
        """A worker has ended."""
        self._reloads.gone()

    def started(self) -> None:
        """All workers serve."""
        log.info("%d workers serve", self._plan.workers)
        say_ready(self._environ)
        self._systemd.ready()

    def replaced(self) -> None:
        """Another program serves instead of this one."""
        self._admin.close()

    def _end(self) -> None:
        self._systemd.stopping()
        if not self._crew.ending:
            log.info("ending: %d workers", len(self._crew.members))
        self._crew.end()

    def _beat(self) -> None:
        """This loop turns, and so must those of the workers: one that has said nothing for as long as systemd allows is ended."""
        self._systemd.alive()
        for member in self._crew.ready:
            if time.monotonic() - member.heard > (self._systemd.watchdog or 0.0):
                log.error("worker %d (process %d) hangs and is killed", member.number, member.pid)
                member.kill()
            else:
                member.ask("alive", _nothing)


def _nothing(_: dict[str, Any]) -> None:
    """That it answered is all that counts."""


if __name__ == "__main__":
    sys.exit(main(read_plan(sys.argv[1]), os.environ))  # noqa: TID251 - handed on to the workers
