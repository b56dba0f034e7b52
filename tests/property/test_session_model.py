"""Random interleavings of requests, rotations, logins, logouts, revocations, restarts and outages over two processes, against a model.

The model knows which cookie a browser holds and whether its session should be alive; the gateway must agree: never dead but accepted, never alive but
rejected, never an exception. Answers are lost at random, so browsers come back with replaced secrets.

It runs on records in memory and in a real Redis, reading them for each request; and with tracked copies. There each change is told to the processes
a few turns of the loop after it was made, and any turn later than that is a new one of the model: by then it must be felt. A process may lose its
tracking, hears of nothing until it is back, and has to do without copies meanwhile; so it is while the store is away. Reads take turns too, so that
changes overtake them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from gateway.core.decide import Nobody
from gateway.core.session import Life
from gateway.services.audit import Audit
from gateway.services.copies import Copies
from gateway.services.records import Record, Records
from gateway.services.renewal import Renewal
from gateway.services.sessions import Found, Sessions
from gateway.stores import StoreAway
from gateway.stores.memory.sessions import MemorySessionStore
from gateway.stores.redis import RedisSessionStore, open_redis
from gateway.stores.sessions import Conflict, Gone, SessionStore, Swap, Swapped
from tests.samples import SettableClock, sample_account, sample_facts, sample_snapshot

T = TypeVar("T")
LIFE = Life(idle=1000, absolute=20_000, rotate_every=300, rotate_grace=60, touch_every=30)


class Store:
    """`kept`, which goes away and comes back; answers and tells of changes some turns of the loop later."""

    away = False

    def __init__(self, kept: SessionStore) -> None:
        self._kept = kept
        self.shared = True
        self.index_add, self.index_remove, self.index_members = kept.index_add, kept.index_remove, kept.index_members
        self.create, self.scan, self.ping, self.close = kept.create, kept.scan, kept.ping, kept.close
        self.heard: list[Callable[[str], None]] = []

    async def get(self, key: str) -> bytes | None:
        self._check()
        record = await self._kept.get(key)
        await turns(8)
        return record

    async def get_many(self, keys: list[str]) -> list[bytes | None]:
        self._check()
        records = await self._kept.get_many(keys)
        await turns(8)
        return records

    async def put(self, key: str, record: bytes, ttl: float) -> None:
        await self._kept.put(key, record, ttl)
        self._tell(key)

    async def swap(self, key: str, revision: bytes, record: bytes, ttl: float) -> Swapped | Gone | Conflict:
        self._check()
        await turns(1)
        outcome = await self._kept.swap(key, revision, record, ttl)
        self._tell(key)
        await turns(1)
        return outcome

    async def swap_many(self, swaps: Sequence[Swap]) -> list[Swapped | Gone | Conflict]:
        self._check()
        return await self._kept.swap_many(swaps)

    async def delete(self, key: str) -> bool:
        deleted = await self._kept.delete(key)
        self._tell(key)
        await turns(1)
        return deleted

    async def delete_revision(self, key: str, revision: bytes) -> bool:
        deleted = await self._kept.delete_revision(key, revision)
        self._tell(key)
        await turns(1)
        return deleted

    def _check(self) -> None:
        if self.away:
            raise StoreAway("away")

    def _tell(self, key: str) -> None:
        for heard in self.heard:
            heard(key)


async def turns(many: int) -> None:
    """Let others go first."""
    for _ in range(many):
        await asyncio.sleep(0)


class Source:
    """One process's tracking: tells its copies of changes a few turns late, and of nothing while it is lost. Good as the store is there."""

    def __init__(self, store: Store, copies: Copies[Record]) -> None:
        self._store = store
        self._copies = copies
        self.lost = False
        store.heard.append(self._hear)

    @property
    def good(self) -> bool:
        return not (self.lost or self._store.away)

    def lose(self) -> None:
        self.lost = True
        self._copies.changed(None)

    def find(self) -> None:
        self._copies.changed(None)
        self.lost = False

    def _hear(self, key: str) -> None:
        if not self.lost:
            self._later(2, key)

    def _later(self, left: int, key: str) -> None:
        if left:
            asyncio.get_running_loop().call_soon(self._later, left - 1, key)
        elif not self.lost:
            self._copies.changed([key])


