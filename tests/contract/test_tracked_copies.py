"""Copies kept true by a real Redis: seen changes, lost connections, silent paths (DESIGN 1.7; `session.cache: tracked`).

Two processes here are two sets of services on one Redis, each with its own tracking connection.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from statistics import median

import pytest

from gateway.core.decide import Nobody
from gateway.core.session import Life
from gateway.services.audit import Audit
from gateway.services.copies import Copies
from gateway.services.records import Record, Records
from gateway.services.renewal import Renewal
from gateway.services.sessions import Found, Sessions
from gateway.stores.redis.connect import open_redis, tracking_connections
from gateway.stores.redis.sessions import RedisSessionStore
from gateway.stores.redis.tracking import Tracking
from tests.samples import SettableClock, sample_account, sample_facts, sample_ring, sample_snapshot
from tests.servers import Redis

LEASE = 0.5


class CountingStore(RedisSessionStore):
    """Counts reads."""

    reads = 0

    async def get(self, key: str) -> bytes | None:
        self.reads += 1
        return await super().get(key)


class Process:
    """One gateway process, as far as sessions go."""

    def __init__(self, url: str, clock: SettableClock) -> None:
        self.store = CountingStore(open_redis(url))
        self.copies: Copies[Record] = Copies("gw:s:")
        self.tracking = Tracking(tracking_connections(url), "gw:s:", LEASE, self.copies.changed, time.monotonic)
        self.copies.source = self.tracking
        records = Records(self.store, "gw:", self.copies)
        self.renewal = Renewal(records, clock, gathered=0)
        self.sessions = Sessions(records, self.renewal, Audit(lambda line: None, clock), clock)
        self.snapshot = replace(sample_snapshot(), life=Life(idle=100_000, rotate_every=3600))
        self.running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Process:
        self.running = asyncio.ensure_future(self.tracking.run())
        await until(lambda: self.tracking.good)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self.running is not None
        self.running.cancel()
        with suppress(asyncio.CancelledError):
            await self.running
        await self.store.close()

    async def login(self) -> str:
        return (await self.sessions.start(self.snapshot, sample_account(), sample_facts(), remember=False)).cookie

    async def visit(self, cookie: str) -> Found | Nobody:
        return await self.sessions.load(self.snapshot, sample_facts("/", cookie))

    async def warm(self, cookie: str) -> None:
        """Visit until a copy serves: the pushes of what was just written have to pass first."""

        async def served() -> bool:
            before = self.store.reads
            assert isinstance(await self.visit(cookie), Found)
            return self.store.reads == before

        await until(served)


async def until(condition: Callable[[], bool | Awaitable[bool]], seconds: float = 5.0) -> None:
    """Wait for another process's doing."""
    async with asyncio.timeout(seconds):
        while True:
            held = condition()
            if held if isinstance(held, bool) else await held:
                return
            await asyncio.sleep(0.005)


@pytest.fixture
async def start(clock: SettableClock) -> AsyncIterator[Callable[[str], Awaitable[Process]]]:
    async with AsyncExitStack() as stack:
        yield lambda url: stack.enter_async_context(Process(url, clock))


Start = Callable[[str], Awaitable[Process]]


async def test_a_session_in_use_costs_no_read(start: Start, redis_url: str) -> None:
    process = await start(redis_url)
    cookie = await process.login()
    await process.warm(cookie)
    before = process.store.reads
    for _ in range(1000):
        assert isinstance(await process.visit(cookie), Found)
    assert process.store.reads == before


async def test_a_logout_elsewhere_is_felt_within_50_ms(start: Start, redis_url: str) -> None:
    here, there = await start(redis_url), await start(redis_url)
    delays = []
    for _ in range(21):
        cookie = await here.login()
        await here.warm(cookie)
        await there.sessions.end(there.snapshot, sample_facts("/", cookie))
        ended = time.monotonic()

        async def gone(cookie: str = cookie) -> bool:
            return await here.visit(cookie) is Nobody.ANONYMOUS

        await until(gone)
        delays.append(time.monotonic() - ended)
    assert median(delays) < 0.05


