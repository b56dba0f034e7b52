"""Answers that take one time, whatever was done for them.

What is written for an account that exists is not what is written for one that does not, and the difference can be measured from outside. So these
answers wait until the same moment: `least` seconds after the part that may tell something began. What takes longer than that (a database that is
busy) takes long for everybody. OWASP Authentication Cheat Sheet, "Authentication responses".
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

#: Some writes to a database take a few milliseconds, seldom a hundred (seconds).
LEAST: Final = 0.25


class Pace:
    """`clock` returns monotonic seconds, `sleep` takes seconds."""

    def __init__(
        self,
        least: float = LEAST,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._least = least
        self._clock = clock
        self._sleep = sleep

    def begin(self) -> float:
        """When the part begins that all are to take as long for."""
        return self._clock()

    async def keep(self, begun: float) -> None:
        """Return no sooner than `least` seconds after `begun`."""
        left = begun + self._least - self._clock()
        if left > 0:
            await self._sleep(left)
