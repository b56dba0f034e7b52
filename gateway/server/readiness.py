"""Whether this process should get requests, and what it can reach."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.stores import StoreAway

#: How long a store may take to answer a probe (seconds).
PROBE: Final = 1.0


class Status(StrEnum):
    """Where the process is in its life."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"


@dataclass(frozen=True, slots=True)
class Report:
    """What /readyz tells."""

    status: Status
    store: bool
    database: bool

    def ready(self, *, strict: bool) -> bool:
        """An outage of a store is no reason to take a process away: all would go at once, and public routes with them. `strict` thinks otherwise."""
        return self.status is Status.READY and (not strict or (self.store and self.database))

    def fields(self) -> dict[str, str]:
        """As JSON has it."""
        words = {True: "up", False: "away"}
        return {"status": self.status.value, "store": words[self.store], "database": words[self.database]}


class Readiness:
    """`status` is set by the process; `store` and `database` raise StoreAway when they do not answer."""

    def __init__(self, store: Callable[[], Awaitable[None]], database: Callable[[], Awaitable[None]]) -> None:
        self.status = Status.STARTING
        self._store = store
        self._database = database

    async def report(self) -> Report:
        """Ask both, at most `PROBE` seconds."""
        store, database = await asyncio.gather(_answers(self._store), _answers(self._database))
        return Report(self.status, store, database)


async def _answers(ping: Callable[[], Awaitable[None]]) -> bool:
    try:
        async with asyncio.timeout(PROBE):
            await ping()
    except (StoreAway, TimeoutError):
        return False
    return True
