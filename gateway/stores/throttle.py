"""Counters that slow down guessing: the protocol. Times are seconds; keys are complete store keys and hold no address in clear."""

from __future__ import annotations

from typing import Protocol


class ThrottleStore(Protocol):
    """Atomic counters with a time to live."""

    async def take(self, key: str, limit: int, window: float) -> float:
        """Count one attempt in a fixed window. 0.0 while there are at most `limit`, else the seconds until the window ends."""

    async def strike(self, key: str, delay_after: int, max_delay: float, keep: float, now: float) -> float:
        """Count one failure in advance, in one step, unless a delay is running.

        Returns 0.0 if the attempt may go on; then it is counted, and from the `delay_after`-th on a delay of 2ⁿ seconds, at most `max_delay`,
        starts at `now`. Otherwise the seconds left, and nothing is counted. The count is kept for `keep` seconds.
        """

    async def clear(self, key: str) -> None:
        """Forget the count: the login succeeded."""