async def test_ones_own_logout_is_felt_at_once(start: Start, redis_url: str) -> None:
    process = await start(redis_url)
    cookie = await process.login()
    await process.warm(cookie)
    await process.sessions.end(process.snapshot, sample_facts("/", cookie))
    assert await process.visit(cookie) is Nobody.ANONYMOUS


async def test_rotation_and_theft_are_concluded_from_the_store(start: Start, redis_url: str, clock: SettableClock) -> None:
    here, there = await start(redis_url), await start(redis_url)
    first = await here.login()
    await here.warm(first)
    await there.warm(first)
    clock.forward(3600)
    found = await there.visit(first)
    assert isinstance(found, Found)
    assert found.cookie is not None
    loser = await here.visit(first)
    assert isinstance(loser, Found)
    assert loser.cookie in (found.cookie, None), "a copy may be a moment old, and then says that nothing is due yet or reads again"
    await here.warm(found.cookie)
    clock.forward(61)
    assert await here.visit(first) is Nobody.ANONYMOUS
    assert await there.visit(found.cookie) is Nobody.ANONYMOUS


async def test_a_killed_tracking_connection_serves_no_copy(start: Start, redis_url: str) -> None:
    process = await start(redis_url)
    cookie = await process.login()
    await process.warm(cookie)
    client = open_redis(redis_url)
    await client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    await client.aclose()
    await until(lambda: not process.tracking.good)
    assert process.copies.get("anything") is None
    await until(lambda: process.tracking.good)
    await process.warm(cookie)


async def test_a_path_that_dies_in_silence_is_noticed_within_the_lease(start: Start, own_redis: Redis) -> None:
    process = await start(own_redis.url)
    cookie = await process.login()
    await process.warm(cookie)
    own_redis.pause()
    silent = time.monotonic()
    await until(lambda: not process.tracking.good)
    assert time.monotonic() - silent <= LEASE + 0.3
    assert await process.visit(cookie) is Nobody.UNKNOWN, "an outage is not a logout, and no copy serves"
    own_redis.resume()
    await until(lambda: process.tracking.good)
    await process.warm(cookie)


async def test_flushall_drops_everything(start: Start, redis_url: str) -> None:
    process = await start(redis_url)
    cookie = await process.login()
    await process.warm(cookie)
    client = open_redis(redis_url)
    await client.execute_command("FLUSHDB")
    await client.aclose()

    async def gone() -> bool:
        return await process.visit(cookie) is Nobody.ANONYMOUS

    await until(gone)


async def test_a_key_that_is_gone_takes_its_copies_along(start: Start, redis_url: str) -> None:
    process = await start(redis_url)
    process.snapshot = replace(process.snapshot, keys=sample_ring("old", "2026a"))
    cookie = await process.login()
    await process.warm(cookie)
    process.snapshot = replace(process.snapshot, keys=sample_ring("2026a"))
    assert await process.visit(cookie) is Nobody.ANONYMOUS


def test_a_change_between_reading_and_keeping_is_not_lost() -> None:
    copies: Copies[str] = Copies("gw:s:")

    class Good:
        good = True

    copies.source = Good()
    mark = copies.begin("a")
    copies.changed(["gw:s:a"])
    copies.finish(mark, "stale")
    assert copies.get("a") is None
    mark = copies.begin("a")
    copies.changed(None)
    copies.finish(mark, "stale")
    assert copies.get("a") is None
    mark = copies.begin("a")
    copies.changed(["gw:s:b"])
    copies.finish(mark, "kept")
    assert copies.get("a") == "kept"


def test_copies_are_bounded_and_the_one_used_longest_ago_makes_room() -> None:
    copies: Copies[str] = Copies("gw:s:", most=2)

    class Good:
        good = True

    copies.source = Good()
    for member in ("a", "b"):
        copies.finish(copies.begin(member), member)
    assert copies.get("a") == "a"
    copies.finish(copies.begin("c"), "c")
    assert [copies.get(member) for member in ("a", "b", "c")] == ["a", None, "c"]
