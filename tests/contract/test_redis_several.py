"""Sessions in a cluster and behind sentinels: every method works, a fail-over is followed, and no copy outlives the master that kept it true."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress

import pytest
from redis.crc import key_slot

from gateway.services.copies import Copies
from gateway.stores import StoreAway
from gateway.stores.redis import RedisSessionStore, RedisThrottleStore, check_servers
from gateway.stores.redis.cluster import ClusterClient
from gateway.stores.redis.opening import open_several, track
from gateway.stores.redis.primaries import PrimariesTracking
from gateway.stores.redis.sentinel import SentinelClient
from gateway.stores.sessions import Conflict, Gone, Swap, Swapped
from tests.redises import Cluster, Watched, say

PREFIX = "gw:s:"
LEASE = 0.5


def record(revision: int, inside: bytes = b"sealed") -> bytes:
    return b"\x01" + revision.to_bytes(8, "big") + inside


FIRST, SECOND = record(1), record(2)
REVISION = FIRST[1:9]


async def until(condition: Callable[[], bool | Awaitable[bool]], seconds: float = 20.0) -> None:
    """Wait for other processes' doing."""
    async with asyncio.timeout(seconds):
        while True:
            held = condition()
            if held if isinstance(held, bool) else await held:
                return
            await asyncio.sleep(0.01)


class World:
    """The stores, and copies of what is below the prefix."""

    def __init__(self, client: ClusterClient | SentinelClient, url: str) -> None:
        self.client = client
        self.sessions = RedisSessionStore(client)
        self.throttle = RedisThrottleStore(client)
        self.copies: Copies[bytes] = Copies(PREFIX)
        tracking = track(client, url, None, PREFIX, LEASE, self.copies.changed, time.monotonic)
        assert isinstance(tracking, PrimariesTracking)
        self.tracking = self.copies.source = tracking

    async def read(self, member: str) -> bytes | None:
        """From the copy, or the store."""
        copy = self.copies.get(member)
        if copy is not None:
            return copy
        mark = self.copies.begin(member)
        found = await self.sessions.get(PREFIX + member)
        self.copies.finish(mark, found, 100)
        return found

    async def warm(self, member: str) -> None:
        """Until a copy serves."""

        async def served() -> bool:
            await self.read(member)
            return self.copies.get(member) is not None

        await until(served)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[World]:
    world = World(open_several(url), url)
    running = asyncio.ensure_future(world.tracking.run())
    try:
        await until(lambda: world.tracking.good)
        yield world
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await world.sessions.close()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """For tests that leave it as it was."""
    with Cluster() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    """For tests that leave it as it was."""
    with Watched() as watched:
        yield watched


