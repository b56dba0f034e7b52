"""Copies of sessions in this process, so that a session in use costs no store read at all.

A copy is good only while its source says that every change would have been heard of (`Source.good`); each change that is heard of drops the copy,
one's own included. A change that is heard of between reading a record and keeping it is not lost: the reader's mark is spoilt and nothing is kept.
From a copy nothing is concluded but that a session goes on; whatever else it seems to say is read again (DESIGN 1.7). Only what lives is copied,
never that something is missing. Turn it off with `session.cache: off`, and every request reads the store.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

Kept = TypeVar("Kept")

#: Copies kept (about 2 KiB each); the one used longest ago makes room.
MOST_COPIES = 10_000


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
    """By member. `prefix` is what record keys begin with. The source is set once, since it tells its changes here."""

    def __init__(self, prefix: str, most: int = MOST_COPIES) -> None:
        self._prefix = prefix
        self._most = most
        self._copies: OrderedDict[str, Kept] = OrderedDict()
        self._reading: dict[str, set[Mark]] = {}
        self.source: Source | None = None

    def get(self, member: str) -> Kept | None:
        """The copy, if there is a good one."""
        if self.source is None or not self.source.good:
            return None
        record = self._copies.get(member)
        if record is not None:
            self._copies.move_to_end(member)
        return record

    def begin(self, member: str) -> Mark:
        """A read of `member` begins."""
        mark = Mark(member)
        self._reading.setdefault(member, set()).add(mark)
        return mark

    def finish(self, mark: Mark, record: Kept | None) -> None:
        """The read is over; `record` is kept unless there is none, or it has changed meanwhile."""
        marks = self._reading.get(mark.member)
        if marks is not None:
            marks.discard(mark)
            if not marks:
                del self._reading[mark.member]
        if record is None or mark.spoilt or self.source is None or not self.source.good:
            return
        self._copies[mark.member] = record
        self._copies.move_to_end(mark.member)
        if len(self._copies) > self._most:
            self._copies.popitem(last=False)

    def drop(self, member: str) -> None:
        """The session has changed."""
        self._copies.pop(member, None)
        for mark in self._reading.get(member, ()):
            mark.spoilt = True

    def changed(self, keys: Sequence[str] | None) -> None:
        """Records at these keys have changed; None: any may have."""
        if keys is not None:
            for key in keys:
                self.drop(key.removeprefix(self._prefix))
            return
        self._copies.clear()
        for marks in self._reading.values():
            for mark in marks:
                mark.spoilt = True
