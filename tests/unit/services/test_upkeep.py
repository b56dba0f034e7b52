from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.core.identity import State
from gateway.services.audit import Audit
from gateway.services.tickets import LIFE
from gateway.services.upkeep import KEEP_FAILURES, KEEP_UNCONFIRMED, Upkeep
from gateway.snapshot import Live, ThrottleLimits
from gateway.stores import StoreAway
from gateway.stores.sql import schema
from gateway.stores.sql.accounts import SqlAccountStore
from gateway.stores.sql.engine import LONG, Database, open_database
from gateway.stores.sql.failures import SqlFailureStore
from gateway.stores.sql.tokens import SqlTokenStore
from gateway.stores.tokens import Purpose, Token
from tests.samples import NOW, SettableClock, sample_account, sample_snapshot

LIVE = Live(sample_snapshot(throttle=ThrottleLimits(stop_after=2)))


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path}/users.db", within=LONG)
    await schema.upgrade(opened)
    yield opened
    await opened.close()


async def test_what_is_over_goes_and_what_counts_stays(database, clock):
    tokens, failures = SqlTokenStore(database), SqlFailureStore(database)
    for number, expires in enumerate((NOW, NOW + 1)):
        await tokens.add(Token(str(number), Purpose.RESET, "ann", NOW - 1, expires))
    await failures.count("long ago", 9, NOW - KEEP_FAILURES - 1)
    for _ in range(2):
        await failures.count("stopped", 9, NOW - 100)
    for number in range(5):
        await failures.count(f"flood {number}", 9, NOW - number)
    await Upkeep(SqlAccountStore(database), tokens, failures, LIVE, silent(clock), clock, most=3).tidy()
    assert await tokens.prune(NOW) == 0
    assert await tokens.drop_of("ann") == 1
    assert await failures.prune(NOW + 1, 2, 100) == 4


async def test_accounts_that_nobody_confirmed_go_and_the_trail_says_so(database, clock):
    lines: list[str] = []
    accounts = SqlAccountStore(database)
    upkeep = Upkeep(accounts, SqlTokenStore(database), SqlFailureStore(database), LIVE, Audit(lines.append, clock), clock)
    await accounts.add(replace(sample_account("ann", state=State.CREATED), signed_up=NOW))
    await accounts.add(sample_account("bob", state=State.CREATED))
    clock.forward(KEEP_UNCONFIRMED)
    await upkeep.tidy()
    assert lines == []
    clock.forward(1)
    await upkeep.tidy()
    assert [account.identity.email for account in await accounts.list()] == ["bob@example.com"]
    assert [(json.loads(line)["audit"], json.loads(line)["email"], json.loads(line)["by"]) for line in lines] == [
        ("user:delete", "ann@example.com", "upkeep")
    ]


def test_no_account_goes_while_the_link_of_its_sign_up_is_good():
    assert LIFE[Purpose.VERIFY] + 86_400 < KEEP_UNCONFIRMED


def silent(clock: SettableClock) -> Audit:
    return Audit(lambda line: None, clock)


class Down(SqlTokenStore):
    """Away the first time, and tells when it was asked."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.asked = 0
        self.twice = asyncio.Event()

    async def prune(self, now: float) -> int:
        self.asked += 1
        if self.asked == 1:
            raise StoreAway
        self.twice.set()
        return await super().prune(now)


async def test_it_goes_on_after_a_store_was_away(database, clock):
    tokens = Down(database)
    upkeep = Upkeep(SqlAccountStore(database), tokens, SqlFailureStore(database), LIVE, silent(clock), clock)
    with pytest.raises(StoreAway):
        await upkeep.tidy()
    tokens.asked = 0
    running = asyncio.create_task(upkeep.run(every=0))
    await tokens.twice.wait()
    running.cancel()
    await asyncio.wait((running,))
    assert running.cancelled()
