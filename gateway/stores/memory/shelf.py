"""A dictionary whose entries have an end, and which does not grow without bound.

What has ended is never handed out. It is dropped when somebody asks for it, and by a sweep: every write looks at the few entries that were looked at
longest ago, so that what nobody asks for leaves too and no single write pays for all of it. Where `most` is given, the entry written longest ago
makes room.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Value = TypeVar("Value")

#: Entries that one write looks at. More than one, so that the sweep is faster than the growth.
_SWEPT = 4


class Shelf(Generic[Value]):
    """`clock` returns seconds; ends are on the same scale."""

    def __init__(self, clock: Callable[[], float], most: int | None = None) -> None:
        self._clock = clock
        self._most = most
        self._entries: dict[str, tuple[Value, float]] = {}
        self._written: OrderedDict[str, None] = OrderedDict()
        self._unswept: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        """Entries held, among them some that have ended and have not been swept yet."""
        return len(self._entries)

    def get(self, key: str) -> Value | None:
        """The value at `key` unless it has ended."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if self._clock() >= entry[1]:
            self.drop(key)
            return None
        return entry[0]

    def end(self, key: str) -> float:
        """When the entry at `key` ends; now when there is none."""
        now = self._clock()
        entry = self._entries.get(key)
        return now if entry is None else max(entry[1], now)

    def put(self, key: str, value: Value, end: float) -> None:
        """Write `value`, which ends at `end`."""
        self._entries[key] = (value, end)
        self._written[key] = None
        self._written.move_to_end(key)
        self._unswept.setdefault(key)
        self._sweep()
        if self._most is not None and len(self._entries) > self._most:
            self.drop(next(iter(self._written)))

    def drop(self, key: str) -> bool:
        """Take the entry out; whether there was one that had not ended."""
        entry = self._entries.pop(key, None)
        if entry is None:
            return False
        del self._written[key]
        del self._unswept[key]
        return self._clock() < entry[1]

    def live(self) -> Iterator[str]:
        """The keys of what has not ended, as they were at the first step."""
        now = self._clock()
        return iter([key for key, (_, end) in self._entries.items() if now < end])

    def _sweep(self) -> None:
        now = self._clock()
        for _ in range(min(_SWEPT, len(self._unswept))):
            key = next(iter(self._unswept))
            if now >= self._entries[key][1]:
                self.drop(key)
            else:
                self._unswept.move_to_end(key)
