"""`gateway explain`: what would happen with a request, and why. Nothing is sent anywhere.

The request is read and judged by the very code that serves (`read_facts`, `Gatekeeper.admit`), with a session of its own in memory where
somebody is to be logged in. Exit status: 0 whatever is decided, 1 for a request that cannot be understood.
"""

from __future__ import annotations

import asyncio
import time
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import click

from gateway.cli.explanation import Explanation, explained
from gateway.cli.options import config_option, environment, json_option
from gateway.config.errors import ConfigErrors
from gateway.config.load import Loaded, load
from gateway.config.snapshot import make_snapshot
from gateway.core.decide import Selected, select
from gateway.core.facts import Facts, Surface
from gateway.core.headers import is_token
from gateway.core.identity import GROUP_NAME, Identity, State
from gateway.core.urls import Malformed
from gateway.crypto.tokens import new_user_id
from gateway.services.audit import Audit
from gateway.services.gatekeeper import Gatekeeper
from gateway.services.introductions import Introductions
from gateway.services.records import Records
from gateway.services.renewal import Renewal
from gateway.services.sessions import Sessions
from gateway.snapshot import Snapshot
from gateway.stores.accounts import Account
from gateway.stores.memory import MemorySessionStore
from gateway.web.request import read_facts


@click.command("explain")
@config_option
@click.option("--url", required=True, help="The address as a browser would ask for it.")
@click.option("--method", default="GET", show_default=True, help="The request's method.")
@click.option(
    "--user", "email", metavar="EMAIL", help="Who is logged in; taken from the database if the account is there, else assumed to be verified."
)
@click.option("--group", "groups", multiple=True, help="A group that an assumed user is in; may be given several times.")
@click.option("--ip", default="203.0.113.1", show_default=True, help="The client's address.")
@json_option
def command(config: Path, url: str, method: str, email: str | None, groups: tuple[str, ...], ip: str, as_json: bool) -> None:
    """Show which route and rule decide about a request, which headers the upstream would get, and why."""
    try:
        loaded = load(config, environment())
    except ConfigErrors as errors:
        for problem in errors.problems:
            click.echo(str(problem), err=True)
        raise SystemExit(2) from None
    snapshot = make_snapshot(loaded)
    if not is_token(method):
        raise click.UsageError(f"--method: {method!r} is not a method")
    facts = _facts(snapshot, url, method, ip)
    bad = next((group for group in groups if not GROUP_NAME.fullmatch(group)), None)
    if bad is not None:
        raise click.UsageError(f"{bad!r} cannot be a group's name")
    account, note = _account(loaded, email, groups) if email is not None else (None, None)
    explanation = asyncio.run(_explain(snapshot, facts, account, note))
    click.echo(explanation.as_json() if as_json else explanation.as_text())


def _facts(snapshot: Snapshot, url: str, method: str, ip: str) -> Facts:
    """What the gateway would read of a browser's request, coming straight from `ip`."""
    try:
        ip_address(ip)
    except ValueError:
        raise click.UsageError(f"--ip: {ip!r} is not an address") from None
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in ("http", "https"):
        raise click.UsageError("--url must begin with https:// or http://")
    try:
        authority = urlsplit(url).netloc
        target = rest[len(authority) :].partition("#")[0]
        headers = [
            (b"Host", authority.encode("idna" if not authority.isascii() else "ascii")),
            (b"Sec-Fetch-Mode", b"navigate"),
            (b"Accept", b"text/html"),
        ]
        return read_facts(method, target if target.startswith("/") else f"/{target}", headers, ip, scheme, snapshot)
    except (Malformed, UnicodeError, ValueError) as error:
        click.echo(f"Error: the request would be refused as malformed: {error}", err=True)
        raise SystemExit(1) from None


def _account(loaded: Loaded, email: str, groups: tuple[str, ...]) -> tuple[Account, str | None]:
    """The account in the database where there is one, else an assumed one and a note that says so."""
    if not groups:
        from gateway.cli.accounts import find_account

        found, why = asyncio.run(find_account(loaded.settings, email))
        if found is not None:
            return found, None
        note = f"{why}; judged as a verified account in no group"
    else:
        note = "judged as a verified account in the groups given"
    now = time.time()
    return Account(Identity(new_user_id(now), email, "", tuple(groups), State.VERIFIED), None, 0, now, None), note


async def _explain(snapshot: Snapshot, facts: Facts, account: Account | None, note: str | None) -> Explanation:
    records = Records(MemorySessionStore(time.time), "explain:")
    renewal = Renewal(records, time.time)
    sessions = Sessions(records, renewal, Audit(lambda _: None, time.time), time.time)
    if account is not None:
        started = await sessions.start(snapshot, account, facts, remember=False)
        facts = facts._replace(cookies=(started.cookie,))
    selected = select(facts, snapshot.places)
    forwards = not isinstance(selected, Selected) or selected.route.upstream is not None
    # A route without an upstream is for forward-auth: what Traefik would hear is what a browser sees.
    admission = await Gatekeeper(sessions, Introductions(time.time)).admit(snapshot, facts, Surface.PROXY if forwards else Surface.TRAEFIK)
    await renewal.flush()
    return explained(snapshot, facts, selected, admission, account, note)
