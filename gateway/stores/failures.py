"""Logins that failed in a row, kept for good: the protocol over SQL.

Counted by a key made of the address, whether or not there is an account of that address: who guesses finds the same behaviour, at the same cost,
for all. Keys are hashes. Delays between attempts are another store's (throttle.py); this count ends with a success, a reset, or a long time
without any. NIST SP 800-63B section 5.2.2: no more than 100 failed attempts in a row.
"""

from __future__ import annotations

from typing import Protocol


class FailureStore(Protocol):
    """Times are seconds since 1970."""

    async def count(self, key: str, stop_after: int, now: float) -> bool:
        """Count one failure in advance, in one step. False where there were `stop_after` already: then nothing is counted and nothing to be tried."""

    async def clear(self, key: str) -> None:
        """Forget the count."""

    async def prune(self, before: float, stop_after: int, most: int) -> int:
        """Delete what was last raised before then, and of counts below `stop_after` the oldest beyond `most`; how many."""
