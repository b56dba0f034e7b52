"""`gateway mail`: letters that were given up. What they say is sealed and shown to nobody; a serving gateway sends what is to be tried again."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from gateway.cli.desk import loaded_from, open_desk, run
from gateway.cli.options import config_option, json_option
from gateway.cli.output import Value, moment, print_rows
from gateway.cli.statuses import REFUSED, USAGE, fail
from gateway.stores.outbox import Letter

_COLUMNS = {"ID": "id", "RECIPIENT": "recipient", "WRITTEN": "created", "TRIES": "tries", "REASON": "error"}
ids_argument = click.argument("letter_ids", metavar="[ID]...", nargs=-1)
all_option = click.option("--all", "everything", is_flag=True, help="All letters that were given up.")


@click.group("mail")
def command() -> None:
    """List, retry and delete letters that were given up."""


@command.command("list")
@click.option("--last", metavar="N", type=click.IntRange(1, 100_000), default=100, show_default=True, help="So many of the newest.")
@json_option
@config_option
def list_all(last: int, as_json: bool, config: Path) -> None:
    """List letters that were given up, the newest first."""
    loaded = loaded_from(config)

    async def work() -> Sequence[Letter]:
        async with open_desk(loaded) as desk:
            return await desk.dead_letters.list(last)

    print_rows([_fields(letter) for letter in run(work())], _COLUMNS, as_json=as_json, nothing="No letter was given up.")


@command.command("retry")
@ids_argument
@all_option
@config_option
def retry(letter_ids: tuple[str, ...], everything: bool, config: Path) -> None:
    """Have letters sent as if they had just been written."""
    chosen = _chosen(letter_ids, everything)
    loaded = loaded_from(config)

    async def work() -> Sequence[str]:
        async with open_desk(loaded) as desk:
            return await desk.dead_letters.retry(chosen)

    _tell(run(work()), chosen, "due again: the running gateway sends it", "due again: the running gateway sends them")


@command.command("delete")
@ids_argument
@all_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def delete(letter_ids: tuple[str, ...], everything: bool, yes: bool, config: Path) -> None:
    """Throw letters away. Asks first on a terminal."""
    chosen = _chosen(letter_ids, everything)
    loaded = loaded_from(config)
    if not yes and sys.stdin.isatty():
        click.confirm(f"Delete {'every letter that was given up' if chosen is None else ', '.join(chosen)} for good?", abort=True)

    async def work() -> Sequence[str]:
        async with open_desk(loaded) as desk:
            return await desk.dead_letters.delete(chosen)

    _tell(run(work()), chosen, "deleted", "deleted")


def _chosen(letter_ids: tuple[str, ...], everything: bool) -> tuple[str, ...] | None:
    if bool(letter_ids) == everything:
        fail(USAGE, "give the ids of letters as `gateway mail list` shows them, or --all")
    return letter_ids or None


def _tell(done: Sequence[str], chosen: tuple[str, ...] | None, one: str, several: str) -> None:
    click.echo(f"1 letter is {one}" if len(done) == 1 else f"{len(done)} letters are {several}", err=True)
    if missing := [letter_id for letter_id in chosen or () if letter_id not in done]:
        fail(REFUSED, f"no letter of that id was given up: {', '.join(missing)}")


def _fields(letter: Letter) -> dict[str, Value]:
    return {"id": letter.id, "recipient": letter.recipient, "created": moment(letter.created), "tries": letter.tries, "error": letter.error}
