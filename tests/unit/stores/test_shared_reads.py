"""Reads of the same moment share a round trip, and nobody gets anybody else's answer."""

from __future__ import annotations

import asyncio

import pytest

from gateway.stores import StoreAway
from gateway.stores.redis.reads import SharedReads


class Store:
    """Answers with the key itself; counts round trips, and waits in them until it is told to go on."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.arrivals: asyncio.Queue[None] = asyncio.Queue()
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.away = False

    async def read_many(self, keys: list[str]) -> list[bytes | None]:
        self.asked.append(keys)
        self.arrivals.put_nowait(None)
        await self.go_on.wait()
        if self.away:
            raise StoreAway("redis://127.0.0.1: no answer in time")
        return [None if key == "missing" else key.encode() for key in keys]


async def test_what_is_asked_at_one_moment_is_one_round_trip() -> None:
    store = Store()
    reads = SharedReads(store.read_many)
    answers = await asyncio.gather(reads.read("a"), reads.read("b"), reads.read("missing"), reads.read("a"))
    assert list(answers) == [b"a", b"b", None, b"a"]
    assert store.asked == [["a", "b", "missing"]]


async def test_a_read_never_joins_one_that_has_been_sent() -> None:
    """Theft and expiry are concluded from a read that began after the request arrived."""
    store = Store()
    store.go_on.clear()
    reads = SharedReads(store.read_many)
    first = asyncio.ensure_future(reads.read("a"))
    await store.arrivals.get()
    second = asyncio.ensure_future(reads.read("a"))
    await store.arrivals.get()
    store.go_on.set()
    assert list(await asyncio.gather(first, second)) == [b"a", b"a"]


async def test_what_is_asked_while_a_read_is_under_way_leaves_together_once_that_is_answered() -> None:
    store = Store()
    store.go_on.clear()
    reads = SharedReads(store.read_many, patience=60)
    waiting = [asyncio.ensure_future(reads.read("a"))]
    await store.arrivals.get()
    for key in ("b", "c"):
        waiting.append(asyncio.ensure_future(reads.read(key)))
        await asyncio.sleep(0)
    assert store.asked == [["a"]]
    store.go_on.set()
    assert await asyncio.gather(*waiting) == [b"a", b"b", b"c"]
    assert store.asked == [["a"], ["b", "c"]]


async def test_who_stops_waiting_takes_nobody_elses_answer_along() -> None:
    store = Store()
    store.go_on.clear()
    reads = SharedReads(store.read_many)
    leaving, staying = (asyncio.ensure_future(reads.read("a")) for _ in range(2))
    await store.arrivals.get()
    leaving.cancel()
    store.go_on.set()
    assert await staying == b"a"
    assert leaving.cancelled()


async def test_a_store_that_is_away_is_away_for_all_of_them_and_then_asked_again() -> None:
    store = Store()
    store.away = True
    reads = SharedReads(store.read_many)
    for waiting in [reads.read("a"), reads.read("b")]:
        with pytest.raises(StoreAway, match="no answer in time"):
            await waiting
    assert len(store.asked) == 1
    store.away = False
    assert await reads.read("a") == b"a"


async def test_a_mistake_while_reading_is_seen_by_all_who_wait() -> None:
    """uvloop raises RuntimeError for a connection that is closed under its writer; nobody may wait for an answer that never comes."""

    async def broken(keys: list[str]) -> list[bytes | None]:
        raise RuntimeError("the handler is closed")

    reads = SharedReads(broken)
    async with asyncio.timeout(5):
        for outcome in await asyncio.gather(reads.read("a"), reads.read("a"), reads.read("b"), return_exceptions=True):
            assert isinstance(outcome, RuntimeError)
