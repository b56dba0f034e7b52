from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from redis.asyncio import ConnectionPool

from gateway.stores import StoreAway
from gateway.stores.redis.cluster import ClusterClient, Held, slots_of
from gateway.stores.redis.connect import Client, open_redis
from gateway.stores.redis.sentinel import SentinelClient
from gateway.stores.redis.several import Address, agree


def says(word: str) -> Callable[[], Awaitable[str]]:
    async def say() -> str:
        return word

    return say


async def is_away() -> str:
    raise StoreAway("redis://127.0.0.1: no answer in time")


async def never_answers() -> str:
    await asyncio.Event().wait()
    return "too late"


async def test_more_than_half_of_those_asked_are_a_majority():
    assert await agree([says("a"), says("b"), says("a")], "redis") == ("a", True)


async def test_more_than_half_of_those_who_answer_are_none():
    assert await agree([says("a"), is_away, is_away], "redis") == ("a", False)
    assert await agree([says("a"), is_away], "redis") == ("a", False)


async def test_whoever_is_silent_holds_nobody_up():
    assert await agree([never_answers, says("a"), says("a")], "redis") == ("a", True)


async def test_nobody_knows():
    with pytest.raises(StoreAway, match="redis: nobody knows"):
        await agree([is_away, is_away], "redis")


def test_a_map_of_slots_is_primaries_only_in_order_and_a_server_without_a_name_is_where_it_was_asked():
    answer = [
        [8192, 16383, [b"127.0.0.2", 7001, b"id"], [b"127.0.0.9", 7009, b"replica"]],
        [0, 8191, [b"", 7000, b"id", []]],
    ]
    asked = Address("10.0.0.1", 7000)
    assert slots_of(answer, asked) == (Held(0, 8191, asked), Held(8192, 16383, Address("127.0.0.2", 7001)))


OLD, NEW = Address("127.0.0.1", 7001), Address("127.0.0.1", 7002)


class Knowing(Client):
    """Knows which server is the primary of everything; None: does not answer. Answers when it may."""

    def __init__(self) -> None:
        super().__init__(ConnectionPool(), "nowhere", 1.0)
        self.names: Address | None = NEW
        self.asked = asyncio.Event()
        self.times = 0
        self.may = asyncio.Event()
        self.may.set()

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        self.asked.set()
        self.times += 1
        names = self.names
        await self.may.wait()
        if names is None:
            raise StoreAway("nowhere: no answer in time")
        host, port = names
        return [host.encode(), port] if args[0] == "SENTINEL" else [[0, 16383, [host.encode(), port, b"id"]]]


Several = tuple[ClusterClient | SentinelClient, list[Knowing]]


@pytest.fixture(params=["cluster", "sentinel"])
async def several(request: pytest.FixtureRequest) -> AsyncIterator[Several]:
    """A client, and the three whom it asks."""
    asked = [Knowing() for _ in range(3)]
    client: ClusterClient | SentinelClient
    if request.param == "sentinel":
        client = SentinelClient(asked, "main", str, lambda address: open_redis(f"redis://{address}"), "here")
    else:
        seeds = [Address("127.0.0.1", 7000 + number) for number in range(3)]
        client = ClusterClient(seeds, str, dict(zip(seeds, asked, strict=True)).__getitem__, "here")
        client._slots = tuple(Held(16384 + number, 16384 + number, seed) for number, seed in enumerate(seeds))  # all three are asked again
    yield client, asked
    await client.aclose()


async def addresses(client: ClusterClient | SentinelClient) -> list[Address]:
    return [address for address, _ in await client.primaries()]


async def test_what_is_said_of_the_primaries_was_asked_for_after_the_question(several: Several):
    """Copies are good for a lease from the question on, so an answer to an earlier one would make them good for longer."""
    client, asked = several
    for one in asked:
        one.names = OLD
        one.may.clear()
    earlier = asyncio.ensure_future(client.holders())
    await asked[2].asked.wait()
    later = asyncio.ensure_future(addresses(client))
    await asyncio.sleep(0)
    for one in asked:
        one.names = NEW
        one.may.set()
    await earlier
    assert await later == [NEW]


async def test_where_nobody_answers_nobody_is_asked_twice(several: Several):
    """Each question takes a whole deadline, which a request waits for."""
    client, asked = several
    for one in asked:
        one.names = None
    with pytest.raises(StoreAway, match="nobody knows"):
        await client.holders()
    assert [one.times for one in asked] == [1, 1, 1]


async def test_a_map_of_a_minority_that_was_used_is_told_of_though_it_is_over(several: Several):
    """What was read by it came from a server of which nobody tells changes."""
    client, asked = several
    asked[0].names, asked[1].names, asked[2].names = OLD, None, None
    await client.holders()
    for one in asked:
        one.names = NEW
    with pytest.raises(StoreAway, match="disagree"):
        await client.primaries()
    assert await addresses(client) == [NEW]
