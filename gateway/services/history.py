"""What happened to an account, for its owner: the newest entries of the audit trail, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.services.audit import Event
from gateway.services.sessions import Found
from gateway.stores.trail import Entry, TrailStore

#: What an owner wants to know, and can do something about. The rest of the trail is for whoever runs the service.
TOLD: Final = frozenset(
    {
        Event.LOGIN_SUCCESS,
        Event.LOGIN_FAILURE,
        Event.SESSION_THEFT,
        Event.SESSION_MOVE,
        Event.SESSION_REVOKE,
        Event.SESSION_END,
        Event.USER_ADD,
        Event.USER_STATE,
        Event.USER_GROUPS,
        Event.USER_PASSWORD,
        Event.USER_PROFILE,
        Event.EMAIL_ASK,
        Event.EMAIL_CHANGE,
        Event.EMAIL_CANCEL,
    }
)
PAGE: Final = 30
_BATCH: Final = 200
#: So much is looked through for one page, however little of it is told.
_MOST_BATCHES: Final = 5


@dataclass(frozen=True, slots=True)
class Told:
    """A page of entries, the newest first. `before` asks for the next one, None on the last."""

    entries: Sequence[Entry]
    before: int | None


class History:
    """Raises StoreAway."""

    def __init__(self, trail: TrailStore) -> None:
        self._trail = trail

    async def of(self, found: Found, before: int | None) -> Told:
        """The page that comes before the entry of that id."""
        told: list[Entry] = []
        for _ in range(_MOST_BATCHES):
            batch = await self._trail.of_user(found.session.identity.user_id, limit=_BATCH, before=before)
            for entry in batch:
                before = entry.id
                if entry.event in TOLD:
                    told.append(entry)
                    if len(told) == PAGE:
                        return Told(told, before)
            if len(batch) < _BATCH:
                return Told(told, None)
        return Told(told, before)
