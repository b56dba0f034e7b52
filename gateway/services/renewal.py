"""Renewal: uses slide the idle limit, and most of them cost no write.

The first use after a pause is written at once, in the background; while use goes on, the latest one is written when the window
(`session.touch_every`) closes, and at shutdown. Each write opens the next window. Failing writes are dropped: the next use tries again, and no
answer waits for any of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from gateway.core.session import touched
from gateway.services.records import Record, Records
from gateway.snapshot import Snapshot
from gateway.stores import StoreAway
from gateway.stores.sessions import Conflict

_ATTEMPTS = 5
#: Uses kept in memory for sessions whose window is open; beyond it the use that was noted first is written early.
_MOST_PENDING = 100_000


@dataclass(slots=True)
class _Use:
    snapshot: Snapshot
    latest: float
    due: float


class Renewal:
    """Uses that are not written yet. Times are seconds of `clock`."""

    def __init__(self, records: Records, clock: Callable[[], float]) -> None:
        self._records = records
        self._clock = clock
        self._uses: dict[str, _Use] = {}
        self._writes: set[asyncio.Task[None]] = set()

    def last_use(self, member: str) -> float:
        """The latest use that is not written yet, 0.0 when there is none."""
        use = self._uses.get(member)
        return use.latest if use is not None else 0.0

    def renew(self, snapshot: Snapshot, record: Record, now: float) -> None:
        """Note a use of a session that was just read."""
        use = self._uses.get(record.member)
        if use is not None:
            use.latest = max(use.latest, now)
            return
        due = record.session.last_seen + snapshot.life.touch_window
        self._enter(record.member, _Use(snapshot, now, due))
        if due <= now:
            self._spawn(self._write(record.member, record))

    def note(self, snapshot: Snapshot, member: str, now: float) -> None:
        """Note a use of a session whose record is not at hand."""
        use = self._uses.get(member)
        if use is not None:
            use.latest = max(use.latest, now)
        else:
            self._enter(member, _Use(snapshot, now, now + snapshot.life.touch_window))

    def forget(self, member: str) -> None:
        """The session has ended."""
        self._uses.pop(member, None)

    async def flush(self, now: float | None = None) -> None:
        """Write the uses whose window has closed by `now`; all of them when it is None."""
        due = [member for member, use in self._uses.items() if now is None or use.due <= now]
        for member in due:
            await self._write(member, None)
        if self._writes:
            await asyncio.gather(*self._writes)

    async def run(self, every: float = 1.0) -> None:
        """Flush, forever."""
        while True:
            await asyncio.sleep(every)
            await self.flush(self._clock())

    def _enter(self, member: str, use: _Use) -> None:
        if len(self._uses) >= _MOST_PENDING:
            self._spawn(self._write(next(iter(self._uses)), None))
        self._uses[member] = use

    def _spawn(self, write: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(write)
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    async def _write(self, member: str, record: Record | None) -> None:
        use = self._uses.get(member)
        if use is None:
            return
        latest = use.latest
        try:
            if record is None:
                record = await self._records.read(use.snapshot, member)
            for _ in range(_ATTEMPTS):
                if record is None or record.session.last_seen >= latest:
                    break
                outcome = await self._records.swap(use.snapshot, record, touched(record.session, latest), self._clock())
                if not isinstance(outcome, Conflict):
                    break
                record = self._records.opened(use.snapshot, member, outcome.record)
        except StoreAway:
            use.due = self._clock() + use.snapshot.life.touch_window  # the use stays noted and is tried again
            return
        if use.latest > latest:
            use.due = latest + use.snapshot.life.touch_window
        elif self._uses.get(member) is use:
            del self._uses[member]
