"""One configuration for all workers, or none.

Each reads the files by itself, and says whether it could and a fingerprint of what it read. They take it when all could and have read the same; if
they have not, since the files were being written, they read again. One of them tells about it in the log, the audit trail and the metric.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from gateway.server.supervisor.loop import Loop, Timer

log = logging.getLogger("gateway.server")

#: How long workers may take to read; who has not answered by then is not waited for (seconds). Longer than a reading may last (reading.py): who is
#: late begins another round, and all would be late for that too.
PATIENCE: Final = 70.0
#: How often files that change under the workers' hands are read again, and after which pause (seconds).
_MOST_ROUNDS: Final = 5
_PAUSE: Final = 0.5


class Member(Protocol):
    """A worker."""

    number: int

    def say(self, order: Mapping[str, Any]) -> None:
        """Tell it something."""


class Reloads:
    """`members` are the workers that serve."""

    def __init__(self, loop: Loop, members: Callable[[], Sequence[Member]]) -> None:
        self._loop = loop
        self._members = members
        self._round = 0
        self._awaited: dict[Member, str | None] = {}
        self._reading: set[Member] = set()
        self._again = False
        self._tries = 0
        self._timer: Timer | None = None

    def begin(self) -> None:
        """Let all workers read the configuration again."""
        if self._timer is not None:
            self._again = True
            return
        self._tries = 0
        self._ask()

    def heard(self, member: Member, words: dict[str, Any]) -> None:
        """A worker has read, or noticed a change."""
        if words.get("round") == self._round and member in self._reading:
            self._reading.remove(member)
            self._awaited[member] = words["state"]
            self._decide_if_complete()
        elif "round" in words or member not in self._reading:
            # It read too late to be waited for and has not taken anything; or it noticed a change after it had read in this round.
            self.begin()

    def gone(self) -> None:
        """A worker has ended, perhaps one that was waited for."""
        if self._timer is not None:
            self._reading &= set(self._members())
            self._decide_if_complete()

    def _ask(self) -> None:
        self._round += 1
        self._tries += 1
        self._again = False
        self._awaited = {}
        self._reading = set(self._members())
        self._timer = self._loop.later(PATIENCE, self._decide)
        for member in self._reading:
            member.say({"do": "read", "round": self._round})

    def _decide_if_complete(self) -> None:
        if not self._reading:
            self._decide()

    def _decide(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        self._reading = set()
        living = set(self._members())
        states = {member: state for member, state in self._awaited.items() if member in living}
        refusing = [member for member, state in states.items() if state is None]
        if len(set(states.values())) > 1 and not refusing and self._tries < _MOST_ROUNDS:
            self._timer = self._loop.later(_PAUSE, self._ask)
            return
        take = not refusing and len(set(states.values())) == 1
        if states and not take and not refusing:
            log.error("the new configuration is refused, the old one stays in use: its files change all the time")
        teller = min(refusing or states, key=lambda member: member.number, default=None)
        for member in states:
            member.say({"do": "take", "take": take, "tell": member is teller})
        if self._again:
            self.begin()
