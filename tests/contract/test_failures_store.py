"""The contract of counted failures, on a real SQLite file and a real PostgreSQL."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from gateway.stores.sql.failures import SqlFailureStore
from tests.contract.contenders import contend
from tests.samples import NOW


@pytest.fixture
def failures(database) -> SqlFailureStore:
    return SqlFailureStore(database)


async def test_so_many_failures_count_and_then_none(failures):
    assert [await failures.count("ann", 3, NOW) for _ in range(5)] == [True, True, True, False, False]
    assert await failures.count("bob", 3, NOW)
    assert not await failures.count("cleo", 0, NOW)


async def test_a_count_is_kept_however_long_it_takes(failures):
    assert [await failures.count("ann", 3, NOW + number * 1e6) for number in range(4)] == [True, True, True, False]


async def test_a_cleared_count_begins_anew(failures):
    for _ in range(4):
        await failures.count("ann", 3, NOW)
    await failures.clear("ann")
    await failures.clear("nobody")
    assert [await failures.count("ann", 3, NOW) for _ in range(4)] == [True, True, True, False]


async def test_a_raised_limit_lets_count_on(failures):
    for _ in range(4):
        await failures.count("ann", 3, NOW)
    assert [await failures.count("ann", 5, NOW) for _ in range(3)] == [True, True, False]


async def test_parallel_failures_all_count(failures):
    counted = await asyncio.gather(*(failures.count("ann", 20, NOW) for _ in range(40)))
    assert counted.count(True) == 20


async def test_failures_in_several_processes_all_count(failures, database_url):
    got = await contend(database_url, "fail")
    assert len(got) == 20
    assert not await failures.count("key", 20, NOW)


async def test_what_nobody_has_tried_for_long_goes(failures):
    for _ in range(3):
        await failures.count("stopped long ago", 3, NOW)
    await failures.count("long ago", 3, NOW)
    await failures.count("lately", 3, NOW + 10)
    assert await failures.prune(NOW + 5, 3, 100) == 2
    assert [await failures.count("lately", 3, NOW + 10) for _ in range(3)] == [True, True, False]


async def test_a_flood_of_names_grows_nothing_and_frees_nobody_who_is_stopped(failures, database):
    for _ in range(3):
        await failures.count("stopped", 3, NOW)
    for number in range(50):
        await failures.count(f"flood {number}", 3, NOW + 1 + number)
    assert await failures.prune(NOW - 5, 3, 10) == 40
    assert await database.read(lambda connection: connection.scalar(text("SELECT count(*) FROM login_failures"))) == 11
    assert not await failures.count("stopped", 3, NOW)
    assert await failures.prune(NOW - 5, 3, 10) == 0