@pytest.fixture(params=["cluster", "sentinel"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    servers = request.getfixturevalue("cluster" if request.param == "cluster" else "watched")
    async with opened(servers.url) as world:
        yield world


MEMBERS = [f"{number:064x}" for number in range(60)]


async def test_the_stores_work(world: World) -> None:
    store, throttle = world.sessions, world.throttle
    for member in MEMBERS:
        await store.put(PREFIX + member, FIRST, 60)
    assert await asyncio.gather(*(store.get(PREFIX + member) for member in [*MEMBERS, "missing"])) == [FIRST] * 60 + [None]
    assert await store.get_many([PREFIX + member for member in MEMBERS]) == [FIRST] * 60
    assert await store.swap(PREFIX + MEMBERS[0], REVISION, SECOND, 60) == Swapped()
    assert await store.swap(PREFIX + MEMBERS[0], REVISION, SECOND, 60) == Conflict(SECOND)
    swaps = [Swap(PREFIX + member, REVISION, SECOND, 60) for member in [*MEMBERS, "missing"]]
    assert await store.swap_many(swaps) == [Conflict(SECOND)] + [Swapped()] * 59 + [Gone()]
    assert sorted([key async for key in store.scan(PREFIX) if "canary" not in key]) == sorted(PREFIX + member for member in MEMBERS)
    assert not await store.delete_revision(PREFIX + MEMBERS[1], REVISION)
    for member in MEMBERS:
        assert await store.delete(PREFIX + member)
    assert [await store.create(PREFIX + member, FIRST, 60) for member in [*MEMBERS, *MEMBERS]] == [True] * 60 + [False] * 60
    for member in MEMBERS:
        assert await store.delete(PREFIX + member)
    await store.index_add("gw:u:ann", "aa", 100.0, 1.0)
    assert await store.index_members("gw:u:ann", 1.0) == ["aa"]
    await store.index_remove("gw:u:ann", "aa")
    assert await throttle.take("gw:t:1", 1, 60) == 0.0
    assert await throttle.take("gw:t:1", 1, 60) > 0
    assert await throttle.strike("gw:t:2", 5, 900, 3600, 1.0) == 0.0
    await throttle.clear("gw:t:1")
    await store.ping()
    assert any("appendonly" in warning for warning in await check_servers(world.client))


async def test_scripts_are_sent_again_where_they_were_forgotten(world: World) -> None:
    for member in MEMBERS[:10]:
        await world.sessions.put(PREFIX + member, FIRST, 60)
    for server in await world.client.holders():
        await server.execute_command("SCRIPT FLUSH")
    assert await world.sessions.swap(PREFIX + MEMBERS[0], REVISION, SECOND, 60) == Swapped()
    for server in await world.client.holders():
        await server.execute_command("SCRIPT FLUSH")
    swaps = [Swap(PREFIX + member, REVISION, SECOND, 60) for member in MEMBERS[1:10]]
    assert await world.sessions.swap_many(swaps) == [Swapped()] * 9


async def test_a_change_on_any_server_drops_its_copy(world: World) -> None:
    for member in MEMBERS:
        await world.sessions.put(PREFIX + member, FIRST, 60)
        await world.warm(member)
    for member in MEMBERS:
        assert await world.sessions.delete(PREFIX + member)
    await until(lambda: not len(world.copies))
    assert await asyncio.gather(*(world.read(member) for member in MEMBERS)) == [None] * 60


async def test_reads_of_one_moment_are_one_round_trip_to_each_server(cluster: Cluster) -> None:
    async with opened(cluster.url) as world:
        await world.sessions.get(PREFIX)

        def served() -> int:
            return sum(int(_info(server.port, "total_reads_processed", "stats")) for server in cluster.primaries)

        running = world.tracking
        before, quiet = served(), time.monotonic()
        await asyncio.gather(*(world.sessions.get(PREFIX + member) for member in MEMBERS))
        used = served() - before
        # three pipelines, what asking cost (a connection of its own each), and the PINGs and questions of tracking meanwhile
        assert used <= 3 + 12 + 30 * (1 + (time.monotonic() - quiet) / LEASE), "60 reads that are not shared cost 60"
        assert running.good


def _info(port: int, name: str, section: str) -> str:
    return next(line.partition(":")[2].strip() for line in say(port, "INFO", section).splitlines() if line.startswith(name + ":"))


async def test_one_lost_connection_makes_all_copies_doubtful(cluster: Cluster) -> None:
    async with opened(cluster.url) as world:
        for member in MEMBERS:
            await world.sessions.put(PREFIX + member, FIRST, 60)
            await world.warm(member)
        say(cluster.primaries[1].port, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await until(lambda: not len(world.copies))
        await until(lambda: world.tracking.good)
        await world.warm(MEMBERS[0])


async def test_a_primary_that_falls_silent_makes_all_copies_doubtful_within_the_lease() -> None:
    with Cluster() as cluster:
        async with opened(cluster.url) as world:
            held = next(member for member in MEMBERS if key_slot((PREFIX + member).encode()) < 5000)
            other = next(member for member in MEMBERS if key_slot((PREFIX + member).encode()) > 12000)
            for member in (held, other):
                await world.sessions.put(PREFIX + member, FIRST, 600)
                await world.warm(member)
            cluster.primaries[0].pause()
            silent = time.monotonic()
            await until(lambda: not world.tracking.good)
            assert time.monotonic() - silent <= LEASE + 0.3
            with pytest.raises(StoreAway):
                await world.read(held)
            assert await world.read(other) == FIRST, "what others hold can be read"
            cluster.primaries[0].resume()
            await until(lambda: world.tracking.good)
            await world.warm(held)


async def test_what_a_minority_of_primaries_says_is_enough_to_read_and_not_for_copies() -> None:
    with Cluster() as cluster:
        client = open_several(cluster.url)
        assert len(await client.primaries()) == 3
        for server in cluster.primaries[1:]:
            server.pause()
        with pytest.raises(StoreAway, match="disagree"):
            await client.primaries()
        held = next(member for member in MEMBERS if key_slot((PREFIX + member).encode()) < 5000)
        assert await RedisSessionStore(client).get(PREFIX + held) is None
        for server in cluster.primaries[1:]:
            server.resume()
        await client.aclose()


async def test_a_cluster_fails_over() -> None:
    with Cluster(replica=True) as cluster:
        assert cluster.replica is not None
        async with opened(cluster.url) as world:
            held = next(member for member in MEMBERS if key_slot((PREFIX + member).encode()) < 5000)
            await world.sessions.put(PREFIX + held, FIRST, 600)
            await world.warm(held)
            replica = cluster.replica
            await until(lambda: "keys=" in say(replica.port, "INFO", "keyspace"))
            flushes = world.copies.flushes
            cluster.fail_over()
            await until(lambda: replica.port in [address.port for address, _ in world.tracking._known])
            assert cluster.primaries[0].port not in [address.port for address, _ in world.tracking._known]
            assert world.copies.flushes > flushes
            await until(lambda: world.tracking.good)
            await world.warm(held)
            await world.sessions.delete(PREFIX + held)
            assert await world.read(held) is None


async def test_a_slot_that_moves_is_followed() -> None:
    with Cluster() as cluster:
        async with opened(cluster.url) as world:
            held = next(member for member in MEMBERS if key_slot((PREFIX + member).encode()) < 5000)
            key = PREFIX + held
            slot = key_slot(key.encode())
            await world.sessions.put(key, FIRST, 600)
            await world.warm(held)
            source, target = cluster.primaries[0].port, cluster.primaries[2].port
            ids = {port: say(port, "CLUSTER", "MYID") for port in (source, target)}
            say(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source])
            say(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target])
            say(source, "MIGRATE", "127.0.0.1", target, key, 0, 5000)
            assert await world.sessions.get(key) == FIRST, "ASK is followed"
            assert await world.sessions.swap(key, REVISION, SECOND, 600) == Swapped()
            for port in (target, source, cluster.primaries[1].port):
                say(port, "CLUSTER", "SETSLOT", slot, "NODE", ids[target])
            assert await world.sessions.get(key) == SECOND, "MOVED is followed"
            assert await world.sessions.delete(key)
            await until(lambda: world.tracking.good)
            assert await world.read(held) is None


async def test_sentinels_fail_over_and_the_old_master_counts_as_lost() -> None:
    with Watched() as watched:
        async with opened(watched.url) as world:
            await world.sessions.put(PREFIX + MEMBERS[0], FIRST, 600)
            await world.warm(MEMBERS[0])
            say(watched.master.port, "WAIT", 1, 1000)
            watched.master.pause()
            silent = time.monotonic()
            await until(lambda: not world.tracking.good)
            assert time.monotonic() - silent <= LEASE + 0.3
            await until(lambda: watched.master_port() == watched.replica.port)
            await until(lambda: world.tracking.good)
            assert [address.port for address, _ in world.tracking._known] == [watched.replica.port]
            assert await world.read(MEMBERS[0]) == FIRST
            await world.warm(MEMBERS[0])
            watched.master.resume()
            await world.sessions.delete(PREFIX + MEMBERS[0])
            await until(lambda: not len(world.copies))
            assert await world.read(MEMBERS[0]) is None


async def test_a_master_that_is_named_no_more_is_lost_though_it_answers() -> None:
    """As on the wrong side of a broken network: it lives, answers PINGs and pushes, and knows nothing of the fail-over."""
    with Watched() as watched:
        async with opened(watched.url) as world:
            await world.sessions.put(PREFIX + MEMBERS[0], FIRST, 600)
            await world.warm(MEMBERS[0])
            for sentinel in watched.sentinels:
                say(sentinel.port, "SENTINEL", "REMOVE", "main")
                say(sentinel.port, "SENTINEL", "MONITOR", "main", "127.0.0.1", watched.replica.port, 2)
            assert "role:master" in say(watched.master.port, "INFO", "replication")
            await until(lambda: [address.port for address, _ in world.tracking._known] == [watched.replica.port])
            assert world.copies.get(MEMBERS[0]) is None


async def test_no_copies_without_a_majority_of_sentinels() -> None:
    with Watched() as watched:
        async with opened(watched.url) as world:
            await world.sessions.put(PREFIX + MEMBERS[0], FIRST, 600)
            for sentinel in watched.sentinels[1:]:
                sentinel.signal(signal.SIGKILL)
            await until(lambda: not world.tracking.good)
            assert await world.sessions.get(PREFIX + MEMBERS[0]) == FIRST, "one is enough to read"
            await until(lambda: world.tracking._known == ())
            assert not world.tracking.good
            for sentinel in watched.sentinels[1:]:
                sentinel.wait()


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:6379",
        "redis+cluster://:topsecret@127.0.0.1:1/0",
        "redis+cluster://",
        "redis+cluster://:topsecret@a:x",
        "redis+cluster://:topsecret@a:1?socket_timeout=3",
        "redis+sentinel://:topsecret@127.0.0.1:1",
        "redis+sentinel://:topsecret@127.0.0.1:1/main/zero",
        "redis+sentinel://a:1,,b:2/main",
    ],
)
def test_urls_that_are_refused_without_telling_secrets(url: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        open_several(url)
    assert "topsecret" not in str(caught.value)


async def test_nobody_there_is_away_within_a_second_and_tells_no_secret() -> None:
    for url in ("redis+cluster://:topsecret@127.0.0.1:1,127.0.0.1:2", "redis+sentinel://:topsecret@127.0.0.1:1,127.0.0.1:2/main"):
        store = RedisSessionStore(open_several(url))
        began = time.monotonic()
        for call in (store.get("gw:s:1"), store.get_many(["gw:s:1"]), store.delete("gw:s:1"), store.ping()):
            with pytest.raises(StoreAway) as caught:
                await call
            assert "topsecret" not in str(caught.value)
        assert time.monotonic() - began < 1
        assert "topsecret" not in repr(store._client)
        await store.close()
