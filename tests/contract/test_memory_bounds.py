"""What only the memory stores must promise: they do not grow, and what makes room locks nobody out and lets nobody in."""

from __future__ import annotations

from gateway.stores.memory import MemorySessionStore, MemoryThrottleStore
from gateway.stores.memory.shelf import Shelf
from tests.samples import SettableClock


async def strike(store: MemoryThrottleStore, key: str, clock: SettableClock) -> float:
    return await store.strike(key, 5, 900, 86400, clock())


async def test_sessions_that_ended_leave_though_nobody_asks_for_them(clock: SettableClock) -> None:
    store = MemorySessionStore(clock)
    for number in range(1000):
        await store.put(f"gw:s:old{number}", b"\x01" + bytes(8), 100)
        await store.index_add(f"gw:u:old{number}", "aa", clock() + 100, clock())
    clock.forward(1000)
    for number in range(300):
        await store.put(f"gw:s:new{number}", b"\x01" + bytes(8), 100)
        await store.index_add(f"gw:u:new{number}", "aa", clock() + 100, clock())
    assert len(store._records) == 300
    assert len(store._indexes) == 300


def test_one_write_never_pays_for_all(clock: SettableClock) -> None:
    asked = 0

    def counting() -> float:
        nonlocal asked
        asked += 1
        return clock()

    shelf: Shelf[int] = Shelf(counting)
    for number in range(1000):
        shelf.put(str(number), number, clock() + 10)
    clock.forward(20)
    asked = 0
    shelf.put("one more", 1, clock() + 10)
    assert asked < 10
    assert len(shelf) > 990


def test_a_full_shelf_drops_what_was_written_longest_ago(clock: SettableClock) -> None:
    shelf: Shelf[int] = Shelf(clock, most=3)
    for key in ("a", "b", "c", "a", "d"):
        shelf.put(key, 1, clock() + 100)
    assert sorted(shelf.live()) == ["a", "c", "d"]


async def test_a_flood_of_names_and_addresses_grows_nothing(clock: SettableClock) -> None:
    store = MemoryThrottleStore(clock, most=100)
    for number in range(5000):
        await store.take(f"gw:t:a{number}", 20, 60)
        await strike(store, f"gw:t:n{number}", clock)
    assert len(store) <= 300


async def test_a_flood_of_names_does_not_forget_who_is_delayed(clock: SettableClock) -> None:
    store = MemoryThrottleStore(clock, most=100)
    for _ in range(5):
        assert await strike(store, "gw:t:victim", clock) == 0.0
    for number in range(5000):
        for _ in range(4):
            await strike(store, f"gw:t:{number}", clock)
    assert await strike(store, "gw:t:victim", clock) > 30


async def test_a_flood_locks_nobody_out(clock: SettableClock) -> None:
    store = MemoryThrottleStore(clock, most=100)
    for number in range(1000):
        for _ in range(6):
            await strike(store, f"gw:t:n{number}", clock)
        for _ in range(30):
            await store.take(f"gw:t:a{number}", 20, 60)
    assert await strike(store, "gw:t:somebody", clock) == 0.0
    assert await store.take("gw:t:elsewhere", 20, 60) == 0.0


async def test_a_cleared_count_is_gone_from_everywhere(clock: SettableClock) -> None:
    store = MemoryThrottleStore(clock)
    for _ in range(6):
        await strike(store, "gw:t:somebody", clock)
    await store.clear("gw:t:somebody")
    assert len(store) == 0
