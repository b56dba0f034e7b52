"""`gateway audit`: what is in the audit trail, as the database keeps it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

from gateway.cli.desk import loaded_from, opened, require_schema, run
from gateway.cli.options import config_option, json_option
from gateway.cli.output import Value, moment, print_line, print_rows
from gateway.cli.statuses import USAGE, fail
from gateway.config.fresh import fixed_of
from gateway.config.model import Settings
from gateway.config.quantities import parse_duration
from gateway.server.stores import open_accounts
from gateway.services.addresses import canonical_address
from gateway.stores import StoreAway
from gateway.stores.sql.accounts import SqlAccountStore
from gateway.stores.sql.engine import Database
from gateway.stores.sql.trail import SqlTrailStore
from gateway.stores.trail import Entry, TrailStore

_COLUMNS = {"TIME": "time", "EVENT": "event", "OUTCOME": "outcome", "E-MAIL": "email", "ADDRESS": "address", "SESSION": "session", "MORE": "details"}
#: Their widths where the rows are not known yet.
_WIDTHS = (24, 16, 8, 28, 15, 16, 0)
#: How often `--follow` looks (seconds).
_LOOK_EVERY = 1.0
#: Most entries of one look.
_AT_ONCE = 1000

_Find = Callable[..., Awaitable[Sequence[Entry]]]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the command was asked for; `since` in seconds since 1970."""

    email: str | None
    event: str | None
    since: float | None
    last: int


@click.command("audit")
@click.option("--user", "email", metavar="EMAIL", help="Only what concerns this person, whose account may be gone.")
@click.option("--event", metavar="GLOB", help="Only these events, for example login:failure or 'session:*'.")
@click.option("--since", metavar="TIME", help="Everything of the last 30m, 12h or 7d.")
@click.option("--last", metavar="N", type=click.IntRange(1, 100_000), default=100, show_default=True, help="So many of the newest; not with --since.")
@click.option("--follow", is_flag=True, help="Go on, with what is added, until Ctrl-C.")
@json_option
@config_option
def command(email: str | None, event: str | None, since: str | None, last: int, follow: bool, as_json: bool, config: Path) -> None:
    """Show the audit trail, the oldest entries first."""
    asked = _Asked(email, event, _moment(since), last)
    settings = loaded_from(config, serving=False).settings
    if follow:
        try:
            run(_follow(settings, asked, as_json=as_json))
        except KeyboardInterrupt:
            return  # the only way to end it
    rows = [_fields(entry) for entry in run(_read(settings, asked))]
    print_rows(rows, _COLUMNS, as_json=as_json, nothing="There is nothing of that in the audit trail.")


async def _read(settings: Settings, asked: _Asked) -> Sequence[Entry]:
    async with _open(settings) as database:
        return await _past(await _finder(database, asked), asked)


async def _follow(settings: Settings, asked: _Asked, *, as_json: bool) -> None:
    async with _open(settings) as database:
        find, trail = await _finder(database, asked), SqlTrailStore(database)
        last = await trail.newest()
        found = await _past(find, asked)
        if not as_json:
            print_line(list(_COLUMNS), _WIDTHS)
        away = False
        while True:
            for entry in found:
                _print(_fields(entry), as_json=as_json)
                last = max(last, entry.id)
            await asyncio.sleep(_LOOK_EVERY)
            try:
                found, last = await added(find, trail, last)
                away = False
            except StoreAway as error:
                if not away:
                    click.echo(f"{error}; still trying", err=True)
                found, away = (), True


async def added(find: _Find, trail: TrailStore, last: int) -> tuple[Sequence[Entry], int]:
    """What fits behind the entry `last`, and up to which entry that is all: what does not fit is not read again and again."""
    newest = await trail.newest()  # first: whatever is added meanwhile comes the next time
    if newest == last:
        return (), last
    found = await find(after=last if newest > last else 0, limit=_AT_ONCE)
    return found, found[-1].id if len(found) == _AT_ONCE else newest


@asynccontextmanager
async def _open(settings: Settings) -> AsyncIterator[Database]:
    database = opened(lambda: open_accounts(fixed_of(settings)))
    try:
        await require_schema(database)
        yield database
    finally:
        await database.close()


async def _finder(database: Database, asked: _Asked) -> _Find:
    """What finds entries that were asked for. Of a person: by account, and by address, since accounts change theirs and are deleted."""
    user_id = email = None
    if asked.email is not None:
        email = canonical_address(asked.email, special_use=True)
        account = await SqlAccountStore(database).find(email)
        user_id = None if account is None else account.identity.user_id
    return partial(SqlTrailStore(database).find, event=asked.event, user_id=user_id, email=email, since=asked.since)


async def _past(find: _Find, asked: _Asked) -> Sequence[Entry]:
    if asked.since is None:
        return await find(limit=asked.last)
    found = list(await find(after=0))
    while found and (more := await find(after=found[-1].id)):
        found += more
    return found


def _moment(since: str | None) -> float | None:
    if since is None:
        return None
    try:
        return time.time() - parse_duration(since)
    except ValueError as error:
        fail(USAGE, f"--since {since} {error}")


def _print(fields: Mapping[str, Value], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(fields, ensure_ascii=False))
    else:
        print_line([fields[key] for key in _COLUMNS.values()], _WIDTHS)


def _fields(entry: Entry) -> dict[str, Value]:
    return {
        "id": entry.id,
        "time": moment(entry.time, "milliseconds"),
        "event": entry.event,
        "outcome": entry.outcome,
        "user": entry.user_id,
        "email": entry.email,
        "address": entry.address,
        "session": entry.session,
        "details": json.loads(entry.details),
    }
