"""The backlog: changes of accounts that could not reach sessions while the session store was away (DESIGN 1.7, "Applying").

They are looked for each second anyway (effects.py). But whoever was disabled meanwhile must not be served in the second before that, so the first
who comes after an absence waits until they are applied, and everybody else with them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Backlog:
    """Constructed before the sessions that ask it and the effects that work it off; `worked_off_by` joins them."""

    def __init__(self) -> None:
        self._absences = 1  # what happened before this process began counts as one
        self._worked_off = 0
        self._apply: Callable[[], Awaitable[object]] | None = None
        self._under_way: asyncio.Task[None] | None = None

    @property
    def open(self) -> bool:
        """Whether the store has been away since changes were last applied."""
        return self._absences != self._worked_off

    def worked_off_by(self, apply: Callable[[], Awaitable[object]]) -> None:
        """`apply` applies every change that waits, and raises StoreAway where it cannot."""
        self._apply = apply

    def store_was_away(self) -> None:
        """The session store did not answer."""
        self._absences += 1

    async def work_off(self) -> None:
        """Apply what waits; all who ask at once share one round. Raises StoreAway: then nobody can be served yet."""
        while self.open:
            if self._under_way is None:
                self._under_way = asyncio.ensure_future(self._work())
                self._under_way.add_done_callback(_heard)
            await asyncio.shield(self._under_way)  # whoever stops waiting takes nobody's round along

    async def _work(self) -> None:
        absences = self._absences
        try:
            if self._apply is not None:
                await self._apply()
        finally:
            self._under_way = None
        self._worked_off = absences


def _heard(round_: asyncio.Task[None]) -> None:
    """Everybody who asked may have left."""
    if not round_.cancelled():
        round_.exception()
