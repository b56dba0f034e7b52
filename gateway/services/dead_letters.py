"""Letters that were given up (mailing.py buries them): to be seen, tried again or thrown away by whoever runs the service.

What a letter says stays sealed: its links open accounts, and nobody who mends a mail server needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gateway.services.audit import Audit, Event
from gateway.stores.outbox import Letter, OutboxStore


class DeadLetters:
    """Methods raise StoreAway. `by` names who acts in the audit trail; `clock` returns seconds since 1970."""

    def __init__(self, outbox: OutboxStore, audit: Audit, clock: Callable[[], float], by: str) -> None:
        self._outbox = outbox
        self._audit = audit
        self._clock = clock
        self._by = by

    async def list(self, limit: int) -> Sequence[Letter]:
        """The newest first."""
        return await self._outbox.dead(limit)

    async def retry(self, letter_ids: Sequence[str] | None) -> Sequence[str]:
        """Have these, or with None all, sent as if they had just been written; the ids of those that were there."""
        revived = await self._outbox.revive(letter_ids, self._clock())
        self._record(Event.MAIL_RETRY, revived)
        return revived

    async def delete(self, letter_ids: Sequence[str] | None) -> Sequence[str]:
        """Throw these away, or with None all; the ids of those that were there."""
        dropped = await self._outbox.drop(letter_ids)
        self._record(Event.MAIL_DELETE, dropped)
        return dropped

    def _record(self, event: Event, letter_ids: Sequence[str]) -> None:
        for letter_id in letter_ids:
            self._audit.record(event, letter=letter_id, by=self._by)
