"""The audit trail's contract, on a real SQLite file and a real PostgreSQL."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.stores.sql.trail import SqlTrailStore
from gateway.stores.trail import Entry
from tests.samples import NOW


@pytest.fixture
def trail(database) -> SqlTrailStore:
    return SqlTrailStore(database)


def entry(event: str = "login:success", *, at: float = 0, user: str | None = "ann", email: str | None = None) -> Entry:
    return Entry(0, NOW + at, event, "success", user, email or (f"{user}@example.com" if user else None), "192.0.2.7", "0123456789abcdef", '{"a": 1}')


async def test_an_entry_is_read_as_it_was_written(trail):
    bare = Entry(0, NOW, "server:start", "success", None, None, None, None, "{}")
    await trail.add([entry(), bare])
    found = await trail.find()
    assert [replace(one, id=0) for one in found] == [entry(), bare]
    assert found[0].id < found[1].id
    await trail.add([])
    assert len(await trail.find()) == 2


async def test_what_is_too_long_is_cut(trail):
    await trail.add([replace(entry(), address="fe80::1%" + "z" * 100, session="a" * 100, outcome="o" * 100)])
    (found,) = await trail.find()
    assert (found.address, found.session, found.outcome) == (("fe80::1%" + "z" * 56), "a" * 64, "o" * 32)


async def test_what_happened_to_an_account_is_read_in_pages_the_newest_first(trail):
    await trail.add([entry(f"e:{number}", user="ann" if number % 2 else "bob") for number in range(10)])
    first = await trail.of_user("ann", limit=3)
    assert [one.event for one in first] == ["e:9", "e:7", "e:5"]
    assert [one.event for one in await trail.of_user("ann", limit=3, before=first[-1].id)] == ["e:3", "e:1"]
    assert list(await trail.of_user("nobody")) == []


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, "0123456"),
        ({"event": "login:*"}, "0126"),
        ({"event": "*:failure"}, "16"),
        ({"event": "login:s?ccess"}, "02"),
        ({"event": "login_success"}, ""),
        ({"event": "%"}, ""),
        ({"event": "odd\\_%"}, "5"),
        ({"user_id": "ann"}, "013"),
        ({"email": "BOB@Example.com"}, "24"),
        ({"user_id": "ann", "email": "bob@example.com"}, "01234"),
        ({"since": NOW + 3}, "3456"),
        ({"event": "login:*", "user_id": "ann", "since": NOW + 1}, "1"),
        ({"limit": 2}, "56"),
        ({"limit": 2, "event": "login:*"}, "26"),
    ],
)
async def test_entries_are_found_by_what_is_asked(trail, asked, found):
    entries = [
        entry("login:success"),
        entry("login:failure"),
        entry("login:success", user="bob"),
        entry("session:end"),
        entry("session:end", user="bob"),
        entry("odd\\_%", user=None),
        entry("login:failure", user=None),
    ]
    await trail.add([replace(one, time=NOW + number, details=str(number)) for number, one in enumerate(entries)])
    assert "".join(one.details for one in await trail.find(**asked)) == found


async def test_whoever_follows_reads_on_from_where_they_were(trail):
    await trail.add([entry(f"e:{number}") for number in range(5)])
    seen = await trail.find(limit=2)
    await trail.add([entry(f"e:{number}") for number in range(5, 8)])
    more = await trail.find(after=seen[-1].id, limit=2)
    assert [one.event for one in (*seen, *more)] == ["e:3", "e:4", "e:5", "e:6"]
    assert [one.event for one in await trail.find(after=more[-1].id)] == ["e:7"]


async def test_whoever_follows_misses_nothing_of_several_writers(trail):
    done = asyncio.Event()
    seen: list[str] = []

    async def follow() -> None:
        last = 0
        while not done.is_set() or len(seen) < 200:
            for one in await trail.find(after=last):
                last = one.id
                seen.append(one.event)

    async def write(writer: int) -> None:
        for number in range(10):
            await trail.add([entry(f"{writer}:{number}:{part}") for part in range(5)])

    following = asyncio.create_task(follow())
    await asyncio.gather(*(write(writer) for writer in range(4)))
    done.set()
    await following
    assert len(seen) == len(set(seen)) == 200


async def test_the_newest_entry_is_known(trail):
    assert await trail.newest() == 0
    await trail.add([entry() for _ in range(3)])
    assert await trail.newest() == (await trail.find())[-1].id


async def test_what_is_old_goes(trail):
    await trail.add([entry(f"e:{number}", at=number) for number in range(5)])
    assert await trail.prune(NOW + 3) == 3
    assert [one.event for one in await trail.find()] == ["e:3", "e:4"]
