"""Who sits where: starting workers, replacing them, ending them, and handing everything to the next program.

One starts first and serves all seats, so that what cannot work is told once and a missing database is made once; then the others. A seat whose worker
is away is served by another one at once: the queues of its sockets are never left alone. The replacement of a worker that asked for one serves before
the old one stops; that of one that died is started after a pause that grows while it goes on dying.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final, Protocol

from gateway.server.handover import PATIENCE, Successor
from gateway.server.notify import Systemd
from gateway.server.sockets import Opened
from gateway.server.supervisor.loop import Loop
from gateway.server.supervisor.member import Member, Standing
from gateway.server.supervisor.plan import Plan
from gateway.server.supervisor.sums import Sums

log = logging.getLogger("gateway.server")

#: The pause before a worker that died is started again: doubled each time, up to the most; forgotten once one has served so long (seconds).
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0
_PROVEN: Final = 10.0
#: How much longer than `shutdown_delay` and `shutdown_grace` a worker may take to end before it is killed (seconds).
_SLACK: Final = 5.0
_STORE_AWAY: Final = 3


class Ear(Protocol):
    """Hears what happens to the crew."""

    def heard(self, member: Member, words: dict[str, Any]) -> None:
        """A worker said something that is not the crew's to know."""

    def gone(self) -> None:
        """A worker has ended."""

    def started(self) -> None:
        """Every seat is served by its own worker for the first time."""

    def replaced(self) -> None:
        """Another program serves instead of this one."""


