"""`gateway sessions`: who is logged in, and ending that.

A session is named by the first 16 hex digits of its id's hash, which open nothing. Where sessions are in the memory of the serving process
(`memory://`) another process sees none of them: only what goes through the database works then.
"""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import click

from gateway.cli.desk import Desk, loaded_from, open_desk, run, tell
from gateway.cli.options import config_option, json_option
from gateway.cli.output import Value, moment, print_rows
from gateway.cli.statuses import AWAY, REFUSED, USAGE, fail
from gateway.core.session import Session
from gateway.services.accounts import Felt
from gateway.services.audit import SESSION_DIGITS
from gateway.services.sessions import Sessions
from gateway.snapshot import Snapshot

_COLUMNS = {"ID": "id", "USER": "user", "ADDRESS": "address", "CREATED": "created", "LAST SEEN": "last_seen", "ENDS": "ends", "BROWSER": "user_agent"}


@click.group("sessions")
def command() -> None:
    """List and end sessions."""


@command.command("list")
@click.option("--user", "email", metavar="EMAIL", help="Only this person's.")
@json_option
@config_option
def list_all(email: str | None, as_json: bool, config: Path) -> None:
    """List live sessions, the oldest first."""
    loaded = loaded_from(config)

    async def work() -> list[dict[str, Value]]:
        async with open_desk(loaded) as desk:
            sessions = desk.sessions or _another_process(desk)
            if email is None:
                found = [one async for one in sessions.everything(desk.snapshot)]
            else:
                account = await desk.accounts.find(email)
                found = await sessions.members(desk.snapshot, account.identity.user_id)
            found.sort(key=lambda one: (one[1].created, one[0]))
            return [_fields(desk.snapshot, member, session) for member, session in found]

    print_rows(run(work()), _COLUMNS, as_json=as_json, nothing="Nobody is logged in.")


@command.command("revoke")
@click.option("--user", "email", metavar="EMAIL", help="End all of this person's sessions.")
@click.option("--id", "session_id", metavar="ID", help="End one session, named as `list` shows it.")
@click.option("--all", "everybody", is_flag=True, help="End everybody's sessions.")
@config_option
def revoke(email: str | None, session_id: str | None, everybody: bool, config: Path) -> None:
    """End sessions."""
    if [email is not None, session_id is not None, everybody].count(True) != 1:
        fail(USAGE, "give exactly one of --user, --id and --all")
    if session_id is not None and not _names_a_session(session_id):
        fail(USAGE, f"--id takes the {SESSION_DIGITS} hex digits that `gateway sessions list` shows")
    loaded = loaded_from(config)

    async def work() -> tuple[Felt, str]:
        async with open_desk(loaded) as desk:
            if email is not None:
                changed = await desk.accounts.end_sessions(email)
                return changed.felt, f"all sessions of {changed.account.identity.email} end"
            if session_id is not None:
                return Felt.NOW, await _end_one(desk.sessions or _another_process(desk), desk.snapshot, session_id.lower())
            count, felt = await desk.accounts.end_all_sessions()
            return felt, f"all sessions of {count} account{'' if count == 1 else 's'} end"

    tell(*run(work()))


async def _end_one(sessions: Sessions, snapshot: Snapshot, session_id: str) -> str:
    found = [(member, session) async for member, session in sessions.everything(snapshot) if member.startswith(session_id)]
    if not found:
        fail(REFUSED, "there is no session of that id")
    for member, session in found:
        await sessions.end_member(snapshot, session.identity.user_id, member)
    return f"the session of {found[0][1].identity.email} has ended"


def _names_a_session(text: str) -> bool:
    return SESSION_DIGITS <= len(text) <= 64 and all(digit in "0123456789abcdefABCDEF" for digit in text)


def _another_process(desk: Desk) -> NoReturn:
    page = desk.snapshot.places.public_url("/account/sessions")
    fail(AWAY, f"sessions are in the memory of the running gateway (session.store is memory://); see the account page {page}")


def _fields(snapshot: Snapshot, member: str, session: Session) -> dict[str, Value]:
    return {
        "id": member[:SESSION_DIGITS],
        "user": session.identity.email,
        "user_id": session.identity.user_id,
        "address": session.address,
        "user_agent": session.user_agent,
        "created": moment(session.created),
        "last_seen": moment(session.last_seen),
        "ends": moment(session.end(snapshot.life)),
        "remember": session.remember,
    }
