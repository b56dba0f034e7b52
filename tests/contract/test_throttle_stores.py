"""What every throttle store promises: one suite, run on memory and on a real Redis."""

from __future__ import annotations

import asyncio

import pytest

from tests.contract.stores import World

ADDRESS = "gw:t:address"
ACCOUNT = "gw:t:account"


class Account:
    """Strikes with the limits of DESIGN: a delay from the 5th failure, 15 minutes at most."""

    def __init__(self, world: World, key: str = ACCOUNT) -> None:
        self.world = world
        self.key = key

    async def strike(self) -> float:
        return await self.world.throttle.strike(self.key, 5, 900.0, 86400.0, self.world.clock())

    async def fail(self, times: int) -> None:
        """So many counted failures, each as soon as it may be."""
        for _ in range(times):
            left = await self.strike()
            if left:
                await self.world.forward(left)
                assert await self.strike() == 0.0


async def test_an_address_may_try_up_to_its_limit(world: World) -> None:
    assert [await world.throttle.take(ADDRESS, 3, 60) for _ in range(3)] == [0.0] * 3
    assert await world.throttle.take(ADDRESS, 3, 60) == pytest.approx(60, abs=2)
    assert await world.throttle.take("gw:t:neighbour", 3, 60) == 0.0


async def test_the_wait_counts_down_to_the_end_of_the_window(world: World) -> None:
    for _ in range(3):
        await world.throttle.take(ADDRESS, 3, 60)
    await world.forward(45)
    assert await world.throttle.take(ADDRESS, 3, 60) == pytest.approx(15, abs=2)
    await world.forward(15.1)
    assert await world.throttle.take(ADDRESS, 3, 60) == 0.0


async def test_refused_attempts_do_not_lengthen_the_window(world: World) -> None:
    for _ in range(50):
        await world.throttle.take(ADDRESS, 3, 60)
    await world.forward(60.1)
    assert [await world.throttle.take(ADDRESS, 3, 60) for _ in range(3)] == [0.0] * 3


async def test_of_many_parallel_attempts_only_the_limit_passes(world: World) -> None:
    waits = await asyncio.gather(*(world.throttle.take(ADDRESS, 20, 60) for _ in range(100)))
    assert waits.count(0.0) == 20


async def test_a_limit_of_nothing_lets_nobody_pass(world: World) -> None:
    assert await world.throttle.take(ADDRESS, 0, 60) > 0


async def test_the_first_four_failures_delay_nothing(world: World) -> None:
    account = Account(world)
    assert [await account.strike() for _ in range(5)] == [0.0] * 5
    assert await account.strike() == pytest.approx(32, abs=0.01)


async def test_delays_double_up_to_the_longest(world: World) -> None:
    account = Account(world)
    await account.fail(5)
    delays = []
    for _ in range(8):
        left = await account.strike()
        delays.append(left)
        await world.forward(left)
        assert await account.strike() == 0.0
    assert delays == pytest.approx([32, 64, 128, 256, 512, 900, 900, 900], abs=0.01)


async def test_an_attempt_during_a_delay_is_not_counted(world: World) -> None:
    account = Account(world)
    await account.fail(5)
    for _ in range(20):
        assert await account.strike() > 0
    await world.forward(32)
    assert await account.strike() == 0.0
    assert await account.strike() == pytest.approx(64, abs=0.01)


async def test_the_delay_counts_down(world: World) -> None:
    account = Account(world)
    await account.fail(5)
    await world.forward(30)
    assert await account.strike() == pytest.approx(2, abs=0.01)


async def test_after_a_hundred_in_a_row_the_delay_is_the_longest(world: World) -> None:
    account = Account(world)
    await account.fail(100)
    assert await account.strike() == pytest.approx(900, abs=0.01)


async def test_success_forgets_the_failures(world: World) -> None:
    account = Account(world)
    await account.fail(100)
    await world.throttle.clear(ACCOUNT)
    assert [await account.strike() for _ in range(5)] == [0.0] * 5
    await world.throttle.clear("gw:t:nobody")


async def test_accounts_do_not_share_a_count(world: World) -> None:
    await Account(world).fail(7)
    assert await Account(world, "gw:t:neighbour").strike() == 0.0


async def test_the_count_is_kept_from_the_last_failure_on(world: World) -> None:
    account = Account(world)
    await account.fail(4)
    await world.forward(86000)
    await account.fail(1)
    await world.forward(86000)
    assert await account.strike() == 0.0
    assert await account.strike() == pytest.approx(64, abs=0.01)
    await world.forward(86401)
    assert [await account.strike() for _ in range(5)] == [0.0] * 5


async def test_parallel_guesses_cannot_overtake_the_delay(world: World) -> None:
    account = Account(world)
    waits = await asyncio.gather(*(account.strike() for _ in range(50)))
    assert waits.count(0.0) == 5


async def test_a_clock_set_back_delays_no_longer_than_the_longest(world: World) -> None:
    account = Account(world)
    await account.fail(5)
    world.clock.forward(-7200)
    assert await account.strike() <= 900
