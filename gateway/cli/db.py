"""`gateway db`: the version of the database of accounts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from gateway.cli.desk import loaded_from, opened, run
from gateway.cli.options import config_option, json_option
from gateway.cli.output import print_fields
from gateway.cli.statuses import AWAY, REFUSED, fail
from gateway.config.fresh import fixed_of
from gateway.server.stores import open_accounts
from gateway.stores.sql import schema
from gateway.stores.sql.schema import Standing


@click.group("db")
def command() -> None:
    """Show and upgrade the database's version."""


@command.command("upgrade")
@config_option
def upgrade(config: Path) -> None:
    """Bring the database to the newest version; makes a missing SQLite file."""
    settings = loaded_from(config, serving=False).settings

    async def work() -> tuple[Standing, str | None]:
        database = opened(lambda: open_accounts(fixed_of(settings)))
        try:
            found = await schema.standing(database)
            return found, None if found is Standing.FOREIGN else await schema.upgrade(database)
        finally:
            await database.close()

    found, version = run(work())
    if version is None:
        fail(AWAY, f"the database was left alone: {found.value}")
    click.echo(f"the database has version {version}" + (", as before" if found is Standing.NEWEST else " now"), err=True)


@command.command("current")
@json_option
@config_option
def current(as_json: bool, config: Path) -> None:
    """Show the database's version."""
    settings = loaded_from(config, serving=False).settings

    async def work() -> tuple[Standing, str | None]:
        database = opened(lambda: open_accounts(fixed_of(settings)))
        try:
            found = await schema.standing(database)
            return found, None if found is Standing.MISSING else await schema.current(database)
        finally:
            await database.close()

    found, version = run(work())
    print_fields({"version": version, "newest": schema.newest(), "standing": found.value}, as_json=as_json)


@command.command("check")
@config_option
def check(config: Path) -> None:
    """Check that the database is as this gateway needs it; exit status 1 when it is not."""
    settings = loaded_from(config, serving=False).settings

    async def work() -> tuple[Standing, Sequence[str]]:
        database = opened(lambda: open_accounts(fixed_of(settings)))
        try:
            found = await schema.standing(database)
            return found, await schema.differences(database) if found is Standing.NEWEST else ()
        finally:
            await database.close()

    found, differences = run(work())
    if found is not Standing.NEWEST:
        fail(REFUSED, found.value + ("" if found is Standing.FOREIGN else "; run: gateway db upgrade"))
    if differences:
        fail(REFUSED, "the tables were changed by hand: " + "; ".join(differences))
    click.echo("the database is as it should be", err=True)
