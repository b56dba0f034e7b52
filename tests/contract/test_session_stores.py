"""What every session store promises: one suite, run on memory and on a real Redis."""

from __future__ import annotations

import asyncio

import pytest

from gateway.core.session import TTL_SLACK
from gateway.stores.sessions import Conflict, Gone, Swap, Swapped
from tests.contract.stores import World

KEY = "gw:s:" + "ab" * 32
OTHER = "gw:s:" + "cd" * 32
USER = "gw:u:0190c0de-0000-7000-8000-000000000001"


def revision(number: int) -> bytes:
    return number.to_bytes(8, "big")


def record(number: int, inside: bytes = b"\x05k\x00\r\n\xff sealed") -> bytes:
    """A record of revision `number`: format, revision, the rest. Every byte value may occur."""
    return b"\x01" + revision(number) + inside


async def test_what_was_put_is_there_byte_for_byte(world: World) -> None:
    everything = record(7, bytes(range(256)) * 64)
    await world.sessions.put(KEY, everything, 100)
    assert await world.sessions.get(KEY) == everything
    assert await world.sessions.get(OTHER) is None


async def test_many_come_in_the_order_asked_with_gaps(world: World) -> None:
    await world.sessions.put(KEY, record(1), 100)
    await world.sessions.put(OTHER, record(2), 100)
    assert await world.sessions.get_many([OTHER, "gw:s:none", KEY, OTHER]) == [record(2), None, record(1), record(2)]
    assert await world.sessions.get_many([]) == []


async def test_put_replaces_record_and_time_to_live(world: World) -> None:
    await world.sessions.put(KEY, record(1), 10)
    await world.sessions.put(KEY, record(2), 1000)
    await world.forward(500)
    assert await world.sessions.get(KEY) == record(2)


async def test_a_record_leaves_when_its_time_is_over(world: World) -> None:
    await world.sessions.put(KEY, record(1), 100)
    await world.forward(99)
    assert await world.sessions.get(KEY) == record(1)
    await world.forward(1.1)
    assert await world.sessions.get(KEY) is None
    assert await world.sessions.get_many([KEY]) == [None]
    assert await world.sessions.delete(KEY) is False


@pytest.mark.parametrize("ttl", [0.0, -5.0, 0.0001])
async def test_a_record_without_time_left_is_soon_gone_and_no_error(world: World, ttl: float) -> None:
    await world.sessions.put(KEY, record(1), ttl)
    await world.forward(0.01)
    assert await world.sessions.get(KEY) is None


async def test_create_never_replaces_what_is_there(world: World) -> None:
    assert await world.sessions.create(KEY, record(1), 100) is True
    assert await world.sessions.create(KEY, record(2), 10_000) is False
    assert await world.sessions.get(KEY) == record(1)
    await world.forward(101)
    assert await world.sessions.get(KEY) is None, "who comes too late must not lengthen the life either"
    assert await world.sessions.create(KEY, record(3), 100) is True


async def test_of_thirty_that_create_one_does(world: World) -> None:
    mine = [record(1, f"writer {number}".encode()) for number in range(30)]
    made = await asyncio.gather(*(world.sessions.create(KEY, one, 100) for one in mine))
    assert made.count(True) == 1
    assert await world.sessions.get(KEY) == mine[made.index(True)]


async def test_swap_replaces_the_revision_that_was_read(world: World) -> None:
    await world.sessions.put(KEY, record(1), 100)
    assert await world.sessions.swap(KEY, revision(1), record(2, b"new"), 100) == Swapped()
    assert await world.sessions.get(KEY) == record(2, b"new")


async def test_swap_sets_a_new_time_to_live(world: World) -> None:
    await world.sessions.put(KEY, record(1), 100)
    await world.forward(90)
    await world.sessions.swap(KEY, revision(1), record(2), 100)
    await world.forward(90)
    assert await world.sessions.get(KEY) == record(2)
    await world.sessions.swap(KEY, revision(2), record(3), 5)
    await world.forward(6)
    assert await world.sessions.get(KEY) is None


async def test_swap_of_another_revision_changes_nothing_and_tells_what_is_there(world: World) -> None:
    await world.sessions.put(KEY, record(2), 100)
    assert await world.sessions.swap(KEY, revision(1), record(9), 10_000) == Conflict(record(2))
    assert await world.sessions.get(KEY) == record(2)
    await world.forward(101)
    assert await world.sessions.get(KEY) is None, "a lost swap must not lengthen the life either"


async def test_swap_never_creates(world: World) -> None:
    assert await world.sessions.swap(KEY, revision(1), record(2), 100) == Gone()
    assert await world.sessions.get(KEY) is None


async def test_swap_does_not_bring_back_what_was_deleted(world: World) -> None:
    await world.sessions.put(KEY, record(1), 100)
    assert await world.sessions.delete(KEY) is True
    assert await world.sessions.swap(KEY, revision(1), record(2), 100) == Gone()
    assert await world.sessions.get(KEY) is None


