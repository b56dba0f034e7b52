"""Which version of the schema a database has, and bringing it to the newest one.

Migrations come with the package and run on a connection of ours: no ini file, no second way to configure a database. One transaction holds all
steps of an upgrade, on SQLite too, and a second process that upgrades waits for the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.stores.sql.engine import LONG, Database, create_file
from gateway.stores.sql.tables import Table

_SCRIPTS: Final = Path(__file__).parent / "migrations"
#: Any number that nothing else in the database locks.
_LOCK: Final = 0x67_61_74_65


class Standing(Enum):
    """How a database relates to the newest version."""

    MISSING = "there is no such file"
    EMPTY = "it holds no tables of the gateway"
    OLD = "it has an older version"
    NEWEST = "it has the newest version"
    FOREIGN = "it has a version that this gateway does not know"


def newest() -> str:
    """The newest version's name."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


async def current(database: Database) -> str | None:
    """The database's version; None when it has none. Raises StoreAway."""

    async def work(connection: AsyncConnection) -> str | None:
        return await connection.run_sync(_revision)

    return await database.read(work)


async def standing(database: Database) -> Standing:
    """Raises StoreAway."""
    if database.file is not None and not database.file.exists():
        return Standing.MISSING
    version = await current(database)
    if version is None:
        return Standing.EMPTY
    if version == newest():
        return Standing.NEWEST
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    return Standing.OLD if version in known else Standing.FOREIGN


async def upgrade(database: Database) -> str:
    """Bring the database to the newest version, making a missing SQLite file; returns that version.

    Raises StoreAway, OSError for a file that cannot be made, and ValueError for a database of a newer gateway.
    """
    match await standing(database):
        case Standing.FOREIGN:
            raise ValueError("the database was made by a newer gateway")
        case Standing.MISSING:
            create_file(database)

    async def work(connection: AsyncConnection) -> None:
        if database.dialect == "postgresql":
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        await connection.run_sync(_upgrade)

    await database.write(work, within=LONG)
    return newest()


async def differences(database: Database) -> Sequence[str]:
    """What in the database is not as the models say, for people; empty when all is well. Raises StoreAway."""

    async def work(connection: AsyncConnection) -> Sequence[str]:
        return await connection.run_sync(_differences)

    return await database.read(work)


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    if connection is not None:
        config.attributes["connection"] = connection
    return config


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _upgrade(connection: Connection) -> None:
    command.upgrade(_config(connection), "head")


def _differences(connection: Connection) -> Sequence[str]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return [_described(difference) for difference in compare_metadata(context, Table.metadata)]


def _described(difference: Any) -> str:
    if isinstance(difference, list):
        return "; ".join(_described(one) for one in difference)
    return " ".join(str(getattr(part, "name", part)) for part in difference if part is not None)
