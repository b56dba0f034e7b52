from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from gateway.core.password import Argon2Cost
from gateway.crypto.passwords import CHEAPEST, Hasher
from gateway.services.passwords import Busy, Passwords


class HeldHasher(Hasher):
    """Verifies only while the gate is open, and counts."""

    def __init__(self) -> None:
        super().__init__(CHEAPEST)
        self.gate = threading.Event()
        self.begun = 0

    def verify(self, stored: str | None, password: str) -> bool:
        self.begun += 1
        self.gate.wait(20)
        return super().verify(stored, password)


class Sleeps:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))
        self.now += seconds


class TickingHasher(Hasher):
    """Each kind of hash takes its own time on the test's clock."""

    def __init__(self, clock: Sleeps, times: dict[str, float]) -> None:
        super().__init__(CHEAPEST)
        self._clock, self._times = clock, times

    def verify(self, stored: str | None, password: str) -> bool:
        self._clock.now += next((seconds for mark, seconds in self._times.items() if stored and mark in stored), 1.0)
        return super().verify(stored, password)


@pytest.fixture
async def held() -> AsyncIterator[HeldHasher]:
    hasher = HeldHasher()
    yield hasher
    hasher.gate.set()


async def test_whoever_would_wait_too_long_is_turned_away_at_once(held):
    passwords = Passwords(held, threads=2, patience=0.0)
    held.gate.set()
    await passwords.measure([])
    held.gate.clear()
    held.begun = 0
    running = [asyncio.create_task(passwords.check(None, "x")) for _ in range(2)]
    await asyncio.sleep(0)
    for _ in range(50):
        with pytest.raises(Busy):
            await passwords.check(None, "x")
    held.gate.set()
    assert [checked.right for checked in await asyncio.gather(*running)] == [False, False]
    assert held.begun == 2
    assert not (await passwords.check(None, "x")).right  # there is room again
    passwords.close()


async def test_a_job_that_has_not_begun_is_dropped_with_whoever_asked(held):
    passwords = Passwords(held, threads=1)
    first = asyncio.create_task(passwords.check(None, "x"))
    gone = [asyncio.create_task(passwords.check(None, "x")) for _ in range(20)]
    await asyncio.sleep(0)
    for task in gone:
        task.cancel()
    await asyncio.gather(*gone, return_exceptions=True)
    held.gate.set()
    await first
    await passwords.check(None, "x")
    assert held.begun == 2
    passwords.close()


async def test_a_refusal_lasts_as_long_as_the_slowest_kind_of_hash_that_is_stored():
    clock = Sleeps()
    slow = Hasher(Argon2Cost(16, 2, 1)).hash("password")
    passwords = Passwords(TickingHasher(clock, {"m=16,t=2": 5.0}), threads=1, clock=clock, sleep=clock.sleep)
    assert passwords.slowest == 0
    await passwords.measure([slow])
    assert passwords.slowest == pytest.approx(5.5)
    unknown = await passwords.check(None, "x")
    await passwords.wait_out(unknown)
    assert clock.slept == [4.5]
    wrong = await passwords.check(slow, "x")
    await passwords.wait_out(wrong)
    assert clock.slept == [4.5, 0.5]
    clock.now += 60
    await passwords.wait_out(wrong)
    assert clock.slept == [4.5, 0.5]
    passwords.close()


async def test_no_refusal_is_answered_before_it_is_known_how_long_it_must_last():
    clock = Sleeps()
    passwords = Passwords(TickingHasher(clock, {}), threads=1, clock=clock, sleep=clock.sleep)
    refusal = asyncio.create_task(passwords.wait_out(await passwords.check(None, "x")))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not refusal.done()
    await passwords.measure([])
    await refusal
    passwords.close()


async def test_a_kind_that_is_gone_slows_nobody_any_more():
    clock = Sleeps()
    slow = Hasher(Argon2Cost(16, 2, 1)).hash("password")
    passwords = Passwords(TickingHasher(clock, {"m=16,t=2": 5.0}), threads=1, clock=clock, sleep=clock.sleep)
    await passwords.measure([slow, "garbage"])
    await passwords.measure([])
    assert passwords.slowest == pytest.approx(1.1)
    passwords.close()


async def test_a_hash_is_made_and_known_again():
    passwords = Passwords(Hasher(CHEAPEST), threads=1)
    stored = await passwords.hash("correct horse")
    assert (await passwords.check(stored, "correct horse")).right
    assert not passwords.needs_rehash(stored)
    passwords.close()
