"""`gateway users import` and `export`: many accounts at a time. An import adds all of them or none, and names every line that is in the way."""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import click

from gateway.cli.desk import Desk, loaded_from, open_desk, run
from gateway.cli.options import config_option
from gateway.cli.statuses import REFUSED, fail
from gateway.core.email import address_key
from gateway.services.transfer import FIELDS, BadLine, Row, account_from, csv_cells, read, written
from gateway.stores.accounts import Account, AddressTaken


@dataclass(frozen=True, slots=True)
class _Good:
    """An account that can be added, the line on which it stands, and whether that gives its id."""

    line: int
    account: Account
    identified: bool


@click.command("import", short_help="Add the accounts of a file, all or none.")
@click.argument("file", type=click.File("rb"))
@config_option
def import_accounts(file: BinaryIO, config: Path) -> None:
    """Add the accounts of FILE, all of them or none; - is standard input.

    FILE holds JSON lines, or CSV with a first line of names. Fields: email, and where they are known id, name, first_name, last_name, phone,
    birth_date, link, state, groups, password_hash (argon2 or bcrypt), created, last_login. Every line that cannot be used is named.
    """
    loaded = loaded_from(config)
    rows = list(read(file.read()))
    checked = list(_judged(rows))
    good = [one for one in checked if isinstance(one, _Good)]
    bad = [one for one in checked if isinstance(one, BadLine)]

    async def work() -> None:
        async with open_desk(loaded, create=True) as desk:
            bad.extend(await _there(desk, good))
            if good and not bad:
                click.echo("Saving …", err=True)
                try:
                    await desk.accounts.add_all([one.account for one in good])
                except AddressTaken:
                    fail(REFUSED, "nothing was imported: somebody has just got one of these addresses; try again")

    run(work())
    for one in sorted(bad, key=lambda one: one.line):
        click.echo(f"{file.name}:{one.line}: {one.problem}", err=True)
    if bad:
        fail(REFUSED, f"nothing was imported: {len({one.line for one in bad})} of {len(rows)} accounts cannot be used")
    click.echo(f"{len(good)} accounts were imported", err=True)


@click.command("export")
@click.option("--csv", "as_csv", is_flag=True, help="CSV instead of JSON lines.")
@click.option("--hashes", is_flag=True, help="With the hashes of passwords: keep such a file as safe as the database.")
@config_option
def export_accounts(as_csv: bool, hashes: bool, config: Path) -> None:
    """Print every account, in the order of addresses, as `import` reads it."""
    loaded = loaded_from(config)

    async def work() -> list[Account]:
        async with open_desk(loaded) as desk:
            return await desk.accounts.export(hashes=hashes)

    fields = (written(account, hashes=hashes) for account in run(work()))
    if as_csv:
        _print_csv(fields, [name for name in FIELDS if hashes or name != "password_hash"])
        return
    for one in fields:
        click.echo(json.dumps(one, ensure_ascii=False))


def _judged(rows: list[Row | BadLine]) -> Iterator[_Good | BadLine]:
    """Each row by itself and among those before it. Shows how far it is on a terminal."""
    now = time.time()
    addresses: dict[str, int] = {}
    ids: dict[str, int] = {}
    with click.progressbar(rows, label="Checking", file=sys.stderr, hidden=not sys.stderr.isatty()) as shown:
        for row in shown:
            account = account_from(row, now) if isinstance(row, Row) else row
            if isinstance(account, BadLine):
                yield account
                continue
            identified = isinstance(row, Row) and bool(row.fields.get("id"))
            first = addresses.setdefault(address_key(account.identity.email), row.line)
            if first != row.line:
                yield BadLine(row.line, f"the address stands on line {first} already")
            elif (first := ids.setdefault(account.identity.user_id, row.line)) != row.line:
                yield BadLine(row.line, f"the id stands on line {first} already")
            else:
                yield _Good(row.line, account, identified)


async def _there(desk: Desk, good: list[_Good]) -> list[BadLine]:
    """Those whose address or id belongs to an account of the database."""
    foreign = [one.account.identity.user_id for one in good if one.identified]
    taken = await desk.accounts.taken([one.account for one in good], foreign)
    return [BadLine(one.line, f"an account of that {taken[user_id]} exists") for one in good if (user_id := one.account.identity.user_id) in taken]


def _print_csv(accounts: Iterable[dict[str, Any]], names: list[str]) -> None:
    writer = csv.DictWriter(sys.stdout, names, lineterminator="\n")
    writer.writeheader()
    for account in accounts:
        writer.writerow(csv_cells(account))
