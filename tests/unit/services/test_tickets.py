from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.services.throttle import Throttle
from gateway.services.tickets import CODES_A_DAY, Purpose, Tickets
from gateway.stores.memory import MemoryThrottleStore
from gateway.stores.sql import schema
from gateway.stores.sql.engine import LONG, open_database
from gateway.stores.sql.failures import SqlFailureStore
from gateway.stores.sql.tokens import SqlTokenStore
from tests.samples import SettableClock, sample_account, sample_snapshot

SNAPSHOT = sample_snapshot()
ANN, BOB = (sample_account(name).identity.user_id for name in ("ann", "bob"))


@pytest.fixture
async def tickets(tmp_path: Path, clock: SettableClock) -> AsyncIterator[Tickets]:
    database = open_database(f"sqlite:///{tmp_path}/users.db", within=LONG)
    await schema.upgrade(database)
    throttle = Throttle(MemoryThrottleStore(clock), "gw:", SqlFailureStore(database))
    yield Tickets(SqlTokenStore(database), throttle, clock)
    await database.close()


async def code_of(tickets: Tickets, purpose: Purpose, user_id: str = ANN) -> str:
    return (await tickets.issue(SNAPSHOT, purpose, user_id, {})).code.replace(" ", "")


async def guess(tickets: Tickets, purpose: Purpose, times: int) -> None:
    """Wrong codes, with a new one whenever the last is void."""
    right = ""
    for number in range(times):
        if number % 5 == 0:
            right = await code_of(tickets, purpose)
        assert await tickets.take_by_code(SNAPSHOT, purpose, ANN, f"{(int(right) + 1) % 10**6:06}") is None


@pytest.mark.parametrize("purpose", [Purpose.RESET, Purpose.VERIFY])
async def test_past_the_days_tries_the_right_code_is_wrong_and_the_link_is_good(tickets, clock, purpose):
    limit, window = CODES_A_DAY
    await guess(tickets, purpose, limit - 1)
    assert await tickets.take_by_code(SNAPSHOT, purpose, ANN, await code_of(tickets, purpose)) is not None
    issued = await tickets.issue(SNAPSHOT, purpose, ANN, {})
    assert await tickets.take_by_code(SNAPSHOT, purpose, ANN, issued.code.replace(" ", "")) is None
    assert await tickets.take(SNAPSHOT, purpose, issued.token) is not None
    clock.forward(window)
    assert await tickets.take_by_code(SNAPSHOT, purpose, ANN, await code_of(tickets, purpose)) is not None


async def test_tries_count_for_one_account_and_one_purpose(tickets):
    await guess(tickets, Purpose.RESET, CODES_A_DAY[0] + 1)
    assert await tickets.take_by_code(SNAPSHOT, Purpose.VERIFY, ANN, await code_of(tickets, Purpose.VERIFY)) is not None
    assert await tickets.take_by_code(SNAPSHOT, Purpose.RESET, BOB, await code_of(tickets, Purpose.RESET, BOB)) is not None
