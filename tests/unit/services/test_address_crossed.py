"""Changes of an address that others cross: who knows only an old password must not take the account with them, and each hears only of their own."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.core.facts import Facts
from gateway.core.identity import State
from gateway.crypto.passwords import CHEAPEST, Hasher
from gateway.services.address_change import AddressChange, Asked, Bad, Moved
from gateway.services.audit import Audit
from gateway.services.effects import Effects
from gateway.services.pace import Pace
from gateway.services.passwords import Checked, Passwords
from gateway.services.proof import Proof
from gateway.services.records import Records
from gateway.services.renewal import Renewal
from gateway.services.self_service import Vanished
from gateway.services.sessions import Found, Sessions
from gateway.services.throttle import Throttle
from gateway.services.tickets import Tickets
from gateway.snapshot import Live, Snapshot
from gateway.stores.memory import MemorySessionStore, MemoryThrottleStore
from gateway.stores.sql import schema
from gateway.stores.sql.accounts import SqlAccountStore
from gateway.stores.sql.engine import Database, open_database
from gateway.stores.sql.failures import SqlFailureStore
from gateway.stores.sql.tokens import SqlTokenStore
from tests.samples import SettableClock, sample_account, sample_facts, sample_snapshot

PASSWORD = "a tortoise plays the cello"
ANN = sample_account().identity


class Crossed(Passwords):
    """Something happens while the present password is being checked."""

    meanwhile: Callable[[], Awaitable[object]] | None = None

    async def check(self, stored: str | None, password: str) -> Checked:
        checked = await super().check(stored, password)
        if self.meanwhile is not None:
            await self.meanwhile()
        return checked


class Letters:
    """Whom which letter went to, with its link."""

    def __init__(self) -> None:
        self.sent: dict[str, tuple[str, str]] = {}

    async def post(self, snapshot: Snapshot, recipient: str, letter: str, language: str, *, facts: Facts | None = None, **values: str | int) -> None:
        self.sent[letter] = recipient, str(values.get("link", "")).rpartition("token=")[2]


class World:
    """Ann, logged in."""

    def __init__(self, database: Database, clock: SettableClock) -> None:
        self.snapshot, self.hasher = sample_snapshot(), Hasher(CHEAPEST)
        self.trail: list[str] = []
        audit = Audit(self.trail.append, clock)
        records = Records(MemorySessionStore(clock), "gw:")
        self.accounts = SqlAccountStore(database)
        self.sessions = Sessions(records, Renewal(records, clock), audit, clock)
        self.passwords, self.letters = Crossed(self.hasher, 1), Letters()
        effects = Effects(self.accounts, self.sessions, Live(self.snapshot), lambda line: None)
        throttle = Throttle(MemoryThrottleStore(clock), "gw:", SqlFailureStore(database))
        proof, tickets = Proof(throttle, self.passwords, audit, clock), Tickets(SqlTokenStore(database), throttle, clock)
        self.change = AddressChange(self.accounts, tickets, self.letters, proof, throttle, effects, audit, Pace(0.0))

    async def login(self) -> Found:
        await self.accounts.add(replace(sample_account(), password_hash=self.hasher.hash(PASSWORD)))
        started = await self.sessions.start(self.snapshot, sample_account(), sample_facts(), remember=False)
        found = await self.sessions.load(self.snapshot, sample_facts("/", started.cookie))
        assert isinstance(found, Found)
        return found

    async def ask(self, found: Found, email: str) -> object:
        return await self.change.ask(self.snapshot, sample_facts(), found, PASSWORD, email, "en")


@pytest.fixture
async def world(tmp_path: Path, clock: SettableClock) -> AsyncIterator[World]:
    database = open_database(f"sqlite:///{tmp_path / 'users.db'}")
    await schema.upgrade(database)
    world = World(database, clock)
    yield world
    world.passwords.close()
    await database.close()


async def test_a_reset_is_not_survived_by_a_change_that_the_old_password_asked_for(world: World) -> None:
    found = await world.login()

    async def reset() -> None:
        await world.accounts.set_password(ANN.user_id, "another")

    world.passwords.meanwhile = reset
    with pytest.raises(Vanished):
        await world.ask(found, "mallory@example.org")
    account = await world.accounts.get(ANN.user_id)
    assert account is not None
    assert account.pending_email is None
    assert world.letters.sent == {}


async def test_a_disabled_account_keeps_its_address(world: World) -> None:
    found = await world.login()
    assert isinstance(await world.ask(found, "new@example.org"), Asked)
    await world.accounts.set_state(ANN.user_id, State.DISABLED)
    assert isinstance(await world.change.confirm(world.snapshot, sample_facts(), world.letters.sent["email_confirm"][1]), Bad)
    account = await world.accounts.get(ANN.user_id)
    assert account is not None
    assert account.identity.email == ANN.email


async def test_the_owner_of_a_taken_address_is_told_where_the_owner_reads_it(world: World) -> None:
    found = await world.login()
    await world.accounts.add(replace(sample_account(), identity=replace(ANN, user_id="7" * 8, email="Bob@example.org")))
    assert isinstance(await world.ask(found, "bOB@example.org"), Asked)
    assert world.letters.sent["email_taken"][0] == "Bob@example.org"


async def test_a_sign_up_that_nobody_confirmed_keeps_nobody_from_the_address(world: World) -> None:
    found = await world.login()
    waits = sample_account("bob", state=State.CREATED)
    await world.accounts.add(replace(waits, signed_up=waits.created))
    assert isinstance(await world.ask(found, "bob@example.com"), Asked)
    assert "email_taken" not in world.letters.sent
    assert isinstance(await world.change.confirm(world.snapshot, sample_facts(), world.letters.sent["email_confirm"][1]), Moved)
    account = await world.accounts.find("bob@example.com")
    assert account is not None
    assert account.identity.user_id == ANN.user_id
    assert json.loads(world.trail[-1])["replaced"] == waits.identity.user_id


async def test_an_account_that_an_administrator_added_keeps_its_address(world: World) -> None:
    found = await world.login()
    await world.accounts.add(sample_account("bob", state=State.CREATED))
    assert isinstance(await world.ask(found, "bob@example.com"), Asked)
    assert world.letters.sent["email_taken"][0] == "bob@example.com"
    assert "email_confirm" not in world.letters.sent
