"""A cancelled command leaves nothing behind: not its reply for the next user of the connection (CVE-2023-28858, CVE-2023-28859), no lost place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import count

import pytest

from gateway.stores import StoreAway
from gateway.stores.redis import RedisSessionStore, RedisThrottleStore, open_redis
from gateway.stores.redis.connect import MOST_CONNECTIONS, Client
from gateway.stores.sessions import Conflict, Swap
from tests.servers import Redis

KEYS = [f"gw:s:{number}" for number in range(50)]


@pytest.fixture
async def client(own_redis: Redis) -> AsyncIterator[Client]:
    client = open_redis(own_redis.url, timeout=5)
    yield client
    await client.aclose()


def record(key: str) -> bytes:
    """A record that says whose it is, long enough to arrive in several pieces."""
    return b"\x01" + (1).to_bytes(8, "big") + key.encode() + b"." * 30_000


async def test_each_reply_belongs_to_its_key_however_many_are_cancelled(client: Client) -> None:
    """Thousands of commands, every second one cancelled: at once, after a few turns of the loop, or when its reply is on its way. There are more of
    them than connections, so somebody waits to take over each connection before a late reply can be noticed on it."""
    store = RedisSessionStore(client)
    for key in KEYS:
        await store.put(key, record(key), 600)
    turns = count()

    async def ask(key: str) -> None:
        match next(turns) % 4:
            case 0:
                assert await store.get(key) == record(key)
            case 1:
                assert await store.get_many([key, "gw:s:none"]) == [record(key), None]
            case 2:
                assert await store.swap_many([Swap(one, b"\xff" * 8, b"x", 600) for one in (key, KEYS[0])]) == [
                    Conflict(record(one)) for one in (key, KEYS[0])
                ]
            case _:
                assert await store.swap(key, b"\xff" * 8, b"x", 600) == Conflict(record(key))

    for wave in range(20):
        tasks = [asyncio.create_task(ask(key)) for key in KEYS * 5]
        doomed = tasks[wave % 2 :: 2]
        for number, task in enumerate(doomed):
            if number % 20 == wave:
                await asyncio.sleep(0)
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(outcome is None or isinstance(outcome, asyncio.CancelledError) for outcome in outcomes), outcomes
    assert await asyncio.gather(*(store.get(key) for key in KEYS)) == [record(key) for key in KEYS]
    assert_nothing_is_lost(client)


async def test_a_deadline_is_a_cancellation_too(own_redis: Redis, client: Client) -> None:
    """Commands that ran out of time against a hanging server; when it goes on, their late replies are nobody's."""
    hasty = open_redis(own_redis.url, timeout=0.15)
    store = RedisSessionStore(hasty)
    for key in KEYS:
        await RedisSessionStore(client).put(key, key.encode(), 600)
    for _ in range(3):
        await asyncio.gather(*(store.get(key) for key in KEYS), return_exceptions=True)
        own_redis.pause()
        outcomes = await asyncio.gather(*(store.get(key) for key in KEYS), return_exceptions=True)
        assert all(isinstance(outcome, StoreAway) for outcome in outcomes)
        own_redis.resume()
        await client.execute_command("PING")
        late = await asyncio.gather(*(store.get(key) for key in KEYS), return_exceptions=True)
        assert all(isinstance(reply, StoreAway) or reply == key.encode() for key, reply in zip(KEYS, late, strict=True))
    assert_nothing_is_lost(hasty)
    await hasty.aclose()


async def test_cancelled_while_waiting_for_a_place(own_redis: Redis, client: Client) -> None:
    """Whoever gives up in the queue takes no place with it, and wakes nobody in vain."""
    throttle = RedisThrottleStore(client)
    await throttle.clear("gw:t:1")
    own_redis.pause()
    tasks = [asyncio.create_task(throttle.take("gw:t:1", 1, 60)) for _ in range(MOST_CONNECTIONS * 3)]
    for _ in range(20):
        await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    own_redis.resume()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(outcome, float) for outcome in outcomes) == len(tasks) // 2
    assert outcomes.count(0.0) <= 1
    assert_nothing_is_lost(client)


def assert_nothing_is_lost(client: Client) -> None:
    pool = client.connection_pool
    assert not pool._in_use_connections
    assert len(pool._available_connections) <= MOST_CONNECTIONS
    assert client._turns._value == MOST_CONNECTIONS
