"""The schema's steps, by Alembic.

Migrations come with the package and run on a connection of ours: no ini file, no second way to configure a database. Nothing imports this that only
wants to know which version a database has.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from gateway.stores.sql.tables import METADATA

_SCRIPTS: Final = Path(__file__).parent / "migrations"


def take_all(connection: Connection) -> None:
    """Bring the database to the newest version, inside the transaction that is open."""
    command.upgrade(_config(connection), "head")


def differences(connection: Connection) -> Sequence[str]:
    """What in the database is not as the models say, for people."""
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return [_described(difference) for difference in compare_metadata(context, METADATA)]


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    if connection is not None:
        config.attributes["connection"] = connection
    return config


def _described(difference: Any) -> str:
    if isinstance(difference, list):
        return "; ".join(_described(one) for one in difference)
    return " ".join(str(getattr(part, "name", part)) for part in difference if part is not None)
