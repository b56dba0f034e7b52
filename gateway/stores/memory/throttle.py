"""Throttle counters in the memory of one process.

Bounded by count, so that a flood of random names or addresses grows nothing. What makes room is the oldest of its kind only: attempts of addresses,
failures that delay nobody yet, and failures that do are kept apart, so that trying many names once cannot buy another name a fresh count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gateway.stores.memory.shelf import Shelf

#: Most counters of each kind; an entry takes about 300 bytes.
_MOST = 50_000


class Strikes(NamedTuple):
    """Failures in a row, and until when the next attempt has to wait."""

    failures: int
    until: float


class MemoryThrottleStore:
    """See `ThrottleStore`. `clock` returns seconds since 1970."""

    def __init__(self, clock: Callable[[], float], most: int = _MOST) -> None:
        self._clock = clock
        self._windows: Shelf[int] = Shelf(clock, most)
        self._few: Shelf[Strikes] = Shelf(clock, most)
        self._many: Shelf[Strikes] = Shelf(clock, most)

    def __len__(self) -> int:
        """Counters held."""
        return len(self._windows) + len(self._few) + len(self._many)

    async def take(self, key: str, limit: int, window: float) -> float:
        """Count one attempt; 0.0 or the seconds until the window ends."""
        count = (self._windows.get(key) or 0) + 1
        now = self._clock()
        end = self._windows.end(key) if count > 1 else now + window
        self._windows.put(key, count, end)
        return 0.0 if count <= limit else end - now

    async def strike(self, key: str, delay_after: int, max_delay: float, keep: float, now: float) -> float:
        """Count one failure in advance, unless a delay is running; 0.0 or the seconds left."""
        before = self._many.get(key) or self._few.get(key) or Strikes(0, 0.0)
        if before.until > now:
            return min(before.until - now, max_delay)
        count = before.failures + 1
        delayed = count >= delay_after
        strikes = Strikes(count, now + min(2.0 ** min(count, 60), max_delay) if delayed else 0.0)
        shelf, other = (self._many, self._few) if delayed else (self._few, self._many)
        other.drop(key)
        shelf.put(key, strikes, self._clock() + keep)
        return 0.0

    async def clear(self, key: str) -> None:
        """Forget the count."""
        self._windows.drop(key)
        self._few.drop(key)
        self._many.drop(key)
