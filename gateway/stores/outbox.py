"""Mail that waits to be sent: the protocol over SQL. Letters hold links that log somebody in, so they are kept sealed.

Several processes work on one outbox: `claim` lends a letter to one of them until a time, after which another may have it. A process that dies between
sending and `sent` leaves a letter that is sent twice, never one that is lost. Times are seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Letter:
    """A row of `outbox`. `id` is at most 36 characters that nobody guesses twice, `tries` how often sending has failed, `error` why the last time."""

    id: str
    recipient: str
    sealed: bytes = field(repr=False)
    created: float
    due: float
    tries: int = 0
    error: str | None = None


class OutboxStore(Protocol):
    """See the module."""

    async def put(self, letter: Letter) -> None:
        """Keep it for whoever sends."""

    async def claim(self, now: float, until: float, limit: int) -> Sequence[Letter]:
        """At most `limit` letters that are due, the longest due first; nobody else gets them before `until`."""

    async def sent(self, letter_id: str) -> None:
        """Forget it."""

    async def postpone(self, letter_id: str, due: float, tries: int, error: str) -> None:
        """It is due again then. `error` names a kind of failure and no address."""

    async def bury(self, letter_id: str, error: str) -> None:
        """It is never due again, and kept for people to see."""

    async def waiting(self) -> int:
        """How many are still to be sent, those that somebody has claimed included."""

    async def dead(self, limit: int) -> Sequence[Letter]:
        """What was buried, the newest first."""

    async def revive(self, letter_ids: Sequence[str] | None, now: float) -> Sequence[str]:
        """Those of `letter_ids`, or with None all, that were buried are due now, for their first try; their ids."""

    async def drop(self, letter_ids: Sequence[str] | None) -> Sequence[str]:
        """Delete those of `letter_ids`, or with None all, that were buried; their ids."""

    async def prune(self, before: float) -> int:
        """Delete buried letters that were written before then; how many."""
