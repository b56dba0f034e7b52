"""What renewal costs the store: one write a window for a session in use, many of them in one round trip, and no read where a copy is at hand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial

import pytest

from gateway.core.session import Life
from gateway.services.audit import Audit
from gateway.services.copies import Copies
from gateway.services.records import Record, Records
from gateway.services.renewal import Renewal
from gateway.services.sessions import Found, Sessions
from gateway.stores import StoreAway
from gateway.stores.memory import MemorySessionStore
from gateway.stores.redis.reads import SharedReads
from gateway.stores.sessions import Conflict, Gone, Swap, Swapped
from tests.samples import SettableClock, sample_account, sample_facts, sample_ring, sample_snapshot

LIFE = Life(idle=1000, absolute=100_000, rotate_every=50_000, touch_every=30)


class Store(MemorySessionStore):
    """Reads of one moment go together, as in Redis. `reads` and `writes` are the sizes of batches. `away`: writes fail; `lost` cannot be read."""

    def __init__(self, clock: SettableClock) -> None:
        super().__init__(clock)
        self.reads: list[int] = []
        self.writes: list[int] = []
        self.away = False
        self.lost: set[str] = set()
        self._shared = SharedReads(self._read)

    async def get(self, key: str) -> bytes | None:
        return await self._shared.read(key)

    async def _read(self, keys: list[str]) -> list[bytes | StoreAway | None]:
        self.reads.append(len(keys))
        await asyncio.sleep(0)
        return [StoreAway("gone") if key in self.lost else record for key, record in zip(keys, await self.get_many(keys), strict=True)]

    async def swap_many(self, swaps: Sequence[Swap]) -> list[Swapped | Gone | Conflict]:
        self.writes.append(len(swaps))
        await asyncio.sleep(0)
        if self.away:
            raise StoreAway("gone")
        return await super().swap_many(swaps)

    def forget_counts(self) -> None:
        self.reads.clear()
        self.writes.clear()


class Always:
    """A source that has heard of everything."""

    good = True


class Process:
    """One process on `store`; with copies that nobody tells of others' changes, which the tests here do not make behind its back."""

    def __init__(self, store: Store, clock: SettableClock, *, copies: bool) -> None:
        self.clock = clock
        self.copies: Copies[Record] | None = None
        if copies:
            self.copies = Copies("gw:s:")
            self.copies.source = Always()
        records = Records(store, "gw:", self.copies)
        self.renewal = Renewal(records, clock, gathered=0)
        self.sessions = Sessions(records, self.renewal, Audit(lambda line: None, clock), clock)
        self.snapshot = replace(sample_snapshot(), life=LIFE)

    async def login(self, number: int) -> str:
        return (await self.sessions.start(self.snapshot, sample_account(f"u{number}"), sample_facts(), remember=False)).cookie

    async def visit(self, cookie: str) -> Found:
        found = await self.sessions.load(self.snapshot, sample_facts("/", cookie))
        assert isinstance(found, Found)
        return found

    async def flush(self) -> None:
        await self.renewal.flush(self.clock())


@pytest.fixture
def store(clock: SettableClock) -> Store:
    return Store(clock)


async def logged_in(process: Process, many: int) -> list[str]:
    """Cookies of sessions that were just used, a second after login; the window is open."""
    cookies = [await process.login(number) for number in range(many)]
    process.clock.forward(1)
    for cookie in cookies:
        await process.visit(cookie)
    return cookies


async def test_windows_that_close_together_are_written_together_and_from_copies(clock: SettableClock, store: Store) -> None:
    process = Process(store, clock, copies=True)
    cookies = await logged_in(process, 250)
    clock.forward(31)
    store.forget_counts()
    await process.flush()
    assert store.writes == [100, 100, 50]
    assert store.reads == [], "what is copied is not read to be written"
    for cookie in cookies:
        found = await process.visit(cookie)
        assert found.session.last_seen == clock() - 31


async def test_without_copies_one_read_a_batch(clock: SettableClock, store: Store) -> None:
    process = Process(store, clock, copies=False)
    await logged_in(process, 130)
    clock.forward(31)
    store.forget_counts()
    await process.flush()
    assert (store.reads, store.writes) == ([100, 30], [100, 30])


async def test_a_session_in_use_costs_one_write_and_one_read_a_window(clock: SettableClock, store: Store) -> None:
    """The count that the benchmark takes over HTTP: two store commands for each session and window, however many requests there are."""
    process = Process(store, clock, copies=True)
    cookies = await logged_in(process, 10)
    store.forget_counts()
    for _ in range(300):  # five minutes, ten windows
        clock.forward(1)
        for cookie in cookies:
            await process.visit(cookie)
            await process.visit(cookie)
        await process.flush()
    assert sum(store.writes) <= 10 * 10
    assert sum(store.reads) <= 10 * 10


async def test_first_uses_after_a_pause_go_at_once_and_together(clock: SettableClock, store: Store) -> None:
    process = Process(store, clock, copies=False)
    cookies = await logged_in(process, 40)
    await process.renewal.flush()
    clock.forward(500)
    store.forget_counts()
    await asyncio.gather(*(process.visit(cookie) for cookie in cookies for _ in range(3)))
    assert store.reads == [40]
    assert store.writes in ([], [40]), "no answer waits for it"
    for _ in range(5):
        await asyncio.sleep(0)
    assert (store.reads, store.writes) == ([40], [40]), "written on what was just read, without a flush"


async def test_of_two_processes_one_writes_in_a_window(clock: SettableClock, store: Store) -> None:
    here, there = Process(store, clock, copies=False), Process(store, clock, copies=False)
    [cookie] = await logged_in(here, 1)
    store.forget_counts()
    for _ in range(300):
        for process in (here, there):
            clock.forward(0.5)
            await process.visit(cookie)
            await process.flush()
    assert sum(store.writes) <= 10


