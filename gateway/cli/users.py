"""`gateway users`: accounts, one at a time. A password is asked for twice on a terminal or read from stdin; it is never an argument."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gateway.cli.desk import loaded_from, open_desk, run, tell
from gateway.cli.options import config_option, json_option
from gateway.cli.output import Value, moment, print_fields, print_rows
from gateway.cli.statuses import USAGE, fail
from gateway.cli.transfer import export_accounts, import_accounts
from gateway.core.identity import State
from gateway.services.accounts import Changed
from gateway.stores.accounts import Account

_COLUMNS = {"E-MAIL": "email", "NAME": "name", "STATE": "state", "GROUPS": "groups", "LAST LOGIN": "last_login"}
password_option = click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input.")


@click.group("users")
def command() -> None:
    """Add and change accounts."""


@command.command("add")
@click.argument("email")
@click.option("--name", default="", help="The person's name.")
@click.option("--group", "groups", multiple=True, help="A group; may be given several times.")
@password_option
@click.option("--unverified", is_flag=True, help="The address has to be verified before the account works.")
@config_option
def add(email: str, name: str, groups: tuple[str, ...], password_stdin: bool, unverified: bool, config: Path) -> None:
    """Add an account. Makes the SQLite file where it is missing."""
    loaded = loaded_from(config)
    password = _password(from_stdin=password_stdin)

    async def work() -> Account:
        async with open_desk(loaded, create=True) as desk:
            state = State.CREATED if unverified else State.VERIFIED
            return await desk.accounts.add(email, name=name, groups=groups, password=password, state=state)

    account = run(work())
    click.echo(f"{account.identity.email} was added", err=True)


@command.command("list")
@click.option("--search", metavar="TEXT", default="", help="Only those with TEXT anywhere in address or name.")
@json_option
@config_option
def list_all(search: str, as_json: bool, config: Path) -> None:
    """List every account, in the order of addresses."""
    loaded = loaded_from(config)

    async def work() -> list[Account]:
        async with open_desk(loaded) as desk:
            return await (desk.accounts.search(search) if search.strip() else desk.accounts.all())

    nothing = "No account fits." if search.strip() else "There are no accounts."
    print_rows([_fields(account) for account in run(work())], _COLUMNS, as_json=as_json, nothing=nothing)


@command.command("show")
@click.argument("email")
@json_option
@config_option
def show(email: str, as_json: bool, config: Path) -> None:
    """Show one account."""
    loaded = loaded_from(config)

    async def work() -> Account:
        async with open_desk(loaded) as desk:
            return await desk.accounts.find(email)

    print_fields(_fields(run(work())), as_json=as_json)


@command.command("set-password")
@click.argument("email")
@password_option
@config_option
def set_password(email: str, password_stdin: bool, config: Path) -> None:
    """Set a password. Ends the account's sessions and forgets failed logins."""
    loaded = loaded_from(config)
    password = _password(from_stdin=password_stdin)

    async def work() -> Changed:
        async with open_desk(loaded) as desk:
            return await desk.accounts.set_password(email, password)

    tell(run(work()).felt, "the password was set")


@command.command("set-groups", short_help="Replace all groups of an account.")
@click.argument("email")
@click.argument("names", metavar="[GROUP]...", nargs=-1)
@click.option("--group", "groups", multiple=True, help="The same as an argument, for those who are used to it from `add`.")
@config_option
def set_groups(email: str, names: tuple[str, ...], groups: tuple[str, ...], config: Path) -> None:
    """Replace all groups of an account; without any, it is in none."""
    loaded = loaded_from(config)

    async def work() -> Changed:
        async with open_desk(loaded) as desk:
            return await desk.accounts.set_groups(email, (*names, *groups))

    changed = run(work())
    tell(changed.felt, f"groups: {', '.join(changed.account.identity.groups) or 'none'}")


@command.command("enable", short_help="Let an account log in and use everything.")
@click.argument("email")
@config_option
def enable(email: str, config: Path) -> None:
    """Let an account log in and use everything: whatever it was, it is verified now."""
    _set_state(email, State.VERIFIED, config)


@command.command("disable")
@click.argument("email")
@config_option
def disable(email: str, config: Path) -> None:
    """Let an account log in no more, and end its sessions."""
    _set_state(email, State.DISABLED, config)


@command.command("expire", short_help="Leave an account its own account page only.")
@click.argument("email")
@config_option
def expire(email: str, config: Path) -> None:
    """Let an account log in, and reach nothing but its own account page."""
    _set_state(email, State.EXPIRED, config)


@command.command("delete", short_help="Delete an account and end its sessions.")
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def delete(email: str, yes: bool, config: Path) -> None:
    """Delete an account and end its sessions. Asks first on a terminal."""
    loaded = loaded_from(config)
    if not yes and sys.stdin.isatty():
        click.confirm(f"Delete {email} for good?", abort=True)

    async def work() -> Changed:
        async with open_desk(loaded) as desk:
            return await desk.accounts.delete(email)

    changed = run(work())
    tell(changed.felt, f"{changed.account.identity.email} was deleted")


command.add_command(import_accounts)
command.add_command(export_accounts)


def _set_state(email: str, state: State, config: Path) -> None:
    loaded = loaded_from(config)

    async def work() -> Changed:
        async with open_desk(loaded) as desk:
            return await desk.accounts.set_state(email, state)

    changed = run(work())
    tell(changed.felt, f"{changed.account.identity.email} is {state.value} now")


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        line = sys.stdin.readline()
        return line.rstrip("\r\n")
    if not sys.stdin.isatty():
        fail(USAGE, "there is no terminal to ask for the password on; give --password-stdin")
    entered: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return entered


def _fields(account: Account) -> dict[str, Value]:
    who = account.identity
    return {
        "id": who.user_id,
        "email": who.email,
        "name": who.name,
        "state": who.state.value,
        "groups": list(who.groups),
        "password": account.password_hash is not None,
        "created": moment(account.created),
        "last_login": moment(account.last_login),
    }