class Crew:
    """All workers of this program."""

    def __init__(
        self,
        loop: Loop,
        plan: Plan,
        environ: Mapping[str, str],
        public: list[Opened],
        admin: list[Opened],
        systemd: Systemd,
        ear: Ear,
    ) -> None:
        self.members: list[Member] = []
        self.died = 0
        """Workers that ended and should not have."""
        self.past = Sums()
        """What workers counted that are gone."""
        self.complete = False
        """Whether every seat has been served by its own worker since the start."""
        self.status = 0
        self.ending = False
        self.handed_on = False
        self._loop = loop
        self._plan = plan
        self._environ = environ
        self._public = public
        self._admin = admin
        self._systemd = systemd
        self._ear = ear
        self._pauses = [_FIRST_PAUSE] * plan.workers
        self._all_started = False
        self._upgrading = False

    @property
    def ready(self) -> list[Member]:
        """Those that serve and are not about to end."""
        return [member for member in self.members if member.standing is Standing.READY]

    def start(self) -> None:
        """Start the first worker; the others follow when it serves."""
        self._spawn(0)

    def end(self, *, replaced: bool = False) -> None:
        """End all, unnoticed if another program serves already; asked again, at once."""
        if not self.ending:
            self._loop.later(self._plan.delay + self._plan.grace + _SLACK, self._kill_all)
        self.ending = True
        for member in self.members:
            member.end(replaced=replaced)
        self._stop_when_empty()

    def upgrade(self) -> None:
        """Start the program that is installed now, and end once it serves. Where it does not come to serve, nothing changes."""
        if self._upgrading or self.ending:
            return
        try:
            sockets = [one for opened in (*self._public, *self._admin) for one in opened.all]
            successor = Successor(self._plan.command, self._environ, sockets)
        except OSError as error:
            log.error("the upgrade failed, this program stays: %s", error)
            return
        self._upgrading = True
        log.info("upgrading: process %d starts", successor.pid)
        patience = self._loop.later(PATIENCE, lambda: self._judge(successor))

        def answered() -> None:
            patience.cancel()
            self._judge(successor)

        self._loop.watch(successor.ready, answered)

    # ---------------------------------------------------------------- what workers say

    def heard(self, member: Member, words: dict[str, Any]) -> None:
        """A worker said something of its own accord."""
        if "ready" in words and member.standing is Standing.STARTING:
            self._seat(member)
        elif "leaving" in words and member.standing is Standing.READY and not self.ending:
            if not any(other.replaces is member for other in self.members):
                log.info("worker %d (process %d) is replaced", member.number, member.pid)
                self._spawn(member.number, replaces=member)
        else:
            self._ear.heard(member, words)

    def gone(self, member: Member) -> None:
        """A worker's process has ended."""
        self.members.remove(member)
        self.past.add(member.counted, gauges=False)
        self._ear.gone()
        if self.ending:
            self._stop_when_empty()
            return
        if member.standing is Standing.ENDING:
            return
        if not self.complete and member.standing is Standing.STARTING:
            self._give_up(member)
            return
        self.died += 1
        pause = self._pauses[member.number]
        self._pauses[member.number] = min(pause * 2, _LONGEST_PAUSE)
        log.error("worker %d (process %d) %s; started again in %.1f s", member.number, member.pid, _ended(member.status), pause)
        self._share_seats()
        old = member.replaces if member.replaces in self.members else None
        self._loop.later(pause, lambda: self._spawn_again(member.number, old))

    # ---------------------------------------------------------------- seats

    def _spawn(self, number: int, replaces: Member | None = None) -> None:
        own = [[one for opened in self._public for one in opened.own[seat]] for seat in range(self._plan.workers)]
        shared = [one for opened in self._public for one in opened.shared]
        try:
            member = Member(self._loop, number, self._plan.command, self._environ, own, shared, self.heard, self.gone)
        except OSError as error:
            log.error("worker %d cannot be started: %s", number, error)
            self._loop.later(_LONGEST_PAUSE, lambda: self._spawn_again(number, replaces))
            return
        member.replaces = replaces
        self.members.append(member)

    def _spawn_again(self, number: int, replaces: Member | None) -> None:
        if not self.ending and not any(member.number == number and member is not replaces for member in self.members):
            self._spawn(number, replaces if replaces in self.members else None)

    def _seat(self, member: Member) -> None:
        member.standing = Standing.READY
        log.info("worker %d (process %d) serves", member.number, member.pid)
        if member.replaces is not None and member.replaces in self.members:
            member.replaces.end(replaced=True)
            self._loop.later(self._plan.grace + _SLACK, member.replaces.kill)
        member.replaces = None
        self._share_seats()
        self._loop.later(_PROVEN, lambda: self._prove(member))
        if self.complete:
            return
        if not self._all_started:
            self._all_started = True
            for number in range(1, self._plan.workers):
                self._spawn(number)
        if len(self.ready) == self._plan.workers:
            self.complete = True
            self._ear.started()

    def _share_seats(self) -> None:
        """Every seat is served by its own worker, or by another one while it has none."""
        ready = self.ready
        if not ready:
            return
        sitting = {member.number: member for member in ready}
        for place, member in enumerate(ready):
            empty = [number for number in range(self._plan.workers) if number not in sitting and number % len(ready) == place]
            member.listen([member.number, *empty])

    def _prove(self, member: Member) -> None:
        if member in self.members:
            self._pauses[member.number] = _FIRST_PAUSE

    def _give_up(self, member: Member) -> None:
        """A start that does not come to serve is the operator's to mend; the worker has said why."""
        self.status = member.status if member.status in (2, 3) else _STORE_AWAY
        self.end()

    def _kill_all(self) -> None:
        for member in self.members:
            log.error("worker %d (process %d) does not end and is killed", member.number, member.pid)
            member.kill()

    def _stop_when_empty(self) -> None:
        if not self.members:
            self._loop.stop()

    def _judge(self, successor: Successor) -> None:
        self._loop.release(successor.ready)
        self._upgrading = False
        if not successor.serves():
            log.error("the upgrade failed, this program stays: process %d did not come to serve", successor.pid)
            return
        log.info("process %d serves from now on", successor.pid)
        self.handed_on = True
        self._systemd.replaced_by(successor.pid)
        self._ear.replaced()
        self.end(replaced=True)


def _ended(status: int | None) -> str:
    return f"was ended by signal {-status}" if status is not None and status < 0 else f"ended with {status}"
