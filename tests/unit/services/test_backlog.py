"""Nobody is served after an absence of the session store before what was changed meanwhile is applied (DESIGN 1.7, "Applying")."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.core.decide import Nobody
from gateway.core.identity import State
from gateway.services.audit import Audit
from gateway.services.backlog import Backlog
from gateway.services.effects import Effects
from gateway.services.records import Records
from gateway.services.renewal import Renewal
from gateway.services.sessions import Found, Sessions
from gateway.snapshot import Live
from gateway.stores import StoreAway
from gateway.stores.memory.sessions import MemorySessionStore
from gateway.stores.sql.accounts import SqlAccountStore
from gateway.stores.sql.engine import open_database
from gateway.stores.sql.schema import upgrade
from tests.samples import SettableClock, sample_account, sample_facts, sample_snapshot


class World:
    """A serving process whose rounds of each second never come, and an account that is logged in."""

    def __init__(self, accounts: SqlAccountStore, clock: SettableClock) -> None:
        self.accounts = accounts
        self.live = Live(sample_snapshot())
        records = Records(MemorySessionStore(clock), "gw:")
        self.backlog = Backlog()
        self.sessions = Sessions(records, Renewal(records, clock), Audit(lambda line: None, clock), clock, self.backlog)
        self.effects = Effects(accounts, self.sessions, self.live, lambda text: None)
        self.rounds = 0
        self.backlog.worked_off_by(self.apply)

    async def apply(self) -> None:
        self.rounds += 1
        await self.effects.apply_pending()

    async def login(self) -> str:
        account = await self.accounts.find("ann@example.com")
        assert account is not None
        return (await self.sessions.start(self.live.snapshot, account, sample_facts(), remember=False)).cookie

    async def disable(self) -> None:
        account = await self.accounts.find("ann@example.com")
        assert account is not None
        await self.accounts.set_state(account.identity.user_id, State.DISABLED)

    async def visit(self, cookie: str) -> Found | Nobody:
        return await self.sessions.load(self.live.snapshot, sample_facts("/", cookie))


@pytest.fixture
async def world(tmp_path: Path, clock: SettableClock) -> AsyncIterator[World]:
    database = open_database(f"sqlite:///{tmp_path}/users.db")
    await upgrade(database)
    accounts = SqlAccountStore(database)
    await accounts.add(sample_account("ann"))
    yield World(accounts, clock)
    await accounts.close()


async def test_whoever_was_disabled_during_an_absence_is_not_served_after_it(world: World) -> None:
    cookie = await world.login()
    assert isinstance(await world.visit(cookie), Found)
    await world.disable()
    world.backlog.store_was_away()
    assert await world.visit(cookie) is Nobody.ANONYMOUS


async def test_a_page_that_only_looks_waits_as_well(world: World) -> None:
    cookie = await world.login()
    assert isinstance(await world.visit(cookie), Found)
    await world.disable()
    world.backlog.store_was_away()
    assert await world.sessions.peek(world.live.snapshot, sample_facts("/", cookie)) is Nobody.ANONYMOUS


async def test_what_was_left_when_a_process_begins_is_applied_first(world: World) -> None:
    cookie = await world.login()
    await world.disable()
    assert await world.visit(cookie) is Nobody.ANONYMOUS


async def test_many_at_once_share_one_round_and_a_store_that_stays_costs_none(world: World) -> None:
    cookie = await world.login()
    assert all(isinstance(found, Found) for found in await asyncio.gather(*(world.visit(cookie) for _ in range(20))))
    assert world.rounds == 1
    assert isinstance(await world.visit(cookie), Found)
    assert world.rounds == 1
    world.backlog.store_was_away()
    assert isinstance(await world.visit(cookie), Found)
    assert world.rounds == 2


async def test_while_changes_cannot_be_applied_nobody_is_served_or_logged_out(world: World) -> None:
    cookie = await world.login()
    away = True

    async def apply() -> None:
        if away:
            raise StoreAway("the database")

    world.backlog.worked_off_by(apply)
    assert await world.visit(cookie) is Nobody.UNKNOWN
    away = False
    assert isinstance(await world.visit(cookie), Found)


async def test_an_absence_during_a_round_asks_for_another(world: World) -> None:
    rounds = 0

    async def apply() -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            world.backlog.store_was_away()

    world.backlog.worked_off_by(apply)
    await world.backlog.work_off()
    assert rounds == 2
    assert not world.backlog.open


async def test_a_request_that_is_given_up_takes_nobodys_round_along(world: World) -> None:
    go_on = asyncio.Event()

    async def apply() -> None:
        await go_on.wait()

    world.backlog.worked_off_by(apply)
    first, second = (asyncio.ensure_future(world.backlog.work_off()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    go_on.set()
    await second
    assert first.cancelled()
    assert not world.backlog.open
