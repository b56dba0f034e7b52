"""Sessions that are used from elsewhere than they began: ended or noted, as `session.bind` says. The comparison itself is core/binding.py.

A warning is written once for each place that a session turns up at, not once a request; each process keeps its own account of that, which is bounded
and may forget.
"""

from __future__ import annotations

from typing import Final

from gateway.core.binding import MOST_USER_AGENT, Bound, Moved
from gateway.core.facts import Facts
from gateway.core.session import Session
from gateway.services.audit import Audit, Event
from gateway.snapshot import Snapshot

#: Warnings that are remembered (about 300 bytes each).
_MOST_WARNED: Final = 4096


class Moves:
    """What is noticed about the live sessions that requests use."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self._warned: set[tuple[str, str, str]] = set()

    def ending(self, snapshot: Snapshot, facts: Facts, session: Session) -> Moved | None:
        """Why the session must end, None when it goes on."""
        moves = snapshot.binding.moves(session.address, session.user_agent, facts.client, facts.user_agent)
        return next((moved for moved, bound in moves if bound is Bound.END), None)

    def warn(self, snapshot: Snapshot, facts: Facts, member: str, session: Session) -> None:
        """Write down what is only to be warned of."""
        for moved, bound in snapshot.binding.moves(session.address, session.user_agent, facts.client, facts.user_agent):
            place = (member, moved.value, facts.client if moved is Moved.ADDRESS else facts.user_agent[:MOST_USER_AGENT])
            if bound is not Bound.WARN or place in self._warned:
                continue
            if len(self._warned) >= _MOST_WARNED:
                self._warned.clear()
            self._warned.add(place)
            user_id = session.identity.user_id
            self._audit.record(Event.SESSION_MOVE, outcome="warned", user=user_id, address=facts.client, session=member, reason=moved.value)
