"""The audit trail on SQL. Writers take turns, so that ids become visible in their order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, func, insert, or_, select, text

from gateway.core.email import address_key
from gateway.stores.sql.engine import LONG, Database
from gateway.stores.sql.tables import AUDIT
from gateway.stores.trail import Entry

#: Any number that nothing else in the database locks (schema.py has another).
_LOCK: Final = 0x74_72_61_69


class SqlTrailStore:
    """Implements `stores.trail.TrailStore`, whose docstrings hold."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, entries: Sequence[Entry]) -> None:
        """All of them, in one transaction, in this order."""
        rows = [_row(entry) for entry in entries]

        def work(connection: Connection) -> None:
            if self._database.dialect == "postgresql":
                # A sequence gives numbers out before the rows that have them are committed: without turns, a reader sees 8 and never hears of 7.
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            connection.execute(insert(AUDIT), rows)

        if rows:
            await self._database.write(work)

    async def of_user(self, user_id: str, *, limit: int = 100, before: int | None = None) -> Sequence[Entry]:
        """What happened to one account, the newest first, before the entry of id `before`."""
        query = select(AUDIT).where(AUDIT.c.user_id == user_id).order_by(AUDIT.c.id.desc()).limit(limit)
        return await self._read(query if before is None else query.where(AUDIT.c.id < before))

    async def find(
        self,
        *,
        event: str | None = None,
        user_id: str | None = None,
        email: str | None = None,
        since: float | None = None,
        after: int | None = None,
        limit: int = 1000,
    ) -> Sequence[Entry]:
        """The newest that fit, the oldest of them first; with `after`, the oldest that come after the entry of that id."""
        query = select(AUDIT).limit(limit)
        if event is not None:
            query = query.where(AUDIT.c.event.like(_pattern(event), escape="\\"))
        whose = [AUDIT.c.user_id == user_id] if user_id is not None else []
        whose += [AUDIT.c.email_key == address_key(email)] if email is not None else []
        if whose:
            query = query.where(or_(*whose))
        if since is not None:
            query = query.where(AUDIT.c.time >= since)
        if after is not None:
            return await self._read(query.where(AUDIT.c.id > after).order_by(AUDIT.c.id))
        return (await self._read(query.order_by(AUDIT.c.id.desc())))[::-1]

    async def newest(self) -> int:
        """The highest id that is visible; 0 where there is no entry."""

        def work(connection: Connection) -> int:
            return connection.scalar(select(func.max(AUDIT.c.id))) or 0

        return await self._database.read(work)

    async def prune(self, before: float) -> int:
        """Delete what is older; how many."""

        def work(connection: Connection) -> int:
            return connection.execute(delete(AUDIT).where(AUDIT.c.time < before)).rowcount

        return await self._database.write(work, within=LONG)

    async def _read(self, query: Any) -> Sequence[Entry]:
        def work(connection: Connection) -> Sequence[Entry]:
            return [_entry(row) for row in connection.execute(query)]

        return await self._database.read(work)


def _pattern(glob: str) -> str:
    for mark in "\\%_":
        glob = glob.replace(mark, f"\\{mark}")
    return glob.replace("*", "%").replace("?", "_")


def _short(text: str | None) -> str | None:
    """What has room: an entry that did not fit would stand in the way of all that are written with it."""
    return None if text is None else text[:64]


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "time": entry.time,
        "event": entry.event,
        "outcome": entry.outcome[:32],
        "user_id": entry.user_id,
        "email": entry.email,
        "email_key": None if entry.email is None else address_key(entry.email),
        "address": _short(entry.address),
        "session": _short(entry.session),
        "details": entry.details,
    }


def _entry(row: Row[Any]) -> Entry:
    return Entry(row.id, row.time, row.event, row.outcome, row.user_id, row.email, row.address, row.session, row.details)
