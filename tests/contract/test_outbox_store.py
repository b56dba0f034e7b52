"""The outbox's contract, on a real SQLite file and a real PostgreSQL."""

from __future__ import annotations

import asyncio

import pytest

from gateway.stores.outbox import Letter
from gateway.stores.sql.outbox import SqlOutboxStore
from tests.contract.contenders import contend
from tests.samples import NOW


@pytest.fixture
def outbox(database) -> SqlOutboxStore:
    return SqlOutboxStore(database)


def sample_letter(number: int = 0, due: float = NOW, created: float = NOW - 1) -> Letter:
    return Letter(f"letter-{number:03}", f"p{number}@example.com", b"\0sealed\xff", created, due)


async def test_a_letter_is_claimed_as_it_was_put_and_goes_when_it_is_sent(outbox):
    await outbox.put(sample_letter())
    assert await outbox.waiting() == 1
    assert list(await outbox.claim(NOW, NOW + 60, 10)) == [sample_letter()]
    assert await outbox.waiting() == 1
    await outbox.sent("letter-000")
    assert await outbox.waiting() == 0
    assert list(await outbox.claim(NOW + 1000, NOW + 2000, 10)) == []


async def test_a_claimed_letter_comes_back_when_its_lease_ends(outbox):
    await outbox.put(sample_letter())
    assert len(await outbox.claim(NOW, NOW + 60, 10)) == 1
    assert list(await outbox.claim(NOW + 59, NOW + 120, 10)) == []
    assert len(await outbox.claim(NOW + 60, NOW + 120, 10)) == 1


async def test_letters_are_claimed_when_due_and_the_longest_due_first(outbox):
    for number, due in enumerate((NOW + 5, NOW - 5, NOW - 9, NOW - 7)):
        await outbox.put(sample_letter(number, due))
    assert [letter.id for letter in await outbox.claim(NOW, NOW + 60, 2)] == ["letter-002", "letter-003"]
    assert [letter.id for letter in await outbox.claim(NOW, NOW + 60, 2)] == ["letter-001"]
    assert [letter.id for letter in await outbox.claim(NOW + 5, NOW + 60, 2)] == ["letter-000"]


async def test_a_postponed_letter_is_due_again_then(outbox):
    await outbox.put(sample_letter())
    await outbox.claim(NOW, NOW + 60, 10)
    await outbox.postpone("letter-000", NOW + 4, 1, "refused")
    assert list(await outbox.claim(NOW + 3, NOW + 60, 10)) == []
    (again,) = await outbox.claim(NOW + 4, NOW + 60, 10)
    assert (again.tries, again.error) == (1, "refused")


async def test_a_buried_letter_is_never_due_and_stays_to_be_seen(outbox):
    for number in range(4):
        await outbox.put(sample_letter(number, created=NOW + number))
    for number in range(3):
        await outbox.bury(f"letter-{number:03}", "no such mailbox")
    assert await outbox.waiting() == 1
    assert [letter.id for letter in await outbox.claim(NOW + 1e6, NOW + 2e6, 10)] == ["letter-003"]
    dead = await outbox.dead(2)
    assert [(letter.id, letter.tries, letter.error) for letter in dead] == [
        ("letter-002", 1, "no such mailbox"),
        ("letter-001", 1, "no such mailbox"),
    ]
    assert await outbox.prune(NOW + 2) == 2
    assert [letter.id for letter in await outbox.dead(9)] == ["letter-002"]
    assert await outbox.prune(NOW + 100) == 1
    assert await outbox.waiting() == 1


async def test_buried_letters_are_due_again_or_thrown_away_and_no_others(outbox):
    for number in range(6):
        await outbox.put(sample_letter(number))
    for number in range(5):
        await outbox.bury(f"letter-{number:03}", "no such mailbox")
    await outbox.postpone("letter-005", NOW + 100, 3, "refused")
    assert sorted(await outbox.revive(["letter-000", "letter-001", "letter-005", "none"], NOW + 9)) == ["letter-000", "letter-001"]
    assert sorted(await outbox.drop(["letter-000", "letter-002", "letter-005", "none"])) == ["letter-002"]
    again = await outbox.claim(NOW + 9, NOW + 60, 10)
    assert sorted((letter.id, letter.tries, letter.error) for letter in again) == [("letter-000", 0, None), ("letter-001", 0, None)]
    assert await outbox.revive([], NOW) == []
    await outbox.bury("letter-000", "no such mailbox")
    assert sorted(await outbox.revive(None, NOW)) == ["letter-000", "letter-003", "letter-004"]
    await outbox.bury("letter-000", "no such mailbox")
    assert await outbox.drop(None) == ["letter-000"]
    assert await outbox.waiting() == 4


async def test_what_is_done_to_a_letter_that_is_gone_does_nothing(outbox):
    await outbox.sent("none")
    await outbox.postpone("none", NOW, 1, "x")
    await outbox.bury("none", "x")
    assert await outbox.waiting() == 0


async def test_parallel_claims_share_the_letters(outbox):
    for number in range(20):
        await outbox.put(sample_letter(number))
    claims = await asyncio.gather(*(outbox.claim(NOW, NOW + 60, 6) for _ in range(8)))
    rest = await outbox.claim(NOW, NOW + 60, 20)  # a claim may pass over what another holds for a moment
    assert sorted(letter.id for claim in (*claims, rest) for letter in claim) == [f"letter-{number:03}" for number in range(20)]


async def test_several_processes_share_the_letters(outbox, database_url):
    for number in range(60):
        await outbox.put(sample_letter(number))
    got = await contend(database_url, "claim")
    rest = [letter.id for letter in await outbox.claim(NOW, NOW + 60, 60)]
    assert sorted(got + rest) == [f"letter-{number:03}" for number in range(60)]


def test_no_representation_shows_what_is_sealed():
    assert "sealed" not in repr(sample_letter()).replace("sealed=", "")
