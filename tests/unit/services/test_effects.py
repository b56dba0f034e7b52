"""What changes of an account do to its sessions, over SQLite and a memory store (DESIGN 1.7, epochs and effects; GHSA-x883-2vmg-xwf7)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.core.decide import Nobody
from gateway.core.identity import State
from gateway.core.session import Life
from gateway.services.audit import Audit
from gateway.services.effects import Effects
from gateway.services.records import Records
from gateway.services.renewal import Renewal
from gateway.services.sessions import Found, Sessions, Started
from gateway.services.watch import Watch
from gateway.snapshot import Live
from gateway.stores import StoreAway
from gateway.stores.accounts import Account
from gateway.stores.memory.sessions import MemorySessionStore
from gateway.stores.sql.accounts import SqlAccountStore
from gateway.stores.sql.engine import open_database
from gateway.stores.sql.schema import upgrade
from tests.samples import SettableClock, sample_account, sample_facts, sample_ring, sample_snapshot


class Store(MemorySessionStore):
    """Can be away."""

    away = False

    async def index_members(self, user_key: str, now: float) -> list[str]:
        if self.away:
            raise StoreAway("away")
        return await super().index_members(user_key, now)


class World:
    def __init__(self, accounts: SqlAccountStore) -> None:
        self.clock = SettableClock()
        self.accounts = accounts
        self.store = Store(self.clock)
        records = Records(self.store, "gw:")
        self.renewal = Renewal(records, self.clock, gathered=0)
        self.sessions = Sessions(records, self.renewal, Audit(lambda line: None, self.clock), self.clock)
        self.live = Live(replace(sample_snapshot(), life=Life(idle=100_000)))
        self.effects = Effects(accounts, self.sessions, self.live, lambda text: None)

    async def login(self, name: str = "ann") -> Started:
        account = await self.accounts.find(f"{name}@example.com")
        assert account is not None
        return await self.sessions.start(self.live.snapshot, account, sample_facts(), remember=False)

    async def visit(self, cookie: str) -> Found | Nobody:
        return await self.sessions.load(self.live.snapshot, sample_facts("/", cookie))

    async def account(self) -> Account:
        account = await self.accounts.find("ann@example.com")
        assert account is not None
        return account


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    database = open_database(f"sqlite:///{tmp_path}/users.db")
    await upgrade(database)
    accounts = SqlAccountStore(database)
    await accounts.add(sample_account("ann", "readers"))
    await accounts.add(sample_account("bob"))
    yield World(accounts)
    await accounts.close()


async def test_new_groups_reach_the_next_request_and_rotate_the_secret(world: World) -> None:
    cookie = (await world.login()).cookie
    effect = await world.accounts.set_groups((await world.account()).identity.user_id, ("admins",))
    assert effect is not None
    await world.effects.apply(effect)
    found = await world.visit(cookie)
    assert isinstance(found, Found)
    assert found.session.identity.groups == ("admins",)
    assert found.cookie is not None
    assert await world.accounts.effects() == []


@pytest.mark.parametrize("change", ["disable", "password", "end", "delete"])
async def test_what_ends_sessions_ends_all_of_that_user_and_nobody_elses(world: World, change: str) -> None:
    first, second, bob = await world.login(), await world.login(), await world.login("bob")
    user_id = (await world.account()).identity.user_id
    match change:
        case "disable":
            effect = await world.accounts.set_state(user_id, State.DISABLED)
        case "password":
            effect = await world.accounts.set_password(user_id, "$argon2id$x")
        case "end":
            effect = await world.accounts.end_sessions(user_id)
        case _:
            effect = await world.accounts.delete(user_id)
    assert effect is not None
    await world.effects.apply(effect)
    assert await world.visit(first.cookie) is Nobody.ANONYMOUS
    assert await world.visit(second.cookie) is Nobody.ANONYMOUS
    assert isinstance(await world.visit(bob.cookie), Found)
    assert await world.accounts.effects() == []


async def test_a_store_that_was_away_delays_an_effect_and_loses_none(world: World) -> None:
    cookie = (await world.login()).cookie
    effect = await world.accounts.set_state((await world.account()).identity.user_id, State.DISABLED)
    assert effect is not None
    world.store.away = True
    with pytest.raises(StoreAway):
        await world.effects.apply(effect)
    assert len(await world.accounts.effects()) == 1
    world.store.away = False
    assert await world.effects.apply_pending() == 1
    assert await world.visit(cookie) is Nobody.ANONYMOUS
    assert await world.accounts.effects() == []


async def test_a_session_newer_than_the_effect_is_left_alone(world: World) -> None:
    effect = await world.accounts.end_sessions((await world.account()).identity.user_id)
    assert effect is not None
    cookie = (await world.login()).cookie
    await world.effects.apply(effect)
    assert isinstance(await world.visit(cookie), Found)


async def test_an_effect_that_was_replaced_by_a_newer_one_leaves_its_row(world: World) -> None:
    user_id = (await world.account()).identity.user_id
    older = await world.accounts.set_groups(user_id, ("a",))
    newer = await world.accounts.end_sessions(user_id)
    assert older is not None
    assert newer is not None
    await world.effects.apply(older)
    assert [effect.epoch for effect in await world.accounts.effects()] == [newer.epoch]


async def test_the_watch_tells_tunnels_once_and_an_outage_tells_nobody(world: World) -> None:
    watch = Watch(world.sessions, world.live)
    started = await world.login()
    told: list[str] = []
    watch.add(started.member, lambda: told.append("kept"))
    watch.add(started.member, lambda: told.append("removed"))()
    await watch.check()
    assert told == []
    await world.sessions.end(world.live.snapshot, sample_facts("/", started.cookie))
    await watch.check()
    await watch.check()
    assert told == ["kept"]


async def test_a_tunnel_that_a_reload_finds_open_notes_uses_by_what_holds_now(world: World) -> None:
    """By what it was opened with, everybody's records would be sealed with a key that has gone, and live as long as they once should."""
    watch = Watch(world.sessions, world.live)
    started = await world.login()
    watch.add(started.member, lambda: None)
    world.live.snapshot = replace(world.live.snapshot, keys=sample_ring("new", "2026a"))
    world.clock.forward(31)
    watch.use(started.member)
    world.clock.forward(31)
    await world.renewal.flush()
    record = await world.store.get(f"gw:s:{started.member}")
    assert record is not None
    assert record[10:13] == b"new"


async def test_bytes_through_a_tunnel_keep_the_session_alive(world: World) -> None:
    world.live.snapshot = replace(world.live.snapshot, life=Life(idle=1800))
    watch = Watch(world.sessions, world.live)
    started = await world.login()
    told: list[str] = []
    watch.add(started.member, lambda: told.append("ended"))
    world.clock.forward(1700)
    watch.use(started.member)
    world.clock.forward(30)
    await world.renewal.flush(world.clock.now)
    world.clock.forward(1700)
    await watch.check()
    assert told == []
    world.clock.forward(71)
    await watch.check()
    assert told == ["ended"]