async def test_at_shutdown_every_use_is_written(clock: SettableClock, store: Store) -> None:
    process = Process(store, clock, copies=True)
    cookies = await logged_in(process, 3)
    clock.forward(5)
    for cookie in cookies:
        await process.visit(cookie)
    await process.renewal.flush()
    after = Process(store, clock, copies=False)
    assert [(await after.visit(cookie)).session.last_seen for cookie in cookies] == [clock()] * 3


async def test_a_copy_that_is_not_true_any_more_loses_its_race_and_undoes_nothing(clock: SettableClock, store: Store) -> None:
    """Both have a copy; the other one changes a session's identity, ends another, and this one hears of neither before its window closes."""
    here, there = Process(store, clock, copies=True), Process(store, clock, copies=False)
    changed, ended, plain = await logged_in(here, 3)
    for cookie in (changed, ended, plain):
        clock.forward(1)
        await here.visit(cookie)
    member = (await there.visit(changed)).member
    newer = replace((await there.visit(changed)).session.identity, name="Anna")
    await there.sessions.refresh(there.snapshot, member, newer, 9)
    await there.sessions.end(there.snapshot, sample_facts("/", ended))
    clock.forward(31)
    await here.flush()
    after = Process(store, clock, copies=False)
    found = await after.sessions.peek(after.snapshot, sample_facts("/", changed))
    assert isinstance(found, Found)
    assert (found.session.identity.name, found.session.epoch) == ("Anna", 9)
    assert found.session.last_seen > clock() - 35, "and the use was written on what the race returned"
    assert not isinstance(await after.sessions.load(after.snapshot, sample_facts("/", ended)), Found)


async def test_a_store_that_is_away_is_asked_again_a_window_later(clock: SettableClock, store: Store) -> None:
    process = Process(store, clock, copies=True)
    [cookie] = await logged_in(process, 1)
    clock.forward(20)
    await process.visit(cookie)
    used = clock()
    clock.forward(11)
    store.away = True
    store.forget_counts()
    await process.flush()
    clock.forward(29)
    await process.flush()
    assert store.writes == [1], "not each second"
    store.away = False
    clock.forward(2)
    await process.flush()
    assert store.writes == [1, 1]
    assert (await process.visit(cookie)).session.last_seen == used


async def test_what_cannot_be_read_keeps_nobody_else_from_being_written(clock: SettableClock, store: Store) -> None:
    """A cluster, one of whose servers is away."""
    process = Process(store, clock, copies=False)
    cookies = await logged_in(process, 3)
    members = [(await process.visit(cookie)).member for cookie in cookies]
    used = clock()
    clock.forward(31)
    store.lost.add(f"gw:s:{members[1]}")
    await process.flush()
    assert store.writes == [2]
    store.lost.clear()
    clock.forward(31)
    await process.flush()
    assert store.writes == [2, 1]
    after = Process(store, clock, copies=False)
    assert [(await after.visit(cookie)).session.last_seen for cookie in cookies] == [used] * 3


async def test_whoever_gives_up_waiting_takes_no_write_along(clock: SettableClock, store: Store) -> None:
    process = Process(store, clock, copies=True)
    [cookie] = await logged_in(process, 1)
    clock.forward(31)
    waiting = asyncio.ensure_future(process.flush())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await process.flush()
    assert sum(store.writes) == 1
    assert (await process.visit(cookie)).session.last_seen == clock() - 31


async def test_what_was_noted_before_a_reload_is_written_by_what_holds_now(clock: SettableClock, store: Store) -> None:
    """Sealed with a key that is to go, the record would end the session with it; and copies of records are those of one ring of keys."""
    process = Process(store, clock, copies=True)
    process.snapshot = replace(process.snapshot, keys=sample_ring("old", "new"))
    early, late = await logged_in(process, 2)
    noted = await process.visit(early)
    process.snapshot = replace(process.snapshot, keys=sample_ring("new", "old"))
    clock.forward(31)
    seen = await process.visit(late)
    await process.flush()
    store.forget_counts()
    clock.forward(1)
    await process.visit(late)
    assert store.reads == [1], "its own write dropped that copy"
    clock.forward(1)
    process.sessions.use(process.snapshot, noted.member)
    await process.flush()
    await process.visit(late)
    assert store.reads == [1], "nothing else has"
    for member in (noted.member, seen.member):
        assert (await store.get(f"gw:s:{member}") or b"")[10:13] == b"new"


class BusyStore(Store):
    """With every batch that is written another session begins to be used, and a second passes: there is always something to write."""

    def __init__(self, clock: SettableClock) -> None:
        super().__init__(clock)
        self.time = clock
        self.keys: list[str] = []
        self.waiting: list[Callable[[], Awaitable[object]]] = []

    async def swap_many(self, swaps: Sequence[Swap]) -> list[Swapped | Gone | Conflict]:
        self.keys += [swap.key for swap in swaps]
        self.time.forward(1)
        if self.waiting:
            await self.waiting.pop()()
        return await super().swap_many(swaps)


async def test_windows_close_also_while_there_is_always_something_to_write(clock: SettableClock) -> None:
    """Otherwise a busy process would leave sessions in use to run out, for all the others."""
    store = BusyStore(clock)
    process = Process(store, clock, copies=False)
    others = [await process.login(number) for number in range(60)]
    clock.forward(20)
    [cookie] = await logged_in(process, 1)
    member = (await process.visit(cookie)).member
    clock.forward(20)
    await process.visit(others.pop())
    store.waiting = [partial(process.visit, other) for other in others]
    running = asyncio.ensure_future(process.renewal.run(0))
    for _ in range(2000):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert f"gw:s:{member}" in store.keys[:30]
