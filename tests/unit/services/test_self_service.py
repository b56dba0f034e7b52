"""Changes of one's own account that others cross: what was done in between must not be undone."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.core.facts import Facts
from gateway.core.profile import Profile
from gateway.crypto.passwords import CHEAPEST, Hasher
from gateway.services.audit import Audit
from gateway.services.effects import Effects
from gateway.services.passwords import Passwords
from gateway.services.proof import Proof
from gateway.services.records import Records
from gateway.services.renewal import Renewal
from gateway.services.self_service import PasswordChanged, SelfService, Vanished
from gateway.services.sessions import Found, Sessions
from gateway.services.throttle import Throttle
from gateway.snapshot import Live, Snapshot
from gateway.stores import StoreAway
from gateway.stores.accounts import Account, SessionEffect
from gateway.stores.memory import MemorySessionStore, MemoryThrottleStore
from gateway.stores.sql import schema
from gateway.stores.sql.accounts import SqlAccountStore
from gateway.stores.sql.engine import Database, open_database
from gateway.stores.sql.failures import SqlFailureStore
from tests.samples import SettableClock, sample_account, sample_facts, sample_snapshot

OLD, NEW, RESET = "a tortoise plays the cello", "nine lives and a broken umbrella", "the moon is made of brass"
ANN = sample_account().identity.user_id


class Crossed(Passwords):
    """Something happens while a new password is being hashed."""

    meanwhile: Callable[[], Awaitable[object]] | None = None

    async def hash(self, password: str) -> str:
        if self.meanwhile is not None:
            await self.meanwhile()
        return await super().hash(password)


class Letters:
    """Nobody reads them here; something may happen while one is being written."""

    meanwhile: Callable[[], Awaitable[object]] | None = None

    async def post(self, snapshot: Snapshot, recipient: str, letter: str, language: str, *, facts: Facts | None = None, **values: str | int) -> None:
        if self.meanwhile is not None:
            await self.meanwhile()


class CrossedAccounts(SqlAccountStore):
    """Something happens before an epoch is told for the last time."""

    meanwhile: Callable[[], Awaitable[object]] | None = None
    left = 0
    #: What happens before a profile is written for the first time.
    first: Callable[[], Awaitable[object]] | None = None

    async def epoch(self, user_id: str) -> int | None:
        self.left -= 1
        if self.left == 0 and self.meanwhile is not None:
            await self.meanwhile()
        return await super().epoch(user_id)

    async def set_profile(self, user_id: str, profile: Profile, name: str, *, instead_of: Profile) -> SessionEffect | None:
        if self.first is not None:
            first, self.first = self.first, None
            await first()
        return await super().set_profile(user_id, profile, name, instead_of=instead_of)


class World:
    """Ann, logged in."""

    def __init__(self, database: Database, clock: SettableClock) -> None:
        self.snapshot, self.hasher = sample_snapshot(), Hasher(CHEAPEST)
        audit = Audit(lambda line: None, clock)
        records = Records(MemorySessionStore(clock), "gw:")
        self.accounts = CrossedAccounts(database)
        self.sessions = Sessions(records, Renewal(records, clock), audit, clock)
        self.passwords, self.letters = Crossed(self.hasher, 1), Letters()
        effects = Effects(self.accounts, self.sessions, Live(self.snapshot), lambda line: None)
        proof = Proof(Throttle(MemoryThrottleStore(clock), "gw:", SqlFailureStore(database)), self.passwords, audit, clock)
        self.service = SelfService(self.accounts, self.sessions, effects, proof, self.passwords, self.letters, audit, clock)

    async def login(self) -> Found:
        await self.accounts.add(replace(sample_account(), password_hash=self.hasher.hash(OLD)))
        started = await self.sessions.start(self.snapshot, sample_account(), sample_facts(), remember=False)
        found = await self.sessions.load(self.snapshot, sample_facts("/", started.cookie))
        assert isinstance(found, Found)
        return found

    async def reset(self) -> None:
        """Somebody sets another password by a mailed link."""
        await self.accounts.set_password(ANN, self.hasher.hash(RESET))

    async def change(self, found: Found) -> object:
        return await self.service.change_password(self.snapshot, sample_facts(), found, OLD, NEW, "en")

    async def password(self) -> str | None:
        account = await self.accounts.get(ANN)
        assert account is not None
        return next((one for one in (OLD, NEW, RESET) if self.hasher.verify(account.password_hash, one)), None)


@pytest.fixture
async def world(tmp_path: Path, clock: SettableClock) -> AsyncIterator[World]:
    database = open_database(f"sqlite:///{tmp_path / 'users.db'}")
    await schema.upgrade(database)
    world = World(database, clock)
    yield world
    world.passwords.close()
    await database.close()


async def test_a_reset_is_not_undone_by_who_knows_the_old_password(world: World) -> None:
    found = await world.login()
    world.passwords.meanwhile = world.reset
    with pytest.raises(Vanished):
        await world.change(found)
    assert await world.password() == RESET


async def test_a_change_after_the_own_one_leaves_no_session(world: World) -> None:
    """The new session is of the epoch that the change made; what ended all of them meanwhile ends it as well."""
    found = await world.login()

    async def end_everywhere() -> None:
        await world.accounts.end_sessions(ANN)

    world.letters.meanwhile = end_everywhere
    outcome = await world.change(found)
    assert isinstance(outcome, PasswordChanged)
    assert await world.password() == NEW
    for _, session in await world.sessions.members(world.snapshot, ANN):
        account = await world.accounts.get(ANN)
        assert account is not None
        assert session.epoch == account.epoch, "only a session that knows of it may live"


async def test_nor_does_one_that_comes_while_the_new_session_begins(world: World) -> None:
    found = await world.login()

    async def end_everywhere() -> None:
        await world.accounts.end_sessions(ANN)

    world.accounts.left, world.accounts.meanwhile = 1, end_everywhere
    assert await world.change(found) == PasswordChanged(None)
    assert await world.sessions.members(world.snapshot, ANN) == []


async def test_who_was_deleted_meanwhile_changes_nothing(world: World) -> None:
    found = await world.login()

    async def delete() -> None:
        await world.accounts.delete(ANN)

    world.passwords.meanwhile = delete
    with pytest.raises(Vanished):
        await world.change(found)
    assert await world.accounts.get(ANN) is None
    for ask in (world.service.account(found), world.service.end_all(sample_facts(), found)):
        with pytest.raises(Vanished):
            await ask


async def test_a_profile_that_stays_the_same_raises_no_epoch(world: World) -> None:
    found = await world.login()
    for names in ({"first_name": "Anna"}, {"first_name": "Anna"}, {}):
        await world.service.set_profile(world.snapshot, sample_facts(), found, dict(names))
    assert await world.accounts.epoch(ANN) == 2


async def test_of_two_changes_at_once_neither_undoes_the_other(world: World) -> None:
    found = await world.login()

    async def meanwhile() -> None:
        await world.service.set_profile(world.snapshot, sample_facts(), found, {"last_name": "Miller", "phone": "+493012345678"})

    world.accounts.first = meanwhile
    account = await world.service.set_profile(world.snapshot, sample_facts(), found, {"first_name": "Anna"})
    assert isinstance(account, Account)
    assert (account.profile, account.identity.name) == (Profile("Anna", "Miller", "+493012345678"), "Anna Miller")


async def test_of_many_changes_at_once_none_is_lost_and_nobody_seems_logged_out(world: World) -> None:
    found = await world.login()
    ask = world.service.set_profile
    outcomes = await asyncio.gather(*(ask(world.snapshot, sample_facts(), found, {"first_name": f"Anna {number}"}) for number in range(10)))
    assert all(isinstance(outcome, Account) for outcome in outcomes)
    assert await world.accounts.epoch(ANN) == 11


async def test_a_profile_that_changes_each_time_is_no_logout(world: World) -> None:
    found, names = await world.login(), itertools.count()

    async def meanwhile() -> None:
        account = await world.accounts.get(ANN)
        assert account is not None
        other = replace(account.profile, last_name=f"Miller {next(names)}")
        await SqlAccountStore.set_profile(world.accounts, ANN, other, "", instead_of=account.profile)
        world.accounts.first = meanwhile

    world.accounts.first = meanwhile
    with pytest.raises(StoreAway):
        await world.service.set_profile(world.snapshot, sample_facts(), found, {"first_name": "Anna"})


async def test_a_field_that_is_left_out_stays_and_an_empty_one_goes(world: World) -> None:
    found = await world.login()
    await world.service.set_profile(world.snapshot, sample_facts(), found, {"phone": "+493012345678", "link": "https://example.com/"})
    await world.service.set_profile(world.snapshot, sample_facts(), found, {"phone": None})
    account = await world.accounts.get(ANN)
    assert account is not None
    assert (account.profile.phone, account.profile.link) == (None, "https://example.com/")
