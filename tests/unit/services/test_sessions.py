"""Sessions over a memory store and a clock that the test moves: what DESIGN 1.7 promises, told as stories."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gateway.core.decide import Nobody
from gateway.core.facts import Facts
from gateway.core.session import Life
from gateway.crypto.sealing import Ticket, open_cookie, seal_cookie
from gateway.crypto.tokens import random_bytes
from gateway.services.audit import Audit
from gateway.services.records import Records
from gateway.services.renewal import Renewal
from gateway.services.sessions import Found, Sessions, Started
from gateway.stores import StoreAway
from gateway.stores.memory.sessions import MemorySessionStore
from gateway.stores.sessions import Conflict, Gone, Swapped
from tests.samples import NOW, SettableClock, sample_account, sample_facts, sample_ring, sample_snapshot


class FailingStore(MemorySessionStore):
    """A store that can go away: altogether, or for writing only. Counts what it is asked."""

    def __init__(self, clock: SettableClock) -> None:
        super().__init__(clock)
        self.reads_fail = False
        self.writes_fail = False
        self.reads = 0
        self.swaps = 0

    async def get(self, key: str) -> bytes | None:
        self.reads += 1
        if self.reads_fail:
            raise StoreAway("gone")
        return await super().get(key)

    async def swap(self, key: str, revision: bytes, record: bytes, ttl: float) -> Swapped | Gone | Conflict:
        self.swaps += 1
        if self.writes_fail:
            raise StoreAway("gone")
        return await super().swap(key, revision, record, ttl)


class World:
    """One process with its store, as many of them as a test wants."""

    def __init__(self, clock: SettableClock | None = None, store: FailingStore | None = None) -> None:
        self.clock = clock or SettableClock()
        self.store = store or FailingStore(self.clock)
        self.audit_lines: list[str] = []
        records = Records(self.store, "gw:")
        self.renewal = Renewal(records, self.clock, gathered=0)
        self.sessions = Sessions(records, self.renewal, Audit(self.audit_lines.append, self.clock), self.clock)
        self.snapshot = sample_snapshot()

    def other_process(self) -> World:
        return World(self.clock, self.store)

    async def login(self, name: str = "ann", *, remember: bool = False, facts: Facts | None = None) -> Started:
        return await self.sessions.start(self.snapshot, sample_account(name), facts or sample_facts(), remember=remember)

    async def visit(self, *cookies: str, passive: bool = False) -> Found | Nobody:
        return await self.sessions.load(self.snapshot, sample_facts("/", *cookies, passive=passive))

    async def visit_as(self, *cookies: str, passive: bool = False) -> str | None:
        """Somebody gets in; returns the cookie that the answer carries, or None."""
        found = await self.visit(*cookies, passive=passive)
        assert isinstance(found, Found)
        return found.cookie

    def events(self) -> list[str]:
        return [json.loads(line)["audit"] for line in self.audit_lines]


@pytest.fixture
def world() -> World:
    return World()


async def test_a_login_is_recognised_until_it_is_ended(world: World) -> None:
    started = await world.login()
    found = await world.visit(started.cookie)
    assert isinstance(found, Found)
    assert found.session.identity.email == "ann@example.com"
    assert found.cookie is None, "the client has the present cookie: no Set-Cookie"
    assert await world.sessions.end(world.snapshot, sample_facts("/", started.cookie))
    assert await world.visit(started.cookie) is Nobody.ANONYMOUS
    again = await world.login()
    assert await world.visit(started.cookie) is Nobody.ANONYMOUS, "the captured cookie stays dead"
    assert isinstance(await world.visit(again.cookie), Found)


async def test_idle_limit_to_the_second(world: World) -> None:
    started = await world.login()
    world.clock.forward(1799)
    assert await world.visit_as(started.cookie) is None
    await world.renewal.flush()
    world.clock.forward(1801)
    assert await world.visit(started.cookie) is Nobody.ANONYMOUS
    assert world.events()[-1] == "session:expire"
    assert await world.sessions.members(world.snapshot, sample_account().identity.user_id) == []


async def test_constant_use_ends_at_the_absolute_limit_and_rotation_does_not_move_it(world: World) -> None:
    cookie = (await world.login()).cookie
    end = NOW + world.snapshot.life.absolute
    rotations = 0
    while world.clock.now + 600 < end:
        world.clock.forward(600)
        successor = await world.visit_as(cookie)
        if successor is not None:
            rotations += 1
            cookie = successor
        await world.renewal.flush(world.clock.now)
    assert rotations >= 10
    world.clock.now = end - 1
    assert isinstance(await world.visit(cookie), Found)
    world.clock.now = end
    assert await world.visit(cookie) is Nobody.ANONYMOUS


async def test_a_remembered_session_has_no_idle_limit(world: World) -> None:
    started = await world.login(remember=True)
    assert started.max_age == int(world.snapshot.life.remember)
    world.clock.forward(world.snapshot.life.remember - 1)
    assert isinstance(await world.visit(started.cookie), Found)
    world.clock.forward(1)
    assert await world.visit(started.cookie) is Nobody.ANONYMOUS


async def test_without_remember_the_cookie_ends_with_the_browser_unless_persistent(world: World) -> None:
    assert (await world.login()).max_age is None
    world.snapshot = replace(world.snapshot, cookie=replace(world.snapshot.cookie, persistent=True))
    assert (await world.login()).max_age == int(world.snapshot.life.absolute)


async def test_rotation_replaces_the_secret_once_and_losers_get_the_winners_cookie(world: World) -> None:
    first = (await world.login()).cookie
    world.clock.forward(1790)
    await world.visit(first)
    await world.renewal.flush()
    world.clock.forward(1790)
    await world.visit(first)
    await world.renewal.flush()
    world.clock.forward(100)
    answers = {await world.visit_as(first) for _ in range(5)}
    assert len(answers) == 1
    [second] = answers
    assert second is not None
    assert second != first
    opened = [open_cookie(world.snapshot.keys, "__Host-gw", value) for value in (first, second)]
    assert opened[0] is not None
    assert opened[1] is not None
    assert opened[0].id == opened[1].id, "the id is stable"
    assert opened[0].secret != opened[1].secret
    assert await world.visit_as(second) is None


async def rotated(world: World) -> tuple[str, str]:
    """A session whose secret has just been replaced: the replaced cookie and its successor."""
    world.snapshot = replace(world.snapshot, life=Life(idle=100_000, rotate_every=3600))
    first = (await world.login()).cookie
    world.clock.forward(3600)
    second = await world.visit_as(first)
    assert second is not None
    return first, second


async def test_a_lost_answer_is_repaired_however_late(world: World) -> None:
    first, second = await rotated(world)
    world.clock.forward(20_000)
    assert await world.visit_as(first) == second, "nobody has presented the successor yet"
    assert await world.visit_as(first) == second


async def test_the_replaced_secret_works_for_the_grace_after_its_successor_was_seen_then_it_is_theft(world: World) -> None:
    first, second = await rotated(world)
    assert await world.visit_as(second) is None
    world.clock.forward(59)
    assert await world.visit_as(first) == second
    world.clock.forward(1)
    assert await world.visit(first) is Nobody.ANONYMOUS
    assert world.events()[-1] == "session:theft"
    assert await world.visit(second) is Nobody.ANONYMOUS, "theft ends the session for both"


async def test_no_new_rotation_while_the_successor_is_unconfirmed(world: World) -> None:
    first, second = await rotated(world)
    world.clock.forward(7200)
    assert await world.visit_as(first) == second
    assert await world.visit_as(second) is None, "this confirms it"
    world.clock.forward(60)
    third = await world.visit_as(second)
    assert third not in (None, first, second), "and after the grace it is due"


async def test_images_neither_rotate_nor_carry_a_cookie(world: World) -> None:
    world.snapshot = replace(world.snapshot, life=Life(idle=100_000, rotate_every=3600))
    first = (await world.login()).cookie
    world.clock.forward(3600)
    assert await world.visit_as(first, passive=True) is None
    second = await world.visit_as(first)
    assert second is not None
    assert await world.visit_as(first, passive=True) is None, "not even the winner's"
    assert await world.visit_as(first) == second


async def test_both_the_present_and_the_replaced_cookie_sent_together_count_as_present(world: World) -> None:
    first, second = await rotated(world)
    assert await world.visit_as(first, second) is None
    world.clock.forward(100)
    assert await world.visit_as(first, second) is None, "the retired one beside the present one is no theft"


async def test_cookies_of_different_sessions_are_nobodys_and_what_does_not_open_is_skipped(world: World) -> None:
    ann, bob = (await world.login("ann")).cookie, (await world.login("bob")).cookie
    assert await world.visit(ann, bob) is Nobody.ANONYMOUS
    assert isinstance(await world.visit("garbage", ann), Found)
    assert world.store.reads == 1, "a malformed cookie costs no store access"


async def test_login_ends_the_session_that_was_presented_at_once(world: World) -> None:
    planted = (await world.login("mallory")).cookie
    victim = await world.login("ann", facts=sample_facts("/", planted))
    assert await world.visit(planted) is Nobody.ANONYMOUS
    assert isinstance(await world.visit(victim.cookie), Found)


async def test_a_request_in_flight_cannot_bring_a_session_back(world: World) -> None:
    started = await world.login()
    world.clock.forward(100)
    found = await world.visit(started.cookie)  # its renewal is still to be written
    assert isinstance(found, Found)
    await world.sessions.end(world.snapshot, sample_facts("/", started.cookie))
    await world.renewal.flush()
    assert await world.store.get(f"gw:s:{started.member}") is None
    assert await world.visit(started.cookie) is Nobody.ANONYMOUS


async def test_an_outage_is_not_a_logout(world: World) -> None:
    cookie = (await world.login()).cookie
    world.store.reads_fail = True
    assert await world.visit(cookie) is Nobody.UNKNOWN
    assert await world.visit("garbage") is Nobody.ANONYMOUS
    world.store.reads_fail = False
    assert isinstance(await world.visit(cookie), Found)


async def test_a_store_that_only_reads_lets_people_go_on_without_rotating(world: World) -> None:
    world.snapshot = replace(world.snapshot, life=Life(idle=100_000, rotate_every=3600))
    cookie = (await world.login()).cookie
    world.clock.forward(4000)
    world.store.writes_fail = True
    assert await world.visit_as(cookie) is None
    world.store.writes_fail = False
    assert await world.visit_as(cookie) is not None


async def test_renewal_writes_once_in_a_window_and_the_latest_use_at_its_end(world: World) -> None:
    cookie = (await world.login()).cookie
    for _ in range(29):
        world.clock.forward(1)
        await world.visit(cookie)
        await world.renewal.flush(world.clock.now)
    assert world.store.swaps == 0
    world.clock.forward(1)
    await world.renewal.flush(world.clock.now)
    assert world.store.swaps == 1
    [(_, session)] = await world.sessions.members(world.snapshot, sample_account().identity.user_id)
    assert session.last_seen == NOW + 29
    world.clock.forward(500)
    await world.visit(cookie)
    await world.renewal.flush(world.clock.now)
    assert world.store.swaps == 2, "the first use after a pause is written at once"


async def test_uses_at_another_process_count_and_a_failed_renewal_is_tried_again(world: World) -> None:
    cookie = (await world.login()).cookie
    other = world.other_process()
    world.clock.forward(1700)
    world.store.writes_fail = True
    await other.visit(cookie)
    await other.renewal.flush(world.clock.now)
    world.store.writes_fail = False
    world.clock.forward(60)
    await other.renewal.flush(world.clock.now)
    world.clock.forward(1730)
    assert isinstance(await world.visit(cookie), Found)


async def test_keys_are_replaced_without_logging_anybody_out(world: World) -> None:
    world.snapshot = replace(world.snapshot, life=Life(idle=100_000, rotate_every=3600))
    old = (await world.login()).cookie
    world.snapshot = replace(world.snapshot, keys=sample_ring("2026b", "2026a"))
    assert isinstance(await world.visit(old), Found)
    world.clock.forward(3600)
    new = await world.visit_as(old)
    assert new is not None
    assert await world.visit_as(new) is None
    world.snapshot = replace(world.snapshot, keys=sample_ring("2026b"))
    assert isinstance(await world.visit(new), Found)
    assert await world.visit(old) is Nobody.ANONYMOUS


async def test_a_cookie_that_we_sealed_for_no_session_is_nobody_and_no_theft(world: World) -> None:
    forged = seal_cookie(world.snapshot.keys, "__Host-gw", Ticket(random_bytes(16), random_bytes(32)))
    assert await world.visit(forged) is Nobody.ANONYMOUS
    assert world.events() == []


async def test_the_oldest_sessions_make_room_and_exclusive_login_ends_the_others(world: World) -> None:
    world.snapshot = replace(world.snapshot, max_sessions_per_user=3)
    cookies = []
    for _ in range(5):
        cookies.append((await world.login()).cookie)
        world.clock.forward(1)
    alive = [isinstance(await world.visit(cookie), Found) for cookie in cookies]
    assert alive == [False, False, True, True, True]
    world.snapshot = replace(world.snapshot, exclusive_login=True)
    last = (await world.login()).cookie
    assert [isinstance(await world.visit(cookie), Found) for cookie in [*cookies, last]] == [False] * 5 + [True]


async def test_peek_tells_who_and_changes_nothing(world: World) -> None:
    first, second = await rotated(world)
    found = await world.sessions.peek(world.snapshot, sample_facts("/", second))
    assert isinstance(found, Found)
    world.clock.forward(5000)
    assert await world.visit_as(first) == second, "peeking did not confirm the successor"


async def test_nothing_secret_in_reprs_and_audit_lines(world: World) -> None:
    started = await world.login()
    found = await world.visit(started.cookie)
    text = repr(started.member) + "".join(world.audit_lines)
    assert started.cookie not in text
    assert isinstance(found, Found)
    assert started.cookie not in repr(found)
    assert started.cookie not in repr(started)
    assert started.cookie not in repr(sample_facts("/", started.cookie))
