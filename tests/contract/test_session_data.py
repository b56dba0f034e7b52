"""Data kept with a session, on every kind of store: nothing is lost to a change of the same moment, and nothing outlives its session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from gateway.core.decide import Nobody
from gateway.core.identity import Identity
from gateway.core.session import TTL_SLACK
from gateway.services.audit import Audit
from gateway.services.records import Records
from gateway.services.renewal import Renewal
from gateway.services.session_data import ATTEMPTS, Contended, Ended, Kept, Outcome, SessionData, TooLarge, Unmet
from gateway.services.sessions import Found, Sessions, Started
from gateway.stores import StoreAway
from gateway.stores.redis import RedisSessionStore
from gateway.stores.redis.opening import open_store
from gateway.stores.sessions import SessionStore
from tests.contract.stores import World
from tests.redises import Cluster, Watched
from tests.samples import SettableClock, sample_account, sample_facts, sample_ring, sample_snapshot

MOST = 200


def always(revision: int) -> bool:
    return True


class Process:
    """One gateway with its store, and people who are logged in there."""

    def __init__(self, store: SessionStore, clock: SettableClock, **changes: Any) -> None:
        self.store = store
        self.clock = clock
        self.snapshot = sample_snapshot(session_data=MOST, **changes)
        self.records = Records(store, "gw:")
        self.renewal = Renewal(self.records, clock)
        self.sessions = Sessions(self.records, self.renewal, Audit(lambda line: None, clock), clock)
        self.data = SessionData(store, self.records, clock)

    async def log_in(self, *cookies: str, remember: bool = False, name: str = "ann") -> Started:
        return await self.sessions.start(self.snapshot, sample_account(name), sample_facts("/", *cookies), remember=remember)

    async def found(self, cookie: str) -> Found:
        found = await self.sessions.load(self.snapshot, sample_facts("/", cookie))
        assert isinstance(found, Found)
        return found

    async def put(self, cookie: str, content: dict[str, object]) -> Outcome:
        return await self.data.replace(self.snapshot, await self.found(cookie), content, always)

    async def patch(self, cookie: str, patch: dict[str, object]) -> Outcome:
        return await self.data.merge(self.snapshot, await self.found(cookie), patch, always)

    async def read(self, cookie: str) -> Kept:
        return await self.data.read(self.snapshot, await self.found(cookie))

    async def stored(self, member: str) -> bytes | None:
        return await self.store.get(f"gw:d:{member}")


@pytest.fixture
def process(world: World) -> Process:
    return Process(world.sessions, world.clock)


async def test_what_is_kept_grows_a_revision_with_every_change(process: Process) -> None:
    cookie = (await process.log_in()).cookie
    assert await process.read(cookie) == Kept({}, 0)
    assert await process.put(cookie, {"cart": ["tea"], "theme": "dark"}) == Kept({"cart": ["tea"], "theme": "dark"}, 1)
    assert await process.patch(cookie, {"cart": None, "zoom": 2}) == Kept({"theme": "dark", "zoom": 2}, 2)
    assert await process.put(cookie, {}) == Kept({}, 3), "cleared, not removed: a change that comes later knows of it"
    assert await process.patch(cookie, {"a": 1}) == Kept({"a": 1}, 4)
    assert await process.read(cookie) == Kept({"a": 1}, 4)


async def test_a_condition_that_is_not_met_changes_nothing(process: Process) -> None:
    cookie = (await process.log_in()).cookie
    found = await process.found(cookie)
    assert await process.data.replace(process.snapshot, found, {"a": 1}, lambda revision: revision == 1) == Unmet()
    assert await process.read(cookie) == Kept({}, 0)
    assert await process.data.replace(process.snapshot, found, {"a": 1}, lambda revision: revision == 0) == Kept({"a": 1}, 1)
    assert await process.data.merge(process.snapshot, found, {"a": 2}, lambda revision: revision == 0) == Unmet()
    assert await process.read(cookie) == Kept({"a": 1}, 1)


async def test_of_parallel_changes_on_one_revision_one_is_made(process: Process) -> None:
    cookie = (await process.log_in()).cookie
    found = await process.found(cookie)
    changes = (process.data.merge(process.snapshot, found, {str(number): 1}, lambda revision: revision == 0) for number in range(10))
    outcomes = await asyncio.gather(*changes)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Kept"] + ["Unmet"] * 9


async def test_parallel_patches_of_two_processes_lose_nothing(process: Process) -> None:
    cookie = (await process.log_in()).cookie
    found = await process.found(cookie)
    others = [process, Process(process.store, process.clock)]
    patches = (others[number % 2].data.merge(process.snapshot, found, {f"key {number}": number}, always) for number in range(ATTEMPTS // 2))
    outcomes = await asyncio.gather(*patches)
    assert all(isinstance(outcome, Kept) for outcome in outcomes)
    assert await process.read(cookie) == Kept({f"key {number}": number for number in range(ATTEMPTS // 2)}, ATTEMPTS // 2)


async def test_of_one_process_they_wait_for_each_other_however_many(process: Process) -> None:
    cookie = (await process.log_in()).cookie
    found = await process.found(cookie)
    outcomes = await asyncio.gather(*(process.data.merge(process.snapshot, found, {"last": number}, always) for number in range(3 * ATTEMPTS)))
    assert outcomes == [Kept({"last": number}, number + 1) for number in range(3 * ATTEMPTS)]


class Racing:
    """A store in which something happens just before each of those calls."""

    def __init__(self, store: SessionStore, first: Callable[[], Awaitable[object]], *names: str) -> None:
        self._store = store
        self._first = first
        self._names = names
        self.tries = 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name not in self._names:
            return method

        async def racing(*arguments: Any) -> Any:
            self.tries += 1
            await self._first()
            return await method(*arguments)

        return racing


def racing(process: Process, first: Callable[[], Awaitable[object]]) -> tuple[Racing, SessionData]:
    store: Any = Racing(process.store, first, "create", "swap")
    return store, SessionData(store, process.records, process.clock)


async def test_whoever_is_overtaken_each_time_gives_up(process: Process) -> None:
    cookie = (await process.log_in()).cookie
    found = await process.found(cookie)
    store, data = racing(process, lambda: process.patch(cookie, {"theirs": 1}))
    assert await data.merge(process.snapshot, found, {"mine": 1}, always) == Contended()
    assert store.tries == ATTEMPTS
    assert await process.read(cookie) == Kept({"theirs": 1}, ATTEMPTS)


async def test_those_that_wait_while_the_store_goes_away_do_not_ask_it_one_after_another(process: Process) -> None:
    found = await process.found((await process.log_in()).cookie)

    async def hang() -> None:
        await asyncio.sleep(0)  # a turn of the loop, in which all the others have come to wait
        raise StoreAway("it did not answer in time")

    store, data = racing(process, hang)
    patches = (data.merge(process.snapshot, found, {str(number): 1}, always) for number in range(10))
    outcomes = await asyncio.gather(*patches, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreAway] * 10
    assert store.tries == 1
    with pytest.raises(StoreAway):
        await data.merge(process.snapshot, found, {"later": 1}, always)
    assert store.tries == 2, "who comes afterwards finds out anew"


@pytest.mark.parametrize("kept", [False, True], ids=["nothing kept", "kept"])
async def test_a_write_that_a_logout_overtakes_leaves_nothing_behind(process: Process, kept: bool) -> None:
    """As in two processes: the session is judged alive, then it ends, then the write arrives."""
    started = await process.log_in()
    found = await process.found(started.cookie)
    if kept:
        await process.put(started.cookie, {"a": 1})
    _, data = racing(process, lambda: process.sessions.end(process.snapshot, sample_facts("/", started.cookie)))
    assert await data.merge(process.snapshot, found, {"mine": 1}, always) == Ended()
    assert await process.stored(started.member) is None


async def test_a_write_in_the_middle_of_a_logout_leaves_nothing_behind(process: Process) -> None:
    started = await process.log_in()
    found = await process.found(started.cookie)
    outcomes: list[Outcome] = []

    async def write() -> None:
        outcomes.append(await process.data.merge(process.snapshot, found, {"mine": 1}, always))

    store: Any = Racing(process.store, write, "delete")
    await _log_out(Process(store, process.clock), started)
    assert outcomes == [Kept({"mine": 1}, 1), Ended()], "before the record goes, and before its data do"
    assert await process.stored(started.member) is None


async def test_what_is_too_large_is_refused_and_the_rest_stays(process: Process) -> None:
    cookie = (await process.log_in()).cookie
    assert isinstance(await process.put(cookie, {"a": "x" * (MOST - len('{"a":""}'))}), Kept)
    assert await process.put(cookie, {"a": "x" * (MOST - len('{"a":""}') + 1)}) == TooLarge()
    assert await process.patch(cookie, {"b": 1}) == TooLarge(), "the result counts, not the patch"
    assert await process.patch(cookie, {"a": None, "b": 1}) == Kept({"b": 1}, 2)


async def test_it_lives_as_long_as_the_session_may(process: Process, world: World) -> None:
    """A session that goes on being used keeps it to its absolute end, however long nobody touches the data."""
    started = await process.log_in()
    await process.put(started.cookie, {"a": 1})
    life = process.snapshot.life
    while world.clock() + life.idle / 2 < started.session.absolute_end(life):
        await world.forward(life.idle / 2)
        cookie = (await process.found(started.cookie)).cookie
        started = replace(started, cookie=cookie or started.cookie)
        await process.renewal.flush()
    assert await process.read(started.cookie) == Kept({"a": 1}, 1)
    await world.forward(life.idle / 2 + TTL_SLACK + 1)
    assert await process.stored(started.member) is None


async def test_a_remembered_session_keeps_it_for_its_own_time(process: Process, world: World) -> None:
    started = await process.log_in(remember=True)
    await process.put(started.cookie, {"a": 1})
    await world.forward(process.snapshot.life.remember - 10)
    assert (await process.read(started.cookie)).content == {"a": 1}


async def test_rotation_keeps_it(process: Process, world: World) -> None:
    started = await process.log_in(remember=True)
    await process.put(started.cookie, {"a": 1})
    await world.forward(process.snapshot.life.rotate_every + 1)
    rotated = (await process.found(started.cookie)).cookie
    assert rotated is not None
    assert await process.patch(rotated, {"b": 2}) == Kept({"a": 1, "b": 2}, 2)
    assert await process.read(started.cookie) == Kept({"a": 1, "b": 2}, 2), "within the grace"


async def _log_out(process: Process, started: Started) -> None:
    await process.sessions.end(process.snapshot, sample_facts("/", started.cookie))


async def _revoke(process: Process, started: Started) -> None:
    await process.sessions.end_member(process.snapshot, started.session.identity.user_id, started.member)


async def _log_in_again(process: Process, started: Started) -> None:
    await process.log_in(started.cookie)


async def _log_in_exclusively(process: Process, started: Started) -> None:
    process.snapshot = replace(process.snapshot, exclusive_login=True)
    await process.log_in()


async def _log_in_too_often(process: Process, started: Started) -> None:
    process.snapshot = replace(process.snapshot, max_sessions_per_user=2)
    for _ in range(2):
        process.clock.forward(1)  # the oldest one ends
        await process.log_in()


async def _idle(process: Process, started: Started) -> None:
    """Judged before the store has dropped the record: the clock of this process is ahead by less than the slack."""
    process.clock.forward(process.snapshot.life.idle)
    assert await process.sessions.load(process.snapshot, sample_facts("/", started.cookie)) is Nobody.ANONYMOUS


ENDINGS = [_log_out, _revoke, _log_in_again, _log_in_exclusively, _log_in_too_often, _idle]


@pytest.mark.parametrize("end", ENDINGS, ids=lambda end: end.__name__.strip("_"))
async def test_whatever_ends_a_session_ends_its_data(process: Process, end: Callable[[Process, Started], Awaitable[None]]) -> None:
    started = await process.log_in()
    bystander = await process.log_in(name="bob")
    for one in (started, bystander):
        await process.put(one.cookie, {"a": 1})
    kept = await process.stored(bystander.member)
    assert kept is not None
    await end(process, started)
    assert await process.stored(started.member) is None
    assert await process.stored(bystander.member) == kept
    again = await process.log_in()
    assert await process.read(again.cookie) == Kept({}, 0), "a new login never sees what was kept before"


async def test_a_change_of_the_account_keeps_it(process: Process) -> None:
    started = await process.log_in()
    await process.put(started.cookie, {"a": 1})
    identity = Identity(started.session.identity.user_id, "new@example.com", "Ann", (), started.session.identity.state)
    await process.sessions.refresh(process.snapshot, started.member, identity, 2)
    assert (await process.read(started.cookie)).content == {"a": 1}


async def test_the_store_sees_none_of_it(process: Process) -> None:
    started = await process.log_in()
    other = await process.log_in(name="bob")
    await process.put(started.cookie, {"secret key": "a secret value"})
    sealed = await process.stored(started.member)
    assert sealed is not None
    assert b"secret" not in sealed
    await process.store.put(f"gw:d:{other.member}", sealed, 100)
    await process.store.put(f"gw:s:{other.member}x", sealed, 100)
    with pytest.raises(StoreAway, match="not configured"):
        await process.read(other.cookie)
    assert process.records.opened(process.snapshot, started.member, sealed) is None, "nor is it a session's record"


async def test_what_no_key_opens_is_not_taken_for_nothing(process: Process) -> None:
    """A process that lacks the key of another one must not lose what that one keeps; replacing it is anybody's right."""
    started = await process.log_in()
    found = await process.found(started.cookie)
    with_both = replace(process.snapshot, keys=sample_ring("2026b", "2026a"))
    assert await process.data.replace(with_both, found, {"a": 1}, always) == Kept({"a": 1}, 1)
    for ask in (process.read(started.cookie), process.patch(started.cookie, {"b": 1})):
        with pytest.raises(StoreAway, match="not configured"):
            await ask
    assert await process.data.merge(with_both, found, {"b": 2}, always) == Kept({"a": 1, "b": 2}, 2)
    assert await process.put(started.cookie, {}) == Kept({}, 3)


