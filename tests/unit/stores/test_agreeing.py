from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gateway.stores import StoreAway
from gateway.stores.redis.cluster import Held, slots_of
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
