"""Counts of failed logins on SQL: one row an address, one statement a count."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, and_, delete, or_, select

from gateway.stores.sql.engine import Database
from gateway.stores.sql.tables import FAILURES
from gateway.stores.sql.upsert import insert_into


class SqlFailureStore:
    """Implements `stores.failures.FailureStore`, whose docstrings hold."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self, key: str, stop_after: int, now: float) -> bool:
        """Count one failure in advance, in one step. False where there were `stop_after` already."""
        counting: Any = insert_into(FAILURES, self._database.dialect).values(key=key, failures=1, last=now)
        counting = counting.on_conflict_do_update(
            index_elements=[FAILURES.c.key],
            set_={"failures": FAILURES.c.failures + 1, "last": now},
            where=FAILURES.c.failures < stop_after,
        ).returning(FAILURES.c.failures)

        def work(connection: Connection) -> bool:
            return connection.scalar(counting) is not None

        return stop_after > 0 and await self._database.write(work)

    async def clear(self, key: str) -> None:
        """Forget the count."""

        def work(connection: Connection) -> None:
            connection.execute(delete(FAILURES).where(FAILURES.c.key == key))

        await self._database.write(work)

    async def prune(self, before: float, stop_after: int, most: int) -> int:
        """Delete what was last raised before then, and of counts below `stop_after` the oldest beyond `most`; how many."""
        going = FAILURES.c.failures < stop_after
        # The one behind the newest `most`, and whatever is older.
        border = select(FAILURES.c.last).where(going).order_by(FAILURES.c.last.desc()).offset(most).limit(1)

        def work(connection: Connection) -> int:
            surplus = connection.scalar(border)
            gone = FAILURES.c.last < before
            if surplus is not None:
                gone = or_(gone, and_(going, FAILURES.c.last <= surplus))
            return connection.execute(delete(FAILURES).where(gone)).rowcount

        return await self._database.write(work)
