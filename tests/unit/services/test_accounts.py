"""What the command line does to accounts: saved, audited, felt by sessions at once or later."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.core.decide import Nobody
from gateway.core.identity import State
from gateway.core.password import PasswordPolicy, Weakness
from gateway.crypto.passwords import CHEAPEST, Hasher
from gateway.services.accounts import Accounts, Felt, NoAccount, Reach, Weak
from gateway.services.addresses import NotValid
from gateway.services.audit import Audit
from gateway.services.effects import Effects
from gateway.services.passwords import Passwords
from gateway.services.records import Records
from gateway.services.renewal import Renewal
from gateway.services.sessions import Found, Sessions
from gateway.services.throttle import Throttle
from gateway.snapshot import Live, ThrottleLimits
from gateway.stores import StoreAway
from gateway.stores.accounts import Account, AddressTaken
from gateway.stores.memory import MemorySessionStore, MemoryThrottleStore
from gateway.stores.sql import schema
from gateway.stores.sql.accounts import SqlAccountStore
from gateway.stores.sql.engine import LONG, open_database
from gateway.stores.sql.failures import SqlFailureStore
from tests.samples import SettableClock, sample_facts, sample_snapshot

PASSWORD = "correct horse battery staple"


class AwayStore(MemorySessionStore):
    away = False

    async def index_members(self, user_key: str, now: float) -> list[str]:
        if self.away:
            raise StoreAway("away")
        return await super().index_members(user_key, now)


@dataclass
class World:
    clock: SettableClock
    accounts: Accounts
    local: Accounts
    store: SqlAccountStore
    records: AwayStore
    sessions: Sessions
    effects: Effects
    throttle: Throttle
    lines: list[str]

    async def add(self, email: str = "ann@example.com", *groups: str, **changes: Any) -> Account:
        return await self.accounts.add(email, **{"name": "Ann", "groups": groups, "password": PASSWORD, **changes})

    async def log_in(self, email: str = "ann@example.com") -> str:
        account = await self.store.find(email)
        assert account is not None
        return (await self.sessions.start(SNAPSHOT, account, sample_facts(), remember=False)).cookie

    async def who(self, cookie: str) -> Found | Nobody:
        return await self.sessions.load(SNAPSHOT, sample_facts("/", cookie))


SNAPSHOT = sample_snapshot()


@pytest.fixture
async def world(clock: SettableClock, tmp_path: Path) -> AsyncIterator[World]:
    lines = list[str]()
    database = open_database(f"sqlite:///{tmp_path}/users.db", within=LONG)
    await schema.upgrade(database)
    store, kept, audit = SqlAccountStore(database), AwayStore(clock), Audit(lines.append, clock)
    records = Records(kept, "gw:")
    sessions = Sessions(records, Renewal(records, clock), Audit(lambda line: None, clock), clock)
    effects = Effects(store, sessions, Live(SNAPSHOT), lambda text: None)
    failures = SqlFailureStore(database)
    throttle = Throttle(MemoryThrottleStore(clock), "gw:", failures)
    passwords = Passwords(Hasher(CHEAPEST), threads=1)
    accounts = Accounts(store, failures, passwords, PasswordPolicy(), Reach(effects, throttle), audit, clock, "ops")
    local = Accounts(store, failures, passwords, PasswordPolicy(), None, audit, clock, "ops")
    yield World(clock, accounts, local, store, kept, sessions, effects, throttle, lines)
    passwords.close()
    await store.close()


async def test_an_account_is_added_once_and_listed(world):
    ann = await world.add(" Ann@EXAMPLE.com", "staff", "staff", "admins")
    assert (ann.identity.email, ann.identity.groups, ann.identity.state) == ("Ann@example.com", ("staff", "admins"), State.VERIFIED)
    assert await world.accounts.find("ann@example.com") == ann
    with pytest.raises(AddressTaken):
        await world.add("ANN@example.com")
    await world.add("bob@localhost", state=State.CREATED)
    assert [account.identity.email for account in await world.accounts.all()] == ["Ann@example.com", "bob@localhost"]
    assert await world.accounts.search("ANN@") == [ann]
    events = [json.loads(line) for line in world.lines]
    assert [(event["audit"], event["outcome"], event["by"]) for event in events] == [
        ("user:add", "success", "ops"),
        ("user:add", "refused", "ops"),
        ("user:add", "success", "ops"),
    ]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"email": "ann"}, NotValid),
        ({"name": "A\nB"}, NotValid),
        ({"groups": ("a,b",)}, NotValid),
        ({"password": "short"}, Weak),
        ({"password": "x" * 257}, Weak),
    ],
)
async def test_what_cannot_be_is_not_saved(world, changes, error):
    with pytest.raises(error):
        await world.add(**{"email": "ann@example.com", **changes})
    assert await world.accounts.all() == []


async def test_a_weak_password_says_why(world):
    with pytest.raises(Weak) as caught:
        await world.add(password="short")
    assert caught.value.weakness is Weakness.TOO_SHORT
    assert "short" not in str(caught.value).replace("too_short", "")


async def test_nobody_is_found_by_an_address_that_is_none(world):
    for email in ("nobody@example.com", "nobody", ""):
        with pytest.raises(NoAccount):
            await world.accounts.find(email)
        with pytest.raises(NoAccount):
            await world.accounts.set_state(email, State.DISABLED)


async def test_sessions_feel_groups_and_end_with_what_ends_them(world):
    await world.add()
    cookie = await world.log_in()
    changed = await world.accounts.set_groups("ann@example.com", ("admins",))
    assert (changed.felt, changed.account.identity.groups) == (Felt.NOW, ("admins",))
    found = await world.who(cookie)
    assert isinstance(found, Found)
    assert found.session.identity.groups == ("admins",)
    for end in (
        lambda: world.accounts.set_password("ann@example.com", "another good one"),
        lambda: world.accounts.set_state("ann@example.com", State.DISABLED),
        lambda: world.accounts.end_sessions("ann@example.com"),
        lambda: world.accounts.delete("ann@example.com"),
    ):
        cookie = await world.log_in()
        assert isinstance(await world.who(cookie), Found)
        assert (await end()).felt is Felt.NOW
        assert await world.who(cookie) is Nobody.ANONYMOUS
    assert await world.store.effects() == []


async def test_everybodys_sessions_end_at_once(world):
    await world.add("ann@example.com")
    await world.add("bob@example.com")
    cookies = [await world.log_in("ann@example.com"), await world.log_in("bob@example.com")]
    assert await world.accounts.end_all_sessions() == (2, Felt.NOW)
    assert [await world.who(cookie) for cookie in cookies] == [Nobody.ANONYMOUS] * 2


async def test_what_cannot_be_applied_now_is_saved_and_applied_later(world):
    await world.add()
    cookie = await world.log_in()
    world.records.away = True
    changed = await world.accounts.set_state("ann@example.com", State.DISABLED)
    assert (changed.felt, changed.account.identity.state) == (Felt.LATER, State.DISABLED)
    assert (await world.accounts.end_all_sessions())[1] is Felt.LATER
    world.records.away = False
    assert await world.effects.apply_pending() == 1
    assert await world.who(cookie) is Nobody.ANONYMOUS


async def test_another_processs_memory_is_left_to_that_process(world):
    await world.add()
    cookie = await world.log_in()
    assert (await world.local.end_sessions("ann@example.com")).felt is Felt.BY_SERVER
    assert (await world.local.end_all_sessions())[1] is Felt.BY_SERVER
    assert isinstance(await world.who(cookie), Found)
    assert len(await world.store.effects()) == 1  # the effect waits for the process that has the sessions
    await world.effects.apply_pending()
    assert await world.who(cookie) is Nobody.ANONYMOUS


@pytest.mark.parametrize("forgiving", ["password", "enable"])
@pytest.mark.parametrize("where", ["accounts", "local"])
async def test_a_new_password_forgets_failed_logins(world, forgiving, where):
    await world.add()
    limits = ThrottleLimits(per_ip=1000, stop_after=3)
    waits = [await world.throttle.attempt(limits, "192.0.2.7", "ann@example.com", world.clock()) for _ in range(4)]
    assert waits[-1] > 0
    accounts = getattr(world, where)
    if forgiving == "password":
        await accounts.set_password("ann@example.com", "another good one")
    else:
        await accounts.set_state("ann@example.com", State.VERIFIED)
    assert await world.throttle.attempt(limits, "192.0.2.7", "ann@example.com", world.clock()) == 0


async def test_what_is_no_forgiveness_forgets_no_failed_logins(world):
    await world.add()
    limits = ThrottleLimits(per_ip=1000, stop_after=3)
    for _ in range(3):
        await world.throttle.attempt(limits, "192.0.2.7", "ann@example.com", world.clock())
    await world.accounts.set_groups("ann@example.com", ("a",))
    await world.accounts.end_sessions("ann@example.com")
    assert await world.throttle.attempt(limits, "192.0.2.7", "ann@example.com", world.clock()) > 0


async def test_the_trail_says_who_did_what_and_holds_no_password(world):
    ann = await world.add()
    await world.accounts.set_groups("ann@example.com", ("a", "b"))
    await world.accounts.set_password("ann@example.com", "another good one")
    await world.accounts.set_state("ann@example.com", State.EXPIRED)
    await world.accounts.end_sessions("ann@example.com")
    await world.accounts.delete("ann@example.com")
    events = [json.loads(line) for line in world.lines]
    assert [event["audit"] for event in events] == ["user:add", "user:groups", "user:password", "user:state", "session:revoke", "user:delete"]
    assert {(event["user"], event["email"], event["by"]) for event in events} == {(ann.identity.user_id, "ann@example.com", "ops")}
    assert not [word for word in (PASSWORD, "another", "argon2") if word in "".join(world.lines)]
