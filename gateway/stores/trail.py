"""The audit trail, for questions about the past: the protocol over SQL. Times are seconds since 1970."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of `audit`. `id` rises in the order in which rows become visible, so that whoever follows misses none; 0 before the row is written.
    `details` is a JSON object."""

    id: int
    time: float
    event: str
    outcome: str
    user_id: str | None
    email: str | None
    address: str | None
    session: str | None
    details: str


class TrailStore(Protocol):
    """See the module."""

    async def add(self, entries: Sequence[Entry]) -> None:
        """All of them, in one transaction, in this order."""

    async def of_user(self, user_id: str, *, limit: int = 100, before: int | None = None) -> Sequence[Entry]:
        """What happened to one account, the newest first, before the entry of id `before`."""

    async def find(
        self,
        *,
        event: str | None = None,
        user_id: str | None = None,
        email: str | None = None,
        since: float | None = None,
        after: int | None = None,
        limit: int = 1000,
    ) -> Sequence[Entry]:
        """The newest that fit, the oldest of them first; with `after`, the oldest that come after the entry of that id. `event` may hold `*` and `?`;
        `user_id` and `email` are alternatives where both are given; `email` in any spelling."""

    async def newest(self) -> int:
        """The highest id that is visible; 0 where there is no entry. Only an empty trail begins to count anew."""

    async def prune(self, before: float) -> int:
        """Delete what is older; how many."""