class Process:
    """One gateway process."""

    def __init__(self, store: Store, clock: SettableClock, *, cached: bool) -> None:
        copies: Copies[Record] | None = None
        self.source: Source | None = None
        if cached:
            copies = Copies("gw:s:")
            copies.source = self.source = Source(store, copies)
        records = Records(store, "gw:", copies)
        self.renewal = Renewal(records, clock, gathered=0)
        self.sessions = Sessions(records, self.renewal, Audit(lambda line: None, clock), clock)


@dataclass
class Browser:
    """What a browser holds, and what should be true of it."""

    cookie: str
    created: float
    last_use: float
    alive: bool = True


class SessionMachine(RuleBasedStateMachine):
    cached = False

    def open(self) -> SessionStore:
        """An empty store."""
        return MemorySessionStore(self.clock)

    @initialize()
    def set_up(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.clock = SettableClock()
        self.store = Store(self.open())
        self.snapshot = replace(sample_snapshot(), life=LIFE)
        self.processes = [Process(self.store, self.clock, cached=self.cached) for _ in range(2)]
        self.browsers: list[Browser] = []
        self.retired: list[tuple[str, Browser]] = []

    def teardown(self) -> None:
        if hasattr(self, "loop"):
            self._run(self._settle())
            self._run(self.store.close())
            self.loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it, and let what it changed be heard of."""

        async def and_settle() -> T:
            outcome = await work
            await turns(8)
            return outcome

        return self.loop.run_until_complete(and_settle())

    async def _settle(self) -> None:
        self.store.away = False
        for process in self.processes:
            await process.renewal.flush()

    @precondition(lambda self: not self.store.away)
    @rule()
    def log_in(self) -> None:
        started = self._run(self.processes[0].sessions.start(self.snapshot, sample_account(), sample_facts(), remember=False))
        self.browsers.append(Browser(started.cookie, self.clock.now, self.clock.now))

    @precondition(lambda self: self.browsers)
    @rule(data=st.data(), parallel=st.integers(1, 4), lost=st.booleans())
    def visit(self, data: st.DataObject, parallel: int, lost: bool) -> None:
        browser = data.draw(st.sampled_from(self.browsers))
        before = browser.cookie
        outcomes = self._run(self._visits(before, parallel))
        alive = browser.alive and self._in_time(browser)
        if self.store.away:
            assert all(outcome is Nobody.UNKNOWN for outcome in outcomes)
            return
        if not alive:
            assert all(outcome is Nobody.ANONYMOUS for outcome in outcomes), "dead but accepted"
            browser.alive = False
            return
        assert all(isinstance(outcome, Found) for outcome in outcomes), "alive but rejected"
        browser.last_use = self.clock.now
        cookies = {outcome.cookie for outcome in outcomes if isinstance(outcome, Found) and outcome.cookie is not None}
        assert len(cookies) <= 1, "everybody gets the winner's cookie"
        if cookies and not lost:
            browser.cookie = cookies.pop()
            self.retired.append((before, browser))

    async def _visits(self, cookie: str, parallel: int) -> list[Found | Nobody]:
        facts = sample_facts("/", cookie)
        loads = [self.processes[number % 2].sessions.load(self.snapshot, facts) for number in range(parallel)]
        outcomes = await asyncio.gather(*loads)
        for process in self.processes:
            await process.renewal.flush(self.clock.now)
        return list(outcomes)

    @rule(seconds=st.sampled_from([1, 20, 61, 250, 400, 999, 1001]))
    def time_passes(self, seconds: int) -> None:
        # A window can close in between, as it does in a running process.
        for step in (min(seconds, 30), max(seconds - 30, 0)):
            self.clock.forward(step)
            self._run(self._flush())

    async def _flush(self) -> None:
        for process in self.processes:
            await process.renewal.flush(self.clock.now)

    @precondition(lambda self: self.browsers and not self.store.away)
    @rule(data=st.data(), process=st.integers(0, 1))
    def log_out(self, data: st.DataObject, process: int) -> None:
        browser = data.draw(st.sampled_from(self.browsers))
        sessions, facts = self.processes[process].sessions, sample_facts("/", browser.cookie)

        async def end_and_ask() -> Found | Nobody:
            await sessions.end(self.snapshot, facts)
            return await sessions.load(self.snapshot, facts)

        assert self._run(end_and_ask()) is Nobody.ANONYMOUS, "a process hears of its own changes before anybody tells it"
        browser.alive = False

    @precondition(lambda self: self.browsers and not self.store.away)
    @rule(data=st.data(), process=st.integers(0, 1), behind=st.integers(0, 12))
    def log_out_while_somebody_asks(self, data: st.DataObject, process: int, behind: int) -> None:
        """Who asked at the same moment may have been let in still; nobody who asks later is."""
        browser = data.draw(st.sampled_from(self.browsers))
        facts = sample_facts("/", browser.cookie)

        async def ask(other: Process) -> None:
            await turns(behind)
            await other.sessions.load(self.snapshot, facts)

        async def both() -> None:
            await asyncio.gather(self.processes[process].sessions.end(self.snapshot, facts), *(ask(other) for other in self.processes))

        self._run(both())
        for other in self.processes:
            assert self._run(other.sessions.load(self.snapshot, facts)) is Nobody.ANONYMOUS, "dead but accepted"
        browser.alive = False

    @precondition(lambda self: self.cached)
    @rule(number=st.integers(0, 1))
    def tracking_is_lost_or_found(self, number: int) -> None:
        source = self.processes[number].source
        assert source is not None
        if source.lost:
            source.find()
        else:
            source.lose()

    @precondition(lambda self: self.retired and not self.store.away)
    @rule(data=st.data())
    def a_thief_presents_a_retired_cookie(self, data: st.DataObject) -> None:
        cookie, victim = data.draw(st.sampled_from(self.retired))
        outcome = self._run(self.processes[1].sessions.load(self.snapshot, sample_facts("/", cookie)))
        if not isinstance(outcome, Found):
            victim.alive = False
        else:
            victim.last_use = self.clock.now
            assert victim.alive
            assert self._in_time(victim)

    @rule()
    def the_store_goes_or_comes(self) -> None:
        self.store.away = not self.store.away

    @precondition(lambda self: not self.store.away)
    @rule(number=st.integers(0, 1))
    def a_process_restarts(self, number: int) -> None:
        self._run(self.processes[number].renewal.flush())
        self.processes[number] = Process(self.store, self.clock, cached=self.cached)

    def _in_time(self, browser: Browser) -> bool:
        return self.clock.now < min(browser.created + LIFE.absolute, browser.last_use + LIFE.idle)


class CachedSessionMachine(SessionMachine):
    cached = True


class RedisSessionMachine(SessionMachine):
    """Its time stands still: whatever has to end is found to have ended when it is read."""

    url: str

    def open(self) -> SessionStore:
        client = open_redis(self.url, timeout=10)
        self.loop.run_until_complete(client.execute_command("FLUSHDB"))
        return RedisSessionStore(client)


def test_session_model_on_redis(redis_url: str) -> None:
    class Machine(RedisSessionMachine):
        url = redis_url

    run_state_machine_as_test(Machine, settings=settings(max_examples=30, stateful_step_count=40, deadline=None))


TestSessionModel = SessionMachine.TestCase
TestSessionModel.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestSessionModelWithCopies = CachedSessionMachine.TestCase
TestSessionModelWithCopies.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
