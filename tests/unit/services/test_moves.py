"""`session.bind`: a session that turns up elsewhere, with and without copies."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gateway.core.binding import Binding, Bound
from gateway.core.decide import Nobody
from gateway.core.facts import Facts
from gateway.services.audit import Audit
from gateway.services.copies import Copies
from gateway.services.records import Record, Records
from gateway.services.renewal import Renewal
from gateway.services.sessions import Found, Sessions, Started
from gateway.stores.memory.sessions import MemorySessionStore
from tests.samples import SettableClock, sample_account, sample_facts, sample_snapshot

HOME, NEXT_DOOR, AWAY = "192.0.2.7", "192.0.2.99", "203.0.113.5"


class Source:
    """Hears of everything."""

    good = True


class Restless(MemorySessionStore):
    """A record that somebody else has always just changed."""

    async def delete_revision(self, key: str, revision: bytes) -> bool:
        return False


class World:
    """One process; a session of Ann's that began at home."""

    def __init__(
        self, *, cached: bool, ip: Bound = Bound.OFF, user_agent: Bound = Bound.OFF, store: type[MemorySessionStore] = MemorySessionStore
    ) -> None:
        clock = SettableClock()
        copies: Copies[Record] | None = Copies("gw:s:") if cached else None
        if copies is not None:
            copies.source = Source()
        self.audit_lines: list[str] = []
        audit = Audit(self.audit_lines.append, clock)
        records = Records(store(clock), "gw:", copies)
        self.sessions = Sessions(records, Renewal(records, clock), audit, clock)
        self.snapshot = replace(sample_snapshot(), binding=Binding(ip, user_agent))

    async def login(self) -> Started:
        started = await self.sessions.start(self.snapshot, sample_account(), sample_facts(client=HOME), remember=False)
        assert isinstance(await self.load(started), Found)  # a copy is there now
        return started

    async def load(self, started: Started, **changes: str) -> Found | Nobody:
        return await self.sessions.load(self.snapshot, self.facts(started, **changes))

    def facts(self, started: Started, **changes: str) -> Facts:
        return sample_facts("/", started.cookie, **{"client": HOME, **changes})

    def moves(self) -> list[tuple[str, str]]:
        """Outcome and reason of what was noticed."""
        events = [json.loads(line) for line in self.audit_lines]
        return [(event["outcome"], event["reason"]) for event in events if event["audit"] == "session:move"]


pytestmark = pytest.mark.parametrize("cached", [False, True])


async def test_off_is_off(cached: bool) -> None:
    world = World(cached=cached)
    started = await world.login()
    assert isinstance(await world.load(started, client=AWAY, user_agent="Other/2"), Found)
    assert world.moves() == []


async def test_another_network_ends_the_session_for_everybody(cached: bool) -> None:
    world = World(cached=cached, ip=Bound.END)
    started = await world.login()
    assert isinstance(await world.load(started, client=NEXT_DOOR), Found)
    assert await world.load(started, client=AWAY) is Nobody.ANONYMOUS
    assert world.moves() == [("ended", "address")]
    assert await world.load(started) is Nobody.ANONYMOUS, "it is over at home too"
    assert await world.sessions.members(world.snapshot, sample_account().identity.user_id) == []


async def test_another_browser_ends_it_too(cached: bool) -> None:
    world = World(cached=cached, user_agent=Bound.END)
    started = await world.login()
    assert isinstance(await world.load(started, client=AWAY), Found)
    assert await world.load(started, user_agent="Other/2") is Nobody.ANONYMOUS
    assert world.moves() == [("ended", "browser")]


async def test_a_look_from_elsewhere_says_nobody_and_ends_nothing(cached: bool) -> None:
    world = World(cached=cached, ip=Bound.END)
    started = await world.login()
    assert await world.sessions.peek(world.snapshot, world.facts(started, client=AWAY)) is Nobody.ANONYMOUS
    assert world.moves() == []
    assert isinstance(await world.load(started), Found)


async def test_a_warning_comes_once_for_a_place(cached: bool) -> None:
    world = World(cached=cached, ip=Bound.WARN, user_agent=Bound.WARN)
    started = await world.login()
    for _ in range(3):
        assert isinstance(await world.load(started, client=AWAY), Found)
    assert world.moves() == [("warned", "address")]
    assert isinstance(await world.load(started, client=AWAY, user_agent="Other/2"), Found)
    assert world.moves() == [("warned", "address"), ("warned", "browser")]


async def test_one_warns_where_the_other_ends(cached: bool) -> None:
    world = World(cached=cached, ip=Bound.WARN, user_agent=Bound.END)
    started = await world.login()
    assert isinstance(await world.load(started, client=AWAY), Found)
    assert await world.load(started, client=AWAY, user_agent="Other/2") is Nobody.ANONYMOUS
    assert world.moves() == [("warned", "address"), ("ended", "browser")]


async def test_what_is_over_has_not_moved(cached: bool) -> None:
    world = World(cached=cached, ip=Bound.END)
    started = await world.login()
    copied = world.facts(started, client=AWAY)
    clock = world.sessions._clock
    assert isinstance(clock, SettableClock)
    clock.forward(world.snapshot.life.absolute + 1)
    assert await world.sessions.load(world.snapshot, copied) is Nobody.ANONYMOUS
    assert world.moves() == [], "it was over already"


async def test_nobody_is_let_in_while_a_session_cannot_be_ended(cached: bool) -> None:
    world = World(cached=cached, ip=Bound.END, store=Restless)
    started = await world.login()
    assert await world.load(started, client=AWAY) is Nobody.UNKNOWN
