"""Random interleavings of requests, rotations, logins, logouts, revocations, restarts and outages over two processes, against a model.

The model knows which cookie a browser holds and whether its session should be alive; the gateway must agree: never dead but accepted, never alive but
rejected, never an exception. Answers are lost at random, so browsers come back with replaced secrets.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from gateway.core.decide import Nobody
from gateway.core.session import Life
from gateway.services.audit import Audit
from gateway.services.records import Records
from gateway.services.renewal import Renewal
from gateway.services.sessions import Found, Sessions
from gateway.stores import StoreAway
from gateway.stores.memory.sessions import MemorySessionStore
from gateway.stores.sessions import Conflict, Gone, Swapped
from tests.samples import SettableClock, sample_account, sample_facts, sample_snapshot

LIFE = Life(idle=1000, absolute=20_000, rotate_every=300, rotate_grace=60, touch_every=30)


class Store(MemorySessionStore):
    """Goes away and comes back."""

    away = False

    async def get(self, key: str) -> bytes | None:
        self._check()
        return await super().get(key)

    async def swap(self, key: str, revision: bytes, record: bytes, ttl: float) -> Swapped | Gone | Conflict:
        self._check()
        await asyncio.sleep(0)
        return await super().swap(key, revision, record, ttl)

    def _check(self) -> None:
        if self.away:
            raise StoreAway("away")


class Process:
    """One gateway process."""

    def __init__(self, store: Store, clock: SettableClock) -> None:
        records = Records(store, "gw:")
        self.renewal = Renewal(records, clock)
        self.sessions = Sessions(records, self.renewal, Audit(lambda line: None, clock), clock)


@dataclass
class Browser:
    """What a browser holds, and what should be true of it."""

    cookie: str
    created: float
    last_use: float
    alive: bool = True


class SessionMachine(RuleBasedStateMachine):
    @initialize()
    def set_up(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.clock = SettableClock()
        self.store = Store(self.clock)
        self.snapshot = replace(sample_snapshot(), life=LIFE)
        self.processes = [Process(self.store, self.clock), Process(self.store, self.clock)]
        self.browsers: list[Browser] = []
        self.retired: list[tuple[str, Browser]] = []

    def teardown(self) -> None:
        if hasattr(self, "loop"):
            self.loop.run_until_complete(self._settle())
            self.loop.close()

    async def _settle(self) -> None:
        self.store.away = False
        for process in self.processes:
            await process.renewal.flush()

    @precondition(lambda self: not self.store.away)
    @rule()
    def log_in(self) -> None:
        started = self.loop.run_until_complete(self.processes[0].sessions.start(self.snapshot, sample_account(), sample_facts(), remember=False))
        self.browsers.append(Browser(started.cookie, self.clock.now, self.clock.now))

    @precondition(lambda self: self.browsers)
    @rule(data=st.data(), parallel=st.integers(1, 4), lost=st.booleans())
    def visit(self, data: st.DataObject, parallel: int, lost: bool) -> None:
        browser = data.draw(st.sampled_from(self.browsers))
        before = browser.cookie
        outcomes = self.loop.run_until_complete(self._visits(before, parallel))
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
            self.loop.run_until_complete(self._flush())

    async def _flush(self) -> None:
        for process in self.processes:
            await process.renewal.flush(self.clock.now)

    @precondition(lambda self: self.browsers and not self.store.away)
    @rule(data=st.data(), process=st.integers(0, 1))
    def log_out(self, data: st.DataObject, process: int) -> None:
        browser = data.draw(st.sampled_from(self.browsers))
        self.loop.run_until_complete(self.processes[process].sessions.end(self.snapshot, sample_facts("/", browser.cookie)))
        browser.alive = False

    @precondition(lambda self: self.retired and not self.store.away)
    @rule(data=st.data())
    def a_thief_presents_a_retired_cookie(self, data: st.DataObject) -> None:
        cookie, victim = data.draw(st.sampled_from(self.retired))
        outcome = self.loop.run_until_complete(self.processes[1].sessions.load(self.snapshot, sample_facts("/", cookie)))
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
        self.loop.run_until_complete(self.processes[number].renewal.flush())
        self.processes[number] = Process(self.store, self.clock)

    def _in_time(self, browser: Browser) -> bool:
        return self.clock.now < min(browser.created + LIFE.absolute, browser.last_use + LIFE.idle)


TestSessionModel = SessionMachine.TestCase
TestSessionModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
