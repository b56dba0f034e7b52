"""Which version of the schema a database has, and bringing it to the newest one.

Looking needs no more than the versions' names, so that a server does not load Alembic at its start (9 MiB, a tenth of the time); changing does
(steps.py). One transaction holds all steps of an upgrade, on SQLite too, and a second process that upgrades waits for the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Final

from sqlalchemy import Connection, text

from gateway.stores.sql.engine import LONG, Database, create_file

#: What migrations/versions/ holds, oldest first; a test holds that both agree.
VERSIONS: Final = ("0001", "0002", "0003")
#: Any number that nothing else in the database locks.
_LOCK: Final = 0x67_61_74_65
#: Where Alembic notes the version.
_NOTED: Final = "alembic_version"


class Standing(Enum):
    """How a database relates to the newest version."""

    MISSING = "there is no such file"
    EMPTY = "it holds no tables of the gateway"
    OLD = "it has an older version"
    NEWEST = "it has the newest version"
    FOREIGN = "it has a version that this gateway does not know"


def newest() -> str:
    """The newest version's name."""
    return VERSIONS[-1]


async def current(database: Database) -> str | None:
    """The database's version; None when it has none. Raises StoreAway."""
    return await database.read(_noted)


async def standing(database: Database) -> Standing:
    """Raises StoreAway."""
    if database.file is not None and not database.file.exists():
        return Standing.MISSING
    version = await current(database)
    if version is None:
        return Standing.EMPTY
    if version == newest():
        return Standing.NEWEST
    return Standing.OLD if version in VERSIONS else Standing.FOREIGN


async def upgrade(database: Database) -> str:
    """Bring the database to the newest version, making a missing SQLite file; returns that version.

    Raises StoreAway, OSError for a file that cannot be made, and ValueError for a database of a newer gateway.
    """
    match await standing(database):
        case Standing.FOREIGN:
            raise ValueError("the database was made by a newer gateway")
        case Standing.MISSING:
            create_file(database)

    from gateway.stores.sql import steps  # Alembic: see above

    def work(connection: Connection) -> None:
        if database.dialect == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        steps.take_all(connection)

    await database.write(work, within=LONG)
    return newest()


async def differences(database: Database) -> Sequence[str]:
    """What in the database is not as the models say, for people; empty when all is well. Raises StoreAway."""
    from gateway.stores.sql import steps  # Alembic: see above

    return await database.read(steps.differences)


def _noted(connection: Connection) -> str | None:
    if not connection.dialect.has_table(connection, _NOTED):
        return None
    # More than one is no version of ours: joined they are a name that nobody knows.
    return " ".join(connection.scalars(text(f"SELECT version_num FROM {_NOTED}"))) or None  # noqa: S608 - a constant
