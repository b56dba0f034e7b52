"""The audit trail on its way into SQL: nobody waits for it, and nothing that was taken is missing at the end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.services.audit import LINES_ONLY, Audit, Event
from gateway.services.trail import MOST_WAITING, Trail
from gateway.stores import StoreAway
from gateway.stores.sql import schema
from gateway.stores.sql.engine import LONG, Database, open_database
from gateway.stores.sql.trail import SqlTrailStore
from gateway.stores.trail import Entry
from tests.samples import SettableClock

DAY = 86_400.0


class Switched(SqlTrailStore):
    """Can be away, or hang in the middle of a write, and tells when something was done."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.away = False
        self.spoilt = False
        self.asked = asyncio.Event()
        self.done = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.answer = asyncio.Event()
        self.answer.set()
        self.pruned = asyncio.Event()

    async def add(self, entries: Sequence[Entry]) -> None:
        self.asked.set()
        await self.go_on.wait()
        if self.away:
            raise StoreAway("away")
        if self.spoilt:
            raise UnicodeEncodeError("utf-8", "\udc80", 0, 1, "surrogates not allowed")
        await super().add(entries)
        self.done.set()
        await self.answer.wait()

    async def prune(self, before: float) -> int:
        count = await super().prune(before)
        self.pruned.set()
        return count


class World:
    def __init__(self, store: Switched, clock: SettableClock) -> None:
        self.store = store
        self.clock = clock
        self.lines: list[str] = []
        self.lost = 0
        self.trail = Trail(store, lambda: 30 * DAY, clock, self.lose)
        self.audit = Audit(self.lines.append, clock, keep=self.trail.keep)

    def lose(self) -> None:
        self.lost += 1

    async def kept(self) -> list[tuple[str, str]]:
        return [(entry.event, entry.outcome) for entry in await self.store.find(limit=100_000)]


@pytest.fixture
async def world(tmp_path: Path, clock: SettableClock) -> AsyncIterator[World]:
    database = open_database(f"sqlite:///{tmp_path}/users.db", within=LONG)
    await schema.upgrade(database)
    yield World(Switched(database), clock)
    await database.close()


@asynccontextmanager
async def running(trail: Trail, again: float = 0.0) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(trail.run(again))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_is_recorded_is_a_line_at_once_and_a_row_soon(world):
    async with running(world.trail):
        world.audit.record(
            Event.LOGIN_SUCCESS, user="u1", email="ann@example.com", address="192.0.2.7", session="ab" * 32, by="page", tries=3, more=None
        )
        assert len(world.lines) == 1
        await world.store.done.wait()
    [entry] = await world.store.find()
    assert entry == Entry(
        entry.id,
        world.clock(),
        "login:success",
        "success",
        "u1",
        "ann@example.com",
        "192.0.2.7",
        "ab" * 8,
        entry.details,
    )
    assert json.loads(entry.details) == {"by": "page", "tries": 3}


async def test_what_a_flood_could_fill_a_disk_with_is_a_line_only(world):
    for event in Event:
        world.audit.record(event)
    await world.trail.flush()
    assert len(world.lines) == len(Event)
    assert {event for event, _ in await world.kept()} == set(Event) - LINES_ONLY
    assert {Event.LOGIN_THROTTLED, Event.SESSION_ROTATE} == LINES_ONLY


async def test_a_database_that_is_away_is_waited_for(world):
    world.store.away = True
    async with running(world.trail):
        world.audit.record(Event.SERVER_START)
        await world.store.asked.wait()
        world.audit.record(Event.USER_ADD)
        world.store.away = False
        await world.store.done.wait()
    await world.trail.flush()
    assert await world.kept() == [("server:start", "success"), ("user:add", "success")]
    assert world.lost == 0


async def test_what_is_too_much_is_counted_and_the_first_stay(world):
    for number in range(MOST_WAITING + 3):
        world.audit.record(Event.LOGIN_FAILURE, outcome=str(number))
    assert world.lost == 3
    await world.trail.flush()
    assert [outcome for _, outcome in await world.kept()] == [str(number) for number in range(MOST_WAITING)]


async def test_the_end_writes_what_waits_also_what_was_under_way(world):
    world.store.go_on.clear()
    async with running(world.trail) as task:
        world.audit.record(Event.SERVER_START)
        await world.store.asked.wait()
        task.cancel()  # as a process does with what runs in the background
        await asyncio.gather(task, return_exceptions=True)
    world.audit.record(Event.SERVER_STOP)
    world.store.go_on.set()
    await world.trail.flush()
    assert await world.kept() == [("server:start", "success"), ("server:stop", "success")]


async def test_what_was_written_as_the_end_came_is_not_written_again(world):
    world.store.answer.clear()
    async with running(world.trail) as task:
        world.audit.record(Event.SERVER_START)
        await world.store.done.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    world.store.answer.set()
    await world.trail.flush()
    assert await world.kept() == [("server:start", "success")]


async def test_the_end_does_not_wait_for_a_database_that_is_away(world):
    world.store.away = True
    world.audit.record(Event.SERVER_START)
    world.audit.record(Event.SERVER_STOP)
    with pytest.raises(StoreAway):
        await world.trail.flush()
    assert world.lost == 2
    await world.trail.flush()


async def test_what_cannot_be_stored_stands_in_nobodys_way(world):
    world.store.spoilt = True
    world.audit.record(Event.SERVER_START)
    with pytest.raises(UnicodeEncodeError):
        await world.trail.flush()
    assert world.lost == 1
    world.store.spoilt = False
    world.audit.record(Event.SERVER_STOP)
    await world.trail.flush()
    assert await world.kept() == [("server:stop", "success")]


async def test_what_is_too_old_goes(world):
    world.audit.record(Event.SERVER_START)
    world.clock.forward(DAY)
    world.audit.record(Event.USER_ADD)
    await world.trail.flush()
    world.clock.forward(29 * DAY + 1)
    async with running(world.trail):
        await world.store.pruned.wait()
    assert await world.kept() == [("user:add", "success")]
