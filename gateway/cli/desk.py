"""What commands that change accounts and sessions share: the configuration, open stores, and how an outcome ends the program.

Exit status: 0 done, 1 refused or not found, 2 wrong usage or configuration, 3 a store could not be reached. Audit lines go to stderr.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import click

from gateway.cli.options import environment
from gateway.cli.statuses import AWAY, REFUSED, USAGE, fail
from gateway.config.errors import ConfigErrors
from gateway.config.fresh import fixed_of
from gateway.config.load import Loaded, load
from gateway.config.snapshot import make_snapshot
from gateway.core.password import PasswordPolicy, Weakness
from gateway.server.stores import make_hasher, open_accounts, open_session_store
from gateway.services.accounts import Accounts, Felt, NoAccount, Reach, Weak
from gateway.services.addresses import NotValid
from gateway.services.audit import Audit
from gateway.services.dead_letters import DeadLetters
from gateway.services.effects import Effects
from gateway.services.passwords import Passwords
from gateway.services.records import Records
from gateway.services.renewal import Renewal
from gateway.services.sessions import Sessions
from gateway.services.throttle import Throttle
from gateway.services.trail import Trail
from gateway.snapshot import Live, Snapshot
from gateway.stores import StoreAway
from gateway.stores.accounts import AddressTaken
from gateway.stores.sql import schema
from gateway.stores.sql.accounts import SqlAccountStore
from gateway.stores.sql.engine import Database
from gateway.stores.sql.failures import SqlFailureStore
from gateway.stores.sql.outbox import SqlOutboxStore
from gateway.stores.sql.schema import Standing
from gateway.stores.sql.trail import SqlTrailStore

T = TypeVar("T")

#: Who acts, in the audit trail.
_BY: Final = "command line"


@dataclass(frozen=True, slots=True)
class Desk:
    """`sessions` is None where sessions are in the memory of another process."""

    snapshot: Snapshot
    accounts: Accounts
    dead_letters: DeadLetters
    sessions: Sessions | None


def loaded_from(config: Path, *, serving: bool = True) -> Loaded:
    """The configuration; every mistake in it is told, and ends the program. `serving`: keys and public_url are needed too."""
    try:
        return load(config, environment(), serving=serving)
    except ConfigErrors as errors:
        for problem in errors.problems:
            click.echo(str(problem), err=True)
        raise SystemExit(USAGE) from None


def run(work: Awaitable[T]) -> T:
    """What `work` returns; what it could not do ends the program with a sentence and a status."""

    async def finish() -> T:
        return await work

    try:
        return asyncio.run(finish())
    except StoreAway as error:
        fail(AWAY, str(error))
    except NoAccount:
        fail(REFUSED, "there is no account of that address")
    except AddressTaken:
        fail(REFUSED, "an account of that address exists")
    except NotValid as error:
        fail(REFUSED, str(error))
    except UnicodeEncodeError:  # bytes that the terminal sent: no database takes them
        fail(USAGE, "what was given is not UTF-8")
    except OSError as error:
        what = error.strerror or type(error).__name__
        fail(AWAY, f"{error.filename}: {what}" if error.filename else what)


def opened(make: Callable[[], T]) -> T:
    """What `make` opens; a URL that it cannot use ends the program."""
    try:
        return make()
    except ValueError as error:
        fail(USAGE, str(error))


@asynccontextmanager
async def open_desk(loaded: Loaded, *, create: bool = False, audit_line: Callable[[str], None] | None = None) -> AsyncIterator[Desk]:
    """Everything that a command needs. `create` makes a missing SQLite file; otherwise a database that is not ready ends the program. `audit_line`
    takes the lines of the audit trail, which otherwise go to standard error."""
    settings = loaded.settings
    database = opened(lambda: open_accounts(fixed_of(settings)))
    stores = opened(lambda: open_session_store(fixed_of(settings), time.time))
    passwords = Passwords(make_hasher(fixed_of(settings)), threads=1)
    try:
        await require_schema(database, create=create)
        snapshot = make_snapshot(loaded)
        store, failures = SqlAccountStore(database), SqlFailureStore(database)
        trail = Trail(SqlTrailStore(database), lambda: snapshot.audit_retention, time.time, _nothing)
        audit = Audit(audit_line or _say, time.time, keep=trail.keep)
        sessions, reach = None, None
        if stores.sessions.shared:
            records = Records(stores.sessions, settings.session.key_prefix)
            sessions = Sessions(records, Renewal(records, time.time), audit, time.time)
            reach = Reach(Effects(store, sessions, Live(snapshot), _say), Throttle(stores.throttle, settings.session.key_prefix, failures))
        try:
            accounts = Accounts(store, failures, passwords, snapshot.password, reach, audit, time.time, _BY)
            yield Desk(snapshot, accounts, DeadLetters(SqlOutboxStore(database), audit, time.time, _BY), sessions)
        except Weak as weak:
            fail(REFUSED, f"the password {_why(weak.weakness, snapshot.password)} ({weak.weakness})")
        finally:
            try:
                await trail.flush()
            except StoreAway as error:
                _say(f"the audit trail in the database lacks this: {error}")
    finally:
        passwords.close()
        await stores.sessions.close()
        await database.close()


async def require_schema(database: Database, *, create: bool = False) -> None:
    """End the program unless the database has the newest version. Raises StoreAway."""
    found = await schema.standing(database)
    if found is Standing.MISSING and create:
        await schema.upgrade(database)
        click.echo(f"{database.file} was created", err=True)
    elif found is Standing.FOREIGN:
        fail(AWAY, f"the database cannot be used: {found.value}; run a newer gateway")
    elif found is not Standing.NEWEST:
        fail(AWAY, f"the database cannot be used: {found.value}; run: gateway db upgrade")


def tell(felt: Felt, done: str) -> None:
    """Say that something was done, and when sessions feel it; a store that is away ends the program."""
    if felt is Felt.LATER:
        fail(AWAY, felt.value)
    click.echo(done if felt is Felt.NOW else f"{done} ({felt.value})", err=True)


def _why(weakness: Weakness, policy: PasswordPolicy) -> str:
    match weakness:
        case Weakness.TOO_SHORT:
            return f"is shorter than {policy.min_length} characters"
        case Weakness.TOO_LONG:
            return f"is longer than {policy.max_length} characters"
        case Weakness.CONTEXT:
            return "is the person's name or address, or the service's"
        case Weakness.COMPROMISED:
            return "is one of the most common ones"
        case Weakness.DICTIONARY:
            return "is a word or a name"
        case Weakness.REPETITIVE:
            return "repeats itself"
        case Weakness.SEQUENTIAL:
            return "is a sequence of letters, digits or keys"


def _say(text: str) -> None:
    click.echo(text, err=True)


def _nothing() -> None:
    """What is lost is told when the trail is written."""