async def test_swap_does_not_bring_back_what_has_run_out(world: World) -> None:
    await world.sessions.put(KEY, record(1), 100)
    await world.forward(101)
    assert await world.sessions.swap(KEY, revision(1), record(2), 100) == Gone()


@pytest.mark.parametrize("number", [0, 10, 13, 0x0D0A0D0A, 0x00FF00FF00FF00FF, 2**64 - 1])
async def test_revisions_are_compared_as_bytes(world: World, number: int) -> None:
    await world.sessions.put(KEY, record(number), 100)
    assert await world.sessions.swap(KEY, revision(number ^ 1), record(5), 100) == Conflict(record(number))
    assert await world.sessions.swap(KEY, revision(number), record(5), 100) == Swapped()


async def test_what_is_not_a_record_conflicts_and_is_not_replaced(world: World) -> None:
    await world.sessions.put(KEY, b"\x01", 100)
    assert await world.sessions.swap(KEY, revision(1), record(2), 100) == Conflict(b"\x01")
    await world.sessions.put(KEY, b"", 100)
    assert await world.sessions.swap(KEY, revision(1), record(2), 100) == Conflict(b"")


async def test_of_thirty_parallel_swaps_one_wins_and_the_others_see_it(world: World) -> None:
    await world.sessions.put(KEY, record(1), 100)
    mine = [record(2, f"writer {number}".encode()) for number in range(30)]
    outcomes = await asyncio.gather(*(world.sessions.swap(KEY, revision(1), one, 100) for one in mine))
    winners = [one for one, outcome in zip(mine, outcomes, strict=True) if outcome == Swapped()]
    assert len(winners) == 1
    assert await world.sessions.get(KEY) == winners[0]
    assert [outcome for outcome in outcomes if outcome != Swapped()] == [Conflict(winners[0])] * 29


async def test_many_swaps_are_each_judged_alone_and_answered_in_their_order(world: World) -> None:
    keys = [f"gw:s:{number:064x}" for number in range(250)]
    for number, key in enumerate(keys):
        if number % 3 < 2:
            await world.sessions.put(key, record(number % 3, key.encode()), 100)
    assert await world.sessions.swap_many([Swap(key, revision(0), record(1, b"new"), 1000) for key in keys]) == [
        (Swapped(), Conflict(record(1, key.encode())), Gone())[number % 3] for number, key in enumerate(keys)
    ]
    expected = [(record(1, b"new"), record(1, key.encode()), None)[number % 3] for number, key in enumerate(keys)]
    assert await world.sessions.get_many(keys) == expected
    await world.forward(101)
    assert await world.sessions.get_many(keys) == [one if number % 3 == 0 else None for number, one in enumerate(expected)]
    assert await world.sessions.swap_many([]) == []


async def test_of_two_swaps_of_one_record_in_a_batch_the_first_wins(world: World) -> None:
    await world.sessions.put(KEY, record(1), 100)
    batch = [Swap(KEY, revision(1), record(2, b"first"), 100), Swap(KEY, revision(1), record(2, b"second"), 100)]
    assert await world.sessions.swap_many(batch) == [Swapped(), Conflict(record(2, b"first"))]


async def test_delete_says_whether_there_was_one(world: World) -> None:
    await world.sessions.put(KEY, record(1), 100)
    assert await world.sessions.delete(KEY) is True
    assert await world.sessions.delete(KEY) is False
    assert await world.sessions.get(KEY) is None


async def test_delete_revision_spares_another_revision(world: World) -> None:
    await world.sessions.put(KEY, record(2), 100)
    assert await world.sessions.delete_revision(KEY, revision(1)) is False
    assert await world.sessions.get(KEY) == record(2)
    assert await world.sessions.delete_revision(KEY, revision(2)) is True
    assert await world.sessions.get(KEY) is None
    assert await world.sessions.delete_revision(KEY, revision(2)) is True, "there is none: nothing is left to delete"


async def test_members_come_by_their_end_the_oldest_first(world: World) -> None:
    now = world.clock()
    await world.sessions.index_add(USER, "ccc", now + 300, now)
    await world.sessions.index_add(USER, "aaa", now + 200.25, now)
    await world.sessions.index_add(USER, "bbb", now + 200.5, now)
    assert await world.sessions.index_members(USER, now) == ["aaa", "bbb", "ccc"]
    assert await world.sessions.index_members(USER + "x", now) == []


async def test_a_member_is_there_once_with_its_last_end(world: World) -> None:
    now = world.clock()
    await world.sessions.index_add(USER, "aaa", now + 100, now)
    await world.sessions.index_add(USER, "bbb", now + 200, now)
    await world.sessions.index_add(USER, "aaa", now + 300, now)
    assert await world.sessions.index_members(USER, now) == ["bbb", "aaa"]


