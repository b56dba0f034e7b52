"""Renewal: uses slide the idle limit, and most of them cost no write.

The first use after a pause is written at once, in the background; while use goes on, the latest one is written when the window
(`session.touch_every`) closes, and at shutdown. Each write opens the next window, whichever process made it: who finds the record touched meanwhile
puts its own use off. Writes of the same moment (`_GATHERED`) go in one round trip, a batch after the other, each made on the copy of the record
that is at hand; what there is no copy of is read together first. Failing writes are dropped: the next use tries again, and no answer waits for any
of them.

All are written by the configuration of the latest use: what was noted before a reload is not sealed with keys that have gone since, which would end
a session in use, and leaves the copies alone that were made after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from gateway.core.session import touched
from gateway.services.records import Record, Records
from gateway.snapshot import Snapshot
from gateway.stores import StoreAway
from gateway.stores.sessions import Conflict, Gone

_ATTEMPTS = 5
#: Writes in one round trip. Sealing so many keeps the loop from its answers for a few milliseconds; more at a time would spare little.
_BATCH = 100
#: How long the first write of a moment waits for others (seconds): no answer waits for it, and Redis tells of all that changed in one push.
_GATHERED = 0.02
#: Uses kept in memory for sessions whose window is open; beyond it the use that was noted first is written early.
_MOST_PENDING = 100_000
#: The `due` of a use that is written whatever window is open.
_NOW = 0.0


@dataclass(slots=True)
class _Use:
    latest: float
    due: float
    record: Record | None = None
    """What it was noted by, where that is written at once."""


class Renewal:
    """Uses that are not written yet. Times are seconds of `clock`; `gathered`: how long the first write of a moment waits for others (seconds)."""

    def __init__(self, records: Records, clock: Callable[[], float], gathered: float = _GATHERED) -> None:
        self._records = records
        self._clock = clock
        self._gathered = gathered
        self._uses: dict[str, _Use] = {}
        self._queue: dict[str, _Use] = {}
        self._writing: asyncio.Task[None] | None = None
        self._snapshot: Snapshot | None = None

    def last_use(self, member: str) -> float:
        """The latest use that is not written yet, 0.0 when there is none."""
        use = self._uses.get(member)
        return use.latest if use is not None else 0.0

    def renew(self, snapshot: Snapshot, record: Record, now: float) -> None:
        """Note a use of a session that was just read."""
        self._snapshot = snapshot
        use = self._uses.get(record.member)
        if use is not None:
            use.latest = max(use.latest, now)
            return
        due = record.session.last_seen + snapshot.life.touch_window
        use = _Use(now, due)
        self._enter(record.member, use)
        if due <= now:
            use.record = record
            self._write_soon(record.member, use)

    def note(self, snapshot: Snapshot, member: str, now: float) -> None:
        """Note a use of a session whose record is not at hand."""
        self._snapshot = snapshot
        use = self._uses.get(member)
        if use is not None:
            use.latest = max(use.latest, now)
        else:
            self._enter(member, _Use(now, now + snapshot.life.touch_window))

    def forget(self, member: str) -> None:
        """The session has ended."""
        self._uses.pop(member, None)
        self._queue.pop(member, None)

    async def flush(self, now: float | None = None) -> None:
        """Write the uses whose window has closed by `now`; all of them when it is None. Returns when they are written."""
        self._take(now)
        if self._writing is not None:
            await asyncio.shield(self._writing)

    async def run(self, every: float = 1.0) -> None:
        """Write what is due, forever. Where there is always something to write, what falls due meanwhile joins it."""
        while True:
            await asyncio.sleep(every)
            self._take(self._clock())
            if self._writing is not None:
                done, _ = await asyncio.wait([self._writing], timeout=every)
                for writing in done:
                    writing.result()

    def _take(self, now: float | None) -> None:
        for member, use in self._uses.items():
            if now is None:
                use.due = _NOW
            if now is None or use.due <= now:
                self._write_soon(member, use)

    def _enter(self, member: str, use: _Use) -> None:
        if len(self._uses) >= _MOST_PENDING:
            oldest = next(iter(self._uses))
            early = self._uses.pop(oldest)
            early.due = _NOW
            self._write_soon(oldest, early)
        self._uses[member] = use

    def _write_soon(self, member: str, use: _Use) -> None:
        """With the others of this moment, and with those that come while a batch is under way."""
        self._queue[member] = use
        if self._writing is None:
            self._writing = asyncio.ensure_future(self._work())

    async def _work(self) -> None:
        try:
            await asyncio.sleep(self._gathered)
            while self._queue:
                assert self._snapshot is not None  # noted with the first use
                snapshot = self._snapshot
                batch = dict(islice(self._queue.items(), _BATCH))
                for member in batch:
                    del self._queue[member]
                try:
                    await self._write(snapshot, batch)
                except StoreAway:
                    for use in batch.values():
                        self._later(snapshot, use)
        finally:
            self._writing = None

    async def _write(self, snapshot: Snapshot, uses: dict[str, _Use]) -> None:
        records = await self._at_hand(snapshot, uses)
        for _ in range(_ATTEMPTS):
            now = self._clock()
            changes = []
            for member, record in records.items():
                use = uses[member]
                if record is None:
                    self._written(snapshot, member, use, use.latest)
                elif not self._put_off(snapshot, member, use, record, now):
                    changes.append((record, touched(record.session, use.latest)))
            if not changes:
                return
            outcomes = await self._records.swap_many(snapshot, changes, now)
            records = {}
            for (record, session), outcome in zip(changes, outcomes, strict=True):
                if isinstance(outcome, Conflict):
                    records[record.member] = self._records.opened(snapshot, record.member, outcome.record)
                else:
                    use = uses[record.member]
                    self._written(snapshot, record.member, use, use.latest if isinstance(outcome, Gone) else session.last_seen)

    async def _at_hand(self, snapshot: Snapshot, uses: dict[str, _Use]) -> dict[str, Record | None]:
        """The records: as noted, as copied, or as they are now. A write on what is not true any more only loses its race."""
        records = {member: use.record or self._records.copy(snapshot, member) for member, use in uses.items()}
        unknown = [member for member, record in records.items() if record is None]
        # Each by itself, which the store puts together: in a cluster one server's absence is no reason to let the others' sessions run out.
        read = await asyncio.gather(*(self._records.read(snapshot, member) for member in unknown), return_exceptions=True)
        for member, record in zip(unknown, read, strict=True):
            if isinstance(record, StoreAway):
                del records[member]
                self._later(snapshot, uses[member])
            elif isinstance(record, BaseException):
                raise record
            else:
                records[member] = record
        return records

    def _later(self, snapshot: Snapshot, use: _Use) -> None:
        """The store is away: try again in a window's time, if it stays noted."""
        use.due, use.record = self._clock() + snapshot.life.touch_window, None

    def _put_off(self, snapshot: Snapshot, member: str, use: _Use, record: Record, now: float) -> bool:
        """Whether there is nothing to write now: somebody has written a later use, or one that opened a window."""
        last_seen = record.session.last_seen
        if last_seen >= use.latest:
            self._written(snapshot, member, use, last_seen)
            return True
        closes = last_seen + snapshot.life.touch_window
        if use.due == _NOW or closes <= now:
            return False
        use.due, use.record = closes, None
        return True

    def _written(self, snapshot: Snapshot, member: str, use: _Use, latest: float) -> None:
        """Uses up to `latest` need no write any more."""
        if self._uses.get(member) is not use:
            return
        if use.latest > latest:
            use.due, use.record = latest + snapshot.life.touch_window, None
        else:
            del self._uses[member]
