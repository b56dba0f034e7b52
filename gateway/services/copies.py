"""Copies of sessions in this process, so that a session in use costs no store read at all.

The protocol, of which the other half is stores/redis/tracking.py:

    request   copy?   ── there, and the source is good ──▶ served: one look-up, one look at the clock
                      └─ not there, or not good ─────────▶ begin(mark) → read the store → finish(mark, record): kept for the next request
    source    changed(keys) ──▶ these copies go, and the marks of reads that are under way are spoilt: what they bring is used once and not kept
              changed(None) ──▶ all of them: Redis was flushed, or changes may have gone unheard
    process   drop(member), after each write of its own, without waiting to hear of it

A copy is good only while its source says that every change would have been heard of (`Source.good`). From a copy nothing is concluded but that a
session goes on; whatever else it seems to say is read again (DESIGN 1.7), so a copy never outlives the times in its record. Only what lives is
copied, never that something is missing. Turn it off with `session.cache: off`, and `Records.read` is all there is: every request reads the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from gateway.services.bounded import Bounded

Kept = TypeVar("Kept")

#: Copies kept; the one used longest ago makes room.
MOST_COPIES = 10_000
#: What they may weigh together (bytes): half as much again as that many ordinary ones do.
MOST_BYTES = 32 << 20


class Source(Protocol):
    """What knows of changes."""

    @property
    def good(self) -> bool:
        """Whether every change up to now would have been heard of."""


class Mark:
    """A read that is under way; spoilt when its session changes meanwhile."""

    __slots__ = ("member", "spoilt")

    def __init__(self, member: str) -> None:
        self.member = member
        self.spoilt = False


class Copies(Generic[Kept]):
    """By member. `prefix` is what record keys begin with. The source is set once, since it tells its changes here.

    Numbers for metrics, which only grow: `hits` (copies that were good), `misses` (reads that began instead), `invalidations` (keys that the source
    told of), `flushes` (times that all copies were dropped).
    """

    def __init__(self, prefix: str, most: int = MOST_COPIES, most_bytes: int = MOST_BYTES) -> None:
        self._prefix = prefix
        self._copies: Bounded[str, Kept] = Bounded(most, most_bytes)
        self._reading: dict[str, set[Mark]] = {}
        self.source: Source | None = None
        self.hits = self.misses = self.invalidations = self.flushes = 0

    def __len__(self) -> int:
        return len(self._copies)

    @property
    def bytes(self) -> int:
        """What the copies weigh."""
        return self._copies.bytes

    @property
    def good(self) -> bool:
        """Whether what is copied now may be used. Reads the clock once."""
        return self.source is not None and self.source.good

    def get(self, member: str) -> Kept | None:
        """The copy, if there is a good one. Reads the clock once at most."""
        record = self._copies.get(member)
        if record is None or not self.good:
            return None
        self.hits += 1
        return record

    def begin(self, member: str) -> Mark:
        """A read of `member` begins."""
        self.misses += 1
        mark = Mark(member)
        self._reading.setdefault(member, set()).add(mark)
        return mark

    def finish(self, mark: Mark, record: Kept | None, weight: int = 0) -> None:
        """The read is over; `record`, `weight` in bytes, is kept unless it has changed meanwhile. None: there is none, or nothing is known of it."""
        marks = self._reading.get(mark.member)
        if marks is not None:
            marks.discard(mark)
            if not marks:
                del self._reading[mark.member]
        if record is None:
            self._copies.drop(mark.member)
        elif not mark.spoilt and self.good:
            self._copies.keep(mark.member, record, weight)

    def drop(self, member: str) -> None:
        """The session has changed."""
        self._copies.drop(member)
        for mark in self._reading.get(member, ()):
            mark.spoilt = True

    def changed(self, keys: Sequence[str] | None) -> None:
        """Records at these keys have changed; None: any may have."""
        if keys is not None:
            self.invalidations += len(keys)
            for key in keys:
                self.drop(key.removeprefix(self._prefix))
            return
        if self._copies:
            self.flushes += 1
        self._copies.clear()
        for marks in self._reading.values():
            for mark in marks:
                mark.spoilt = True
