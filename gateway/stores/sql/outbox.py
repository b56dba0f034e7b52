"""The outbox on SQL. A claim moves `due` to the end of the lease; PostgreSQL passes over rows that another claim holds, SQLite has one writer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Delete, Row, Update, delete, func, insert, select, update

from gateway.stores.outbox import Letter
from gateway.stores.sql.engine import Database
from gateway.stores.sql.tables import OUTBOX


class SqlOutboxStore:
    """Implements `stores.outbox.OutboxStore`, whose docstrings hold."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, letter: Letter) -> None:
        """Keep it for whoever sends."""
        row = {
            "id": letter.id,
            "recipient": letter.recipient,
            "sealed": letter.sealed,
            "created": letter.created,
            "due": letter.due,
            "tries": letter.tries,
            "error": letter.error,
        }

        def work(connection: Connection) -> None:
            connection.execute(insert(OUTBOX).values(row))

        await self._database.write(work)

    async def claim(self, now: float, until: float, limit: int) -> Sequence[Letter]:
        """At most `limit` letters that are due, the longest due first; nobody else gets them before `until`."""
        due = select(OUTBOX).where(OUTBOX.c.due <= now).order_by(OUTBOX.c.due, OUTBOX.c.id).limit(limit)

        def look(connection: Connection) -> bool:
            return connection.execute(due).first() is not None

        def work(connection: Connection) -> Sequence[Letter]:
            letters = [_letter(row) for row in connection.execute(due.with_for_update(skip_locked=True))]
            if letters:
                connection.execute(update(OUTBOX).where(OUTBOX.c.id.in_([letter.id for letter in letters])).values(due=until))
            return letters

        # Most of the time nothing is due, and looking holds up no writer.
        return await self._database.write(work) if await self._database.read(look) else ()

    async def sent(self, letter_id: str) -> None:
        """Forget it."""

        def work(connection: Connection) -> None:
            connection.execute(delete(OUTBOX).where(OUTBOX.c.id == letter_id))

        await self._database.write(work)

    async def postpone(self, letter_id: str, due: float, tries: int, error: str) -> None:
        """It is due again then."""
        await self._change(letter_id, {"due": due, "tries": tries, "error": error})

    async def bury(self, letter_id: str, error: str) -> None:
        """It is never due again, and kept for people to see."""
        await self._change(letter_id, {"due": None, "tries": OUTBOX.c.tries + 1, "error": error})

    async def waiting(self) -> int:
        """How many are still to be sent, those that somebody has claimed included."""

        def work(connection: Connection) -> int:
            return connection.scalar(select(func.count()).select_from(OUTBOX).where(OUTBOX.c.due.is_not(None))) or 0

        return await self._database.read(work)

    async def dead(self, limit: int) -> Sequence[Letter]:
        """What was buried, the newest first."""
        buried = select(OUTBOX).where(OUTBOX.c.due.is_(None)).order_by(OUTBOX.c.created.desc(), OUTBOX.c.id).limit(limit)

        def work(connection: Connection) -> Sequence[Letter]:
            return [_letter(row) for row in connection.execute(buried)]

        return await self._database.read(work)

    async def revive(self, letter_ids: Sequence[str] | None, now: float) -> Sequence[str]:
        """Those of `letter_ids`, or with None all, that were buried are due now, for their first try; their ids."""
        return await self._of_buried(update(OUTBOX).values(due=now, tries=0, error=None), letter_ids)

    async def drop(self, letter_ids: Sequence[str] | None) -> Sequence[str]:
        """Delete those of `letter_ids`, or with None all, that were buried; their ids."""
        return await self._of_buried(delete(OUTBOX), letter_ids)

    async def prune(self, before: float) -> int:
        """Delete buried letters that were written before then; how many."""

        def work(connection: Connection) -> int:
            return connection.execute(delete(OUTBOX).where(OUTBOX.c.due.is_(None), OUTBOX.c.created < before)).rowcount

        return await self._database.write(work)

    async def _of_buried(self, change: Update | Delete, letter_ids: Sequence[str] | None) -> Sequence[str]:
        chosen = change.where(OUTBOX.c.due.is_(None))
        if letter_ids is not None:
            chosen = chosen.where(OUTBOX.c.id.in_(letter_ids))

        def work(connection: Connection) -> Sequence[str]:
            return connection.scalars(chosen.returning(OUTBOX.c.id)).all()

        return await self._database.write(work)

    async def _change(self, letter_id: str, values: dict[str, Any]) -> None:
        def work(connection: Connection) -> None:
            connection.execute(update(OUTBOX).where(OUTBOX.c.id == letter_id).values(values))

        await self._database.write(work)


def _letter(row: Row[Any]) -> Letter:
    return Letter(row.id, row.recipient, bytes(row.sealed), row.created, row.created if row.due is None else row.due, row.tries, row.error)
