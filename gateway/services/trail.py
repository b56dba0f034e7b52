"""The audit trail in SQL: what is recorded is written behind the answers, in batches, and deleted after its time.

Nobody waits for it. Entries gather in a queue that is bounded; while the database is away they wait there, and what finds it full is lost to SQL
(lines on standard output are not) and counted. At the end the queue is emptied. A write whose outcome nobody knows, because the database did not
answer in time, is made again: an entry may then stand there twice, but none is missing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final

from gateway.stores import StoreAway
from gateway.stores.trail import Entry, TrailStore

#: Entries that may wait; at 300 bytes each some MiB.
MOST_WAITING: Final = 10_000
#: Entries of one transaction.
_BATCH: Final = 500
#: How long the first entry waits for company (seconds).
_COMPANY: Final = 0.2
#: How often what is too old is deleted (seconds).
_PRUNE_EVERY: Final = 3600.0


class Trail:
    """Keeps entries in `store`. `retention` returns how long they are kept (seconds), `clock` seconds since 1970; `lost` hears of each entry that is
    not kept."""

    def __init__(self, store: TrailStore, retention: Callable[[], float], clock: Callable[[], float], lost: Callable[[], None]) -> None:
        self._store = store
        self._retention = retention
        self._clock = clock
        self._lost = lost
        self._waiting: deque[Entry] = deque()
        self._anything = asyncio.Event()
        self._writing: asyncio.Future[None] | None = None

    def keep(self, entry: Entry) -> None:
        """Take one entry; never waits and never fails."""
        if len(self._waiting) >= MOST_WAITING:
            self._lost()
            return
        self._waiting.append(entry)
        self._anything.set()

    async def run(self, again: float = 2.0) -> None:
        """Write what was kept, forever; where the database is away, try again after `again` seconds."""
        prune_at = self._clock()
        while True:
            try:
                if self._clock() >= prune_at:
                    await self._store.prune(self._clock() - self._retention())
                    prune_at = self._clock() + _PRUNE_EVERY
                await self._something(_PRUNE_EVERY)
                await asyncio.sleep(_COMPANY)
                while self._waiting:
                    await self._write()
            except StoreAway:
                await asyncio.sleep(again)  # whoever counts the store's errors has heard of it

    async def flush(self) -> None:
        """Write everything that waits. Raises StoreAway; then what is left is lost, and counted."""
        try:
            while self._waiting:
                await self._write()
        except StoreAway:
            for _ in self._waiting:
                self._lost()
            self._waiting.clear()
            raise

    async def _write(self) -> None:
        """Write the next batch, or go on waiting for one that is being written: whoever waited for it before may have been cancelled."""
        if self._writing is None:
            self._writing = asyncio.ensure_future(self._add(list(islice(self._waiting, _BATCH))))
        writing = self._writing
        try:
            await asyncio.shield(writing)
        finally:
            if writing.done():
                self._writing = None

    async def _add(self, batch: Sequence[Entry]) -> None:
        try:
            await self._store.add(batch)
        except StoreAway:
            raise
        except Exception:
            # Something in there cannot be stored, and would stand in the way of everything behind it.
            for _ in batch:
                self._lost()
            self._forget(batch)
            raise
        self._forget(batch)

    def _forget(self, batch: Sequence[Entry]) -> None:
        for _ in batch:
            self._waiting.popleft()
        if not self._waiting:
            self._anything.clear()

    async def _something(self, most: float) -> None:
        """Return when there is something to write, or after `most` seconds."""
        try:
            async with asyncio.timeout(most):
                await self._anything.wait()
        except TimeoutError:
            pass  # time to look for what is too old
