"""Logging in, told as people's stories; real SQLite, memory stores, a clock that stands still."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from gateway.core.decide import Nobody
from gateway.core.facts import Facts
from gateway.core.identity import State
from gateway.core.password import Argon2Cost
from gateway.crypto.passwords import CHEAPEST, Hasher
from gateway.services.audit import Audit
from gateway.services.login import LoggedIn, Login, Outcome, Throttled, Unverified, Wrong
from gateway.services.passwords import Checked, Passwords
from gateway.services.records import Records
from gateway.services.renewal import Renewal
from gateway.services.sessions import Found, Sessions
from gateway.services.throttle import Throttle
from gateway.snapshot import Snapshot, ThrottleLimits
from gateway.stores import StoreAway
from gateway.stores.accounts import Account
from gateway.stores.memory import MemorySessionStore, MemoryThrottleStore
from gateway.stores.sql import schema
from gateway.stores.sql.accounts import SqlAccountStore
from gateway.stores.sql.engine import LONG, Database, open_database
from gateway.stores.sql.failures import SqlFailureStore
from tests.samples import SettableClock, sample_account, sample_facts, sample_snapshot

RIGHT = "correct horse battery staple"
PATIENT = ThrottleLimits(per_ip=10_000, delay_after=10_000, stop_after=10_000)


class CountingHasher(Hasher):
    """Counts what it is asked, and knows whether the dummy answered."""

    def __init__(self) -> None:
        super().__init__(CHEAPEST)
        self.verified = 0
        self.made = 0
        self.takes = 0.0
        self.ended = 0.0

    def now(self) -> float:
        """A clock that only hashing moves."""
        return self.ended

    def verify(self, stored: str | None, password: str) -> bool:
        self.verified += 1
        self.ended += self.takes
        return super().verify(stored, password)

    def hash(self, password: str) -> str:
        self.made += 1
        return super().hash(password)


class NoHashes:
    """A table of accounts without passwords."""

    async def strongest_hashes(self) -> list[str]:
        return []


class Outages:
    """Where the stores fail: names of methods."""

    def __init__(self) -> None:
        self.away: set[str] = set()
        self.meanwhile: Callable[[], Any] | None = None

    def check(self, method: str) -> None:
        if method in self.away:
            raise StoreAway(f"{method} is away")


class FailingAccounts(SqlAccountStore):
    def __init__(self, database: Database, outages: Outages) -> None:
        super().__init__(database)
        self._outages = outages

    async def find(self, email: str) -> Account | None:
        self._outages.check("find")
        return await super().find(email)

    async def epoch(self, user_id: str) -> int | None:
        self._outages.check("epoch")
        if self._outages.meanwhile is not None:
            await self._outages.meanwhile()
        return await super().epoch(user_id)

    async def strongest_hashes(self) -> Sequence[str]:
        self._outages.check("strongest_hashes")
        return await super().strongest_hashes()

    async def record_login(self, user_id: str, now: float) -> None:
        self._outages.check("record_login")
        await super().record_login(user_id, now)


class FailingThrottle(MemoryThrottleStore):
    def __init__(self, clock: SettableClock, outages: Outages) -> None:
        super().__init__(clock)
        self._outages = outages

    async def take(self, key: str, limit: int, window: float) -> float:
        self._outages.check("take")
        return await super().take(key, limit, window)


class FailingSessions(MemorySessionStore):
    def __init__(self, clock: SettableClock, outages: Outages) -> None:
        super().__init__(clock)
        self._outages = outages

    async def put(self, key: str, record: bytes, ttl: float) -> None:
        self._outages.check("put")
        await super().put(key, record, ttl)


@dataclass
class World:
    clock: SettableClock
    accounts: SqlAccountStore
    store: MemorySessionStore
    sessions: Sessions
    hasher: CountingHasher
    passwords: Passwords
    login: Login
    lines: list[str]
    outages: Outages
    slept: list[float]
    snapshot: Snapshot
    throttle: Throttle

    async def add(self, name: str = "ann", *, state: State = State.VERIFIED, stored: str | None = None) -> Account:
        account = replace(sample_account(name, state=state), password_hash=stored or Hasher(CHEAPEST).hash(RIGHT))
        await self.accounts.add(account)
        return account

    async def attempt(self, email: str = "ann@example.com", password: str = RIGHT, facts: Facts | None = None, **changes: Any) -> Outcome:
        snapshot = replace(self.snapshot, **changes)
        return await self.login.attempt(snapshot, facts or sample_facts(), email=email, password=password, remember=False)

    async def who(self, outcome: Outcome) -> Found | Nobody:
        assert isinstance(outcome, LoggedIn)
        return await self.sessions.load(self.snapshot, sample_facts("/", outcome.started.cookie))

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    async def live(self) -> list[str]:
        return [key async for key in self.store.scan("gw:s:")]


@pytest.fixture
async def world(clock: SettableClock, tmp_path: Path) -> AsyncIterator[World]:
    outages, lines, slept = Outages(), list[str](), list[float]()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    database = open_database(f"sqlite:///{tmp_path}/users.db", within=LONG)
    await schema.upgrade(database)
    accounts = FailingAccounts(database, outages)
    store = FailingSessions(clock, outages)
    audit = Audit(lines.append, clock)
    records = Records(store, "gw:")
    sessions = Sessions(records, Renewal(records, clock), audit, clock)
    hasher = CountingHasher()
    passwords = Passwords(hasher, threads=2, clock=hasher.now, sleep=sleep)
    await passwords.measure([])
    hasher.verified = 0
    throttle = Throttle(FailingThrottle(clock, outages), "gw:", SqlFailureStore(database))
    login = Login(accounts, sessions, throttle, passwords, audit, clock)
    yield World(clock, accounts, store, sessions, hasher, passwords, login, lines, outages, slept, sample_snapshot(throttle=PATIENT), throttle)
    passwords.close()
    await accounts.close()


async def test_ann_logs_in_and_is_known(world):
    ann = await world.add()
    outcome = await world.attempt(" ANN@Example.com ")
    assert isinstance(outcome, LoggedIn)
    found = await world.who(outcome)
    assert isinstance(found, Found)
    assert found.session.identity == ann.identity
    stored = await world.accounts.get(ann.identity.user_id)
    assert stored.last_login == world.clock.now
    assert (world.hasher.verified, world.hasher.made) == (1, 0)
    [start, success] = world.events()
    assert (start["audit"], success["audit"]) == ("session:start", "login:success")
    assert success["user"] == ann.identity.user_id
    assert success["session"] == outcome.started.member[:16]
    assert success["address"] == "192.0.2.7"


async def test_nobody_learns_why_somebody_was_refused(world):
    await world.add("ann")
    await world.add("eve", state=State.DISABLED)
    await world.add("new", state=State.CREATED)
    await world.add("old", state=State.EXPIRED)
    tries = [
        ("ann@example.com", "wrong"),
        ("eve@example.com", "wrong"),
        ("eve@example.com", RIGHT),
        ("new@example.com", "wrong"),
        ("old@example.com", "wrong"),
        ("unknown@example.com", RIGHT),
        ("no address at all", RIGHT),
        ("", ""),
        ("ann@example.com" + "x" * 8000, RIGHT),
        ("\ud800@example.com", "\ud800"),
    ]
    for number, (email, password) in enumerate(tries, start=1):
        assert await world.attempt(email, password) == Wrong(), email
        assert world.hasher.verified == number, email  # exactly one hash for each, whoever it is
    assert await world.live() == []
    assert world.hasher.made == 0


async def test_every_refusal_is_waited_out_and_no_success(world):
    await world.add("ann")
    await world.add("eve", state=State.DISABLED)
    world.hasher.takes = 10.0
    await world.login.learn()
    world.hasher.takes = 4.0
    for email, password in (("ann@example.com", "wrong"), ("eve@example.com", RIGHT), ("unknown@example.com", "x")):
        world.slept.clear()
        await world.attempt(email, password)
        assert world.slept == [7.0], email  # a tenth more than was measured, less what it took
    world.slept.clear()
    assert isinstance(await world.attempt(), LoggedIn)
    assert world.slept == []


async def test_learning_begins_at_once():
    passwords, clock = Passwords(CountingHasher(), threads=1), SettableClock()
    accounts: Any = NoHashes()
    unused: Any = None
    learning = asyncio.create_task(Login(accounts, unused, unused, passwords, unused, clock).run())
    async with asyncio.timeout(20):
        await passwords.wait_out(Checked(right=False, started=0.0))
    learning.cancel()
    passwords.close()


async def test_what_was_learnt_of_hashes_outlives_an_outage(world):
    world.outages.away.add("strongest_hashes")
    world.hasher.takes = 2.0
    await world.login.learn()
    assert world.passwords.slowest == pytest.approx(2.2)
    world.hasher.takes = 5.0
    await world.login.learn()
    assert world.passwords.slowest == pytest.approx(2.2)
    world.outages.away.clear()
    await world.login.learn()
    assert world.passwords.slowest == pytest.approx(5.5)


async def test_only_the_right_password_tells_that_the_address_must_be_verified(world):
    await world.add(state=State.CREATED)
    assert await world.attempt(password="wrong") == Wrong()
    assert await world.attempt() == Unverified()
    assert await world.live() == []


async def test_an_expired_account_gets_a_session_that_says_so(world):
    await world.add(state=State.EXPIRED)
    found = await world.who(await world.attempt())
    assert isinstance(found, Found)
    assert found.session.identity.state is State.EXPIRED


@pytest.mark.parametrize("stored", ["garbage", "$argon2id$v=19$m=8,t=1,p=1$!$!", "$2b$31$" + "a" * 53, "\0"])
async def test_a_corrupt_hash_fails_its_own_account_only(world, stored):
    await world.add("ann", stored=stored.replace("\0", "�"))
    await world.add("bob")
    assert await world.attempt("ann@example.com") == Wrong()
    assert isinstance(await world.attempt("bob@example.com"), LoggedIn)


async def test_a_bcrypt_hash_becomes_argon2_when_its_owner_logs_in(world):
    ann = await world.add(stored=bcrypt.hashpw(RIGHT.encode(), bcrypt.gensalt(4)).decode())
    assert await world.attempt(password="wrong") == Wrong()
    assert world.hasher.made == 0
    outcome = await world.attempt()
    assert isinstance(await world.who(outcome), Found)
    stored = (await world.accounts.get(ann.identity.user_id)).password_hash
    assert stored.startswith("$argon2id$")
    assert isinstance(await world.who(outcome), Found)  # the session does not feel it
    assert isinstance(await world.attempt(), LoggedIn)
    assert world.hasher.made == 1


async def test_a_hash_of_other_parameters_is_made_anew(world):
    ann = await world.add(stored=Hasher(Argon2Cost(16, 2, 1)).hash(RIGHT))
    assert isinstance(await world.attempt(), LoggedIn)
    assert "m=8,t=1" in (await world.accounts.get(ann.identity.user_id)).password_hash


async def test_a_thousand_wrong_logins_at_once_cost_a_few_hashes_and_hinder_nobody_else(world):
    await world.add("ann")
    await world.add("bob")
    limits = ThrottleLimits()
    guesses = [
        world.attempt(
            "Ann@example.com" if number % 2 else "ann@EXAMPLE.com",
            "wrong",
            sample_facts(client=f"10.0.{number // 250}.{number % 250}"),
            throttle=limits,
        )
        for number in range(1000)
    ]
    *outcomes, bob = await asyncio.gather(*guesses, world.attempt("bob@example.com", facts=sample_facts(client="192.0.2.8"), throttle=limits))
    assert isinstance(bob, LoggedIn)
    assert sum(outcome == Wrong() for outcome in outcomes) == limits.delay_after
    assert sum(isinstance(outcome, Throttled) and 0 < outcome.retry_after <= 32 for outcome in outcomes) == 1000 - limits.delay_after
    assert world.hasher.verified == limits.delay_after + 1


async def test_an_unknown_address_is_throttled_like_a_known_one(world):
    await world.add("ann")
    limits = ThrottleLimits()
    seen = {}
    for email in ("ann@example.com", "unknown@example.com", "not an address"):
        seen[email] = [await world.attempt(email, "wrong", sample_facts(client=f"10.0.0.{n}"), throttle=limits) for n in range(7)]
    assert seen["ann@example.com"] == seen["unknown@example.com"] == seen["not an address"]
    assert isinstance(seen["ann@example.com"][-1], Throttled)


async def test_success_forgets_the_failures_before_it(world):
    await world.add()
    limits = ThrottleLimits()
    for _ in range(3):
        for _ in range(4):
            assert await world.attempt(password="wrong", throttle=limits, facts=sample_facts(client="10.0.0.1")) == Wrong()
        assert isinstance(await world.attempt(throttle=limits, facts=sample_facts(client="10.0.0.2")), LoggedIn)
        world.clock.forward(60)


async def test_the_right_password_does_not_help_while_the_account_is_delayed(world):
    await world.add()
    limits = ThrottleLimits(per_ip=1000)
    for _ in range(5):
        await world.attempt(password="wrong", throttle=limits)
    waited = await world.attempt(throttle=limits)
    assert isinstance(waited, Throttled)
    world.clock.forward(waited.retry_after)
    assert isinstance(await world.attempt(throttle=limits), LoggedIn)


async def test_after_too_many_in_a_row_nobody_is_let_in_until_a_reset(world):
    await world.add()
    limits = ThrottleLimits(per_ip=1000, delay_after=3, stop_after=6)
    seen: dict[str, list[Outcome]] = {}
    hashed: dict[str, int] = {}
    for email in ("ann@example.com", "nobody@example.com"):
        seen[email], before = [], world.hasher.verified
        for _ in range(12):
            outcome = await world.attempt(email, "wrong", throttle=limits)
            seen[email].append(outcome)
            world.clock.forward(7 * 86_400 if isinstance(outcome, Throttled) else 0)
        hashed[email] = world.hasher.verified - before
    assert seen["ann@example.com"] == seen["nobody@example.com"]
    assert hashed == {"ann@example.com": 6, "nobody@example.com": 6}
    assert seen["ann@example.com"][-1] == Throttled(limits.max_delay)
    assert isinstance(await world.attempt(throttle=limits), Throttled)  # the right password does not help
    await world.throttle.clear("ann@example.com")
    assert isinstance(await world.attempt(throttle=limits), LoggedIn)


async def test_a_success_begins_the_count_anew(world):
    await world.add()
    limits = ThrottleLimits(per_ip=1000, delay_after=50, stop_after=4)
    for _ in range(3):
        for _ in range(3):
            assert await world.attempt(password="wrong", throttle=limits) == Wrong()
        assert isinstance(await world.attempt(throttle=limits), LoggedIn)


async def test_what_is_no_address_is_counted_with_delays_only(world):
    limits = ThrottleLimits(per_ip=1000, delay_after=3, stop_after=4)
    outcomes = []
    for _ in range(12):
        outcomes.append(await world.attempt("hunter2", "wrong", throttle=limits))
        world.clock.forward(limits.max_delay)
    assert outcomes == [Wrong()] * 12


@pytest.mark.parametrize("where", ["take", "find", "put", "epoch"])
async def test_a_store_that_is_away_logs_nobody_in_and_leaves_nothing(world, where):
    await world.add()
    world.outages.away.add(where)
    with pytest.raises(StoreAway):
        await world.attempt()
    assert await world.live() == []
    assert world.hasher.verified == (0 if where in ("take", "find") else 1)
    world.outages.away.clear()
    assert isinstance(await world.attempt(), LoggedIn)


async def test_what_only_tidies_up_does_not_spoil_a_login(world):
    await world.add()
    world.outages.away.add("record_login")
    assert isinstance(await world.who(await world.attempt()), Found)


@pytest.mark.parametrize("change", ["disable", "delete", "password", "groups", "revoke"])
async def test_a_change_during_the_login_is_not_slept_through(world, change):
    ann = await world.add()
    user = ann.identity.user_id
    changes = {
        "disable": lambda: world.accounts.set_state(user, State.DISABLED),
        "delete": lambda: world.accounts.delete(user),
        "password": lambda: world.accounts.set_password(user, "$argon2id$new"),
        "groups": lambda: world.accounts.set_groups(user, ("admins",)),
        "revoke": lambda: world.accounts.end_sessions(user),
    }
    world.outages.meanwhile = changes[change]
    assert await world.attempt() == Wrong()
    assert await world.live() == []


async def test_a_planted_session_ends_when_its_victim_logs_in(world):
    await world.add("eve")
    await world.add("ann")
    planted = await world.attempt("eve@example.com")
    assert isinstance(planted, LoggedIn)
    ann = await world.attempt("ann@example.com", facts=sample_facts("/", planted.started.cookie))
    assert await world.who(planted) is Nobody.ANONYMOUS
    assert isinstance(await world.who(ann), Found)


async def test_an_exclusive_login_ends_the_others_and_a_limit_the_oldest(world):
    await world.add()
    first, second = await world.attempt(), await world.attempt()
    third = await world.attempt(exclusive_login=True)
    assert [await world.who(one) for one in (first, second)] == [Nobody.ANONYMOUS] * 2
    world.clock.forward(1)
    fourth = await world.attempt(max_sessions_per_user=1)
    assert await world.who(third) is Nobody.ANONYMOUS
    assert isinstance(await world.who(fourth), Found)


async def test_the_trail_holds_no_password_and_no_address_that_was_merely_typed(world):
    ann = await world.add()
    await world.attempt("hunter2-typed-here@example.com", "secret-1")
    await world.attempt("hunter2", "secret-2")
    await world.attempt(password="secret-3")
    await world.attempt(throttle=ThrottleLimits(per_ip=1))
    text = "\n".join(world.lines)
    assert not [word for word in ("hunter2", "secret", RIGHT, "argon2") if word in text]
    assert [(event["audit"], event.get("reason"), event.get("user")) for event in world.events()] == [
        ("login:failure", "unknown", None),
        ("login:failure", "unknown", None),
        ("login:failure", "wrong", ann.identity.user_id),
        ("login:throttled", None, None),
    ]


async def test_two_logins_at_once_of_a_hundred_people_give_everybody_their_own(world):
    names = [f"u{number:03}" for number in range(100)]
    people = {name: await world.add(name, stored=world.hasher.dummy) for name in names}
    same = Hasher(CHEAPEST).hash(RIGHT)
    for account in people.values():
        await world.accounts.rehash(account.identity.user_id, world.hasher.dummy, same)
    outcomes = await asyncio.gather(*(world.attempt(f"{name}@example.com") for name in names * 2))
    for name, outcome in zip(names * 2, outcomes, strict=True):
        found = await world.who(outcome)
        assert isinstance(found, Found)
        assert found.session.identity == people[name].identity