async def test_members_that_have_ended_are_not_named(world: World) -> None:
    now = world.clock()
    await world.sessions.index_add(USER, "aaa", now + 100, now)
    await world.sessions.index_add(USER, "bbb", now + 200, now)
    assert await world.sessions.index_members(USER, now + 99.9) == ["aaa", "bbb"]
    assert await world.sessions.index_members(USER, now + 100) == ["bbb"]
    assert await world.sessions.index_members(USER, now + 200) == []


async def test_adding_takes_out_who_has_ended(world: World) -> None:
    now = world.clock()
    await world.sessions.index_add(USER, "aaa", now + 100, now)
    await world.sessions.index_add(USER, "bbb", now + 200, now + 100)
    assert await world.sessions.index_members(USER, now) == ["bbb"]
    await world.sessions.index_add(USER, "ccc", now + 50, now + 100)
    assert await world.sessions.index_members(USER, now) == ["bbb"], "a member that has ended is not entered"


async def test_removing_a_member_twice_is_no_error(world: World) -> None:
    now = world.clock()
    await world.sessions.index_add(USER, "aaa", now + 100, now)
    await world.sessions.index_remove(USER, "zzz")
    await world.sessions.index_remove(USER, "aaa")
    await world.sessions.index_remove(USER, "aaa")
    assert await world.sessions.index_members(USER, now) == []
    await world.sessions.index_add(USER, "bbb", now + 100, now)
    assert await world.sessions.index_members(USER, now) == ["bbb"]


async def test_an_index_lives_as_long_as_its_last_member_and_slack(world: World) -> None:
    now = world.clock()
    await world.sessions.index_add(USER, "long", now + 5000, now)
    await world.sessions.index_add(USER, "short", now + 10, now)  # must not shorten the index's life
    await world.forward(5000 + TTL_SLACK - 1)
    assert await world.sessions.index_members(USER, now) == ["short", "long"], "still kept, asked with an old now"
    await world.forward(2)
    assert await world.sessions.index_members(USER, now) == []


async def test_an_index_that_lost_its_last_member_keeps_no_one_else_from_living(world: World) -> None:
    now = world.clock()
    await world.sessions.index_add(USER, "long", now + 5000, now)
    await world.sessions.index_remove(USER, "long")
    await world.sessions.index_add(USER, "short", now + 10, now)
    await world.forward(9)
    assert await world.sessions.index_members(USER, world.clock()) == ["short"]
    await world.forward(10 + TTL_SLACK)
    assert await world.sessions.index_members(USER, now) == []


async def test_a_clock_that_runs_behind_does_not_shorten_an_index(world: World) -> None:
    now = world.clock()
    await world.sessions.index_add(USER, "aaa", now + 1000, now)
    await world.sessions.index_add(USER, "bbb", now + 500, now + 30)
    await world.forward(1000)
    assert await world.sessions.index_members(USER, now) == ["bbb", "aaa"]


async def test_parallel_entries_are_all_there(world: World) -> None:
    now = world.clock()
    names = [f"{number:064x}" for number in range(100)]
    await asyncio.gather(*(world.sessions.index_add(USER, name, now + 100 + number, now) for number, name in enumerate(names)))
    assert await world.sessions.index_members(USER, now) == names


async def test_scan_names_each_live_record_below_the_prefix_once(world: World) -> None:
    mine = {f"gw:s:{number:064x}" for number in range(1200)}
    for key in mine:
        await world.sessions.put(key, record(1), 1000)
    await world.sessions.put("gw:s:over", record(1), 10)
    await world.sessions.put("gx:s:other", record(1), 1000)
    await world.sessions.put("gws:", record(1), 1000)
    await world.sessions.index_add(USER, "aaa", world.clock() + 1000, world.clock())
    await world.forward(20)
    found = [key async for key in world.sessions.scan("gw:s:")]
    assert sorted(found) == sorted(mine)


@pytest.mark.parametrize("prefix", ["g*:", "g?:", "[gw]:", "g\\:", "g[^a]:", "-:"])
async def test_scan_takes_the_prefix_literally(world: World, prefix: str) -> None:
    await world.sessions.put(f"{prefix}s:1", record(1), 1000)
    for other in ("gw:s:1", "g:s:1", "gx:s:1", "g::s:1"):
        await world.sessions.put(other, record(1), 1000)
    assert [key async for key in world.sessions.scan(prefix)] == [f"{prefix}s:1"]


async def test_records_may_leave_while_they_are_scanned(world: World) -> None:
    for number in range(30):
        await world.sessions.put(f"gw:s:{number}", record(1), 1000)
    async for key in world.sessions.scan("gw:s:"):
        await world.sessions.delete(key)
    assert [key async for key in world.sessions.scan("gw:s:")] == []


async def test_it_answers(world: World) -> None:
    await world.sessions.ping()