async def test_switched_off_nothing_is_asked_of_the_store(world: World) -> None:
    process = Process(world.sessions, world.clock)
    process.snapshot = replace(process.snapshot, session_data=None)
    started = await process.log_in()
    await world.sessions.put(f"gw:d:{started.member}", b"\x01", 100)
    await _log_out(process, started)
    assert await process.stored(started.member) == b"\x01", "a user whom an ACL keeps from it can go on logging out"


@pytest.fixture(params=[Cluster, Watched], ids=["cluster", "sentinel"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    with request.param() as servers:
        yield servers.url


@pytest.fixture
async def several(url: str, clock: SettableClock) -> AsyncIterator[Process]:
    """On several Redis servers: a session's record and its data are on different ones as often as not."""
    store = RedisSessionStore(open_store(url, None))
    yield Process(store, clock)
    await store.close()


async def test_a_cluster_and_sentinels_keep_data_too(several: Process) -> None:
    for _ in range(20):
        started = await several.log_in()
        found = await several.found(started.cookie)
        outcomes = await asyncio.gather(*(several.data.merge(several.snapshot, found, {str(number): 1}, always) for number in range(5)))
        assert all(isinstance(outcome, Kept) for outcome in outcomes)
        assert await several.read(started.cookie) == Kept({str(number): 1 for number in range(5)}, 5)
        await _log_out(several, started)
        assert await several.stored(started.member) is None
