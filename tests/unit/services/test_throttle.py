from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway.services.throttle import KEEP, Throttle, network_of
from gateway.snapshot import ThrottleLimits
from gateway.stores import StoreAway
from gateway.stores.memory import MemoryThrottleStore
from gateway.stores.sql import schema
from gateway.stores.sql.engine import LONG, Database, open_database
from gateway.stores.sql.failures import SqlFailureStore
from tests.samples import SettableClock

LIMITS = ThrottleLimits()


class RecordingStore(MemoryThrottleStore):
    """Remembers the keys it was asked for."""

    def __init__(self, clock: SettableClock) -> None:
        super().__init__(clock)
        self.keys: list[str] = []

    async def take(self, key, limit, window):
        self.keys.append(key)
        return await super().take(key, limit, window)

    async def strike(self, key, delay_after, max_delay, keep, now):
        self.keys.append(key)
        return await super().strike(key, delay_after, max_delay, keep, now)


@pytest.fixture
def store(clock) -> RecordingStore:
    return RecordingStore(clock)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path}/users.db", within=LONG)
    await schema.upgrade(opened)
    yield opened
    await opened.close()


@pytest.fixture
def failures(database) -> SqlFailureStore:
    return SqlFailureStore(database)


@pytest.fixture
def throttle(store, failures) -> Throttle:
    return Throttle(store, "gw:", failures)


@pytest.mark.parametrize(
    ("client", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:DB8:1:2::9", "2001:db8:1:2::"),
        ("[2001:db8:1:2::9]", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("unix:", "unix:"),
        ("", ""),
    ],
)
def test_a_client_is_an_address_or_a_customers_network(client, network):
    assert network_of(client) == network


async def test_an_address_may_try_twenty_times_a_minute(throttle, clock):
    for number in range(20):
        assert await throttle.attempt(LIMITS, "192.0.2.7", f"user{number}@example.com", clock()) == 0
    assert await throttle.attempt(LIMITS, "192.0.2.7", "late@example.com", clock()) == 60
    assert await throttle.attempt(LIMITS, "192.0.2.8", "late@example.com", clock()) == 0
    clock.forward(60)
    assert await throttle.attempt(LIMITS, "192.0.2.7", "late@example.com", clock()) == 0


async def test_an_account_is_delayed_more_with_every_failure_wherever_they_come_from(throttle, clock):
    waits = []
    for number in range(14):
        assert await throttle.attempt(LIMITS, f"192.0.2.{number}", "ann@example.com", clock()) == 0
        wait = await throttle.attempt(LIMITS, f"198.51.100.{number}", "ANN@example.COM", clock())
        if wait == 0:  # not delayed yet: that was an attempt too
            continue
        waits.append(wait)
        clock.forward(wait)
    assert waits == sorted(waits)
    assert waits[0] <= 64
    assert waits[-1] == LIMITS.max_delay
    await throttle.clear("ann@Example.com")
    for _ in range(4):
        assert await throttle.attempt(LIMITS, "203.0.113.1", "ann@example.com", clock()) == 0


async def test_after_the_last_failure_the_wait_is_still_finite(throttle, clock):
    limits = ThrottleLimits(per_ip=1000, stop_after=3)
    for _ in range(3):
        assert await throttle.attempt(limits, "192.0.2.7", "ann@example.com", clock()) == 0
    assert await throttle.attempt(limits, "192.0.2.7", "ann@example.com", clock()) == limits.max_delay


async def test_the_stop_outlasts_every_delay_and_a_store_that_forgets(throttle, failures, clock):
    limits = ThrottleLimits(per_ip=1000, stop_after=3)
    for _ in range(3):
        await throttle.attempt(limits, "192.0.2.7", "ann@example.com", clock())
    clock.forward(30 * KEEP)
    assert await throttle.attempt(limits, "192.0.2.7", "ann@example.com", clock()) == limits.max_delay
    restarted = Throttle(RecordingStore(clock), "gw:", failures)
    assert await restarted.attempt(limits, "192.0.2.7", "ANN@Example.com", clock()) == limits.max_delay
    assert await restarted.attempt(limits, "192.0.2.7", "bob@example.com", clock()) == 0
    await restarted.clear("ann@example.com")
    clock.forward(KEEP)
    assert await throttle.attempt(limits, "192.0.2.7", "ann@example.com", clock()) == 0


async def test_what_can_be_nobodys_address_is_delayed_and_not_kept(throttle, database, clock):
    limits = ThrottleLimits(per_ip=1000, stop_after=3)
    for _ in range(5):
        assert await throttle.attempt(limits, "192.0.2.7", "pa55word", clock(), lasting=False) == 0
    assert await throttle.attempt(limits, "192.0.2.7", "pa55word", clock(), lasting=False) > 0
    assert await database.read(lambda connection: connection.scalar(text("SELECT count(*) FROM login_failures"))) == 0


async def test_no_attempt_goes_on_while_the_count_cannot_be_kept(store, tmp_path, clock):
    away = open_database(f"sqlite:///{tmp_path}/none.db")
    with pytest.raises(StoreAway):
        await Throttle(store, "gw:", SqlFailureStore(away)).attempt(LIMITS, "192.0.2.7", "ann@example.com", clock())
    await away.close()


async def test_an_address_that_is_turned_away_does_not_hurt_the_account(throttle, clock):
    limits = ThrottleLimits(per_ip=1)
    assert await throttle.attempt(limits, "192.0.2.7", "bob@example.com", clock()) == 0
    for _ in range(50):
        assert await throttle.attempt(limits, "192.0.2.7", "ann@example.com", clock()) > 0
    assert await throttle.attempt(limits, "192.0.2.8", "ann@example.com", clock()) == 0


async def test_keys_tell_nothing_and_stand_below_the_prefix(throttle, store, failures, database, clock):
    await throttle.attempt(LIMITS, "192.0.2.7", "ann@example.com", clock())
    await throttle.attempt(LIMITS, "192.0.2.7", "\ud800", clock())
    assert len(set(store.keys)) == 3
    assert all(key.startswith("gw:t:") and "ann" not in key and "192" not in key for key in store.keys)
    others = RecordingStore(clock)
    await Throttle(others, "other:", failures).attempt(LIMITS, "192.0.2.7", "ann@example.com", clock())
    assert not {key.partition(":t:")[2] for key in others.keys} & {key.partition(":t:")[2] for key in store.keys}
    kept = await database.read(lambda connection: connection.execute(text("SELECT * FROM login_failures")).all())
    assert "ann" not in str(kept)
