"""The token store's contract, on a real SQLite file and a real PostgreSQL."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gateway.stores.sql.accounts import SqlAccountStore
from gateway.stores.sql.tokens import SqlTokenStore
from gateway.stores.tokens import Purpose, Token
from tests.contract.contenders import contend
from tests.samples import NOW, sample_account


@pytest.fixture
def tokens(database) -> SqlTokenStore:
    return SqlTokenStore(database)


def sample_token(number: int = 0, purpose: Purpose = Purpose.RESET, user: str = "ann", **changes) -> Token:
    return replace(Token(f"{number:064}", purpose, user, NOW - 1, NOW + 100, payload=b"\0sealed\xff"), **changes)


def coded(number: int = 0, code: str = "right", **changes) -> Token:
    usual: dict[str, Any] = {"code": code, "tries_left": 5, "code_until": NOW + 50}
    return sample_token(number, Purpose.VERIFY, **(usual | changes))


async def test_a_token_is_found_as_it_was_added_until_it_is_taken(tokens):
    token = coded()
    await tokens.add(token)
    assert await tokens.peek(token.hash, Purpose.VERIFY, NOW) == token
    assert await tokens.peek(token.hash, Purpose.VERIFY, NOW) == token
    assert await tokens.consume(token.hash, Purpose.VERIFY, NOW) == token
    assert await tokens.consume(token.hash, Purpose.VERIFY, NOW) is None
    assert await tokens.peek(token.hash, Purpose.VERIFY, NOW) is None


async def test_a_token_is_good_for_its_purpose_only(tokens):
    token = sample_token(purpose=Purpose.VERIFY)
    await tokens.add(token)
    for other in (Purpose.RESET, Purpose.EMAIL, Purpose.EMAIL_CANCEL):
        assert await tokens.peek(token.hash, other, NOW) is None
        assert await tokens.consume(token.hash, other, NOW) is None
    assert await tokens.consume(token.hash, Purpose.VERIFY, NOW) == token


async def test_a_token_is_good_until_it_expires_and_then_goes(tokens):
    token = sample_token()
    await tokens.add(token)
    await tokens.add(sample_token(1, expires=NOW + 200))
    assert await tokens.peek(token.hash, Purpose.RESET, NOW + 99.9) == token
    assert await tokens.peek(token.hash, Purpose.RESET, NOW + 100) is None
    assert await tokens.consume(token.hash, Purpose.RESET, NOW + 100) is None
    assert await tokens.prune(NOW + 99) == 0
    assert await tokens.prune(NOW + 100) == 1
    assert await tokens.peek(token.hash, Purpose.RESET, NOW) is None
    assert await tokens.peek(f"{1:064}", Purpose.RESET, NOW) is not None


async def test_a_right_code_takes_its_token(tokens):
    token = coded()
    await tokens.add(token)
    assert await tokens.try_code("bob", Purpose.VERIFY, ("right",), NOW) is None
    assert await tokens.try_code("ann", Purpose.RESET, ("right",), NOW) is None
    assert await tokens.try_code("ann", Purpose.VERIFY, ("of an older key", "right"), NOW) == token
    assert await tokens.try_code("ann", Purpose.VERIFY, ("right",), NOW) is None
    assert await tokens.consume(token.hash, Purpose.VERIFY, NOW) is None


async def test_a_code_that_is_looked_at_stays_good_and_a_wrong_one_counts(tokens):
    token = coded()
    await tokens.add(token)
    assert await tokens.try_code("ann", Purpose.VERIFY, ("wrong",), NOW, keep=True) is None
    for _ in range(2):
        assert await tokens.try_code("ann", Purpose.VERIFY, ("right",), NOW, keep=True) == replace(token, tries_left=4)
    assert await tokens.consume(token.hash, Purpose.VERIFY, NOW) is not None
    assert await tokens.try_code("ann", Purpose.VERIFY, ("right",), NOW, keep=True) is None


async def test_the_fifth_wrong_code_voids_it_and_the_link_stays(tokens):
    await tokens.add(coded())
    for _ in range(4):
        assert await tokens.try_code("ann", Purpose.VERIFY, ("wrong",), NOW) is None
    found = await tokens.peek(f"{0:064}", Purpose.VERIFY, NOW)
    assert (found.tries_left, found.code) == (1, "right")
    assert await tokens.try_code("ann", Purpose.VERIFY, ("wrong",), NOW) is None
    assert await tokens.try_code("ann", Purpose.VERIFY, ("right",), NOW) is None
    found = await tokens.consume(f"{0:064}", Purpose.VERIFY, NOW)
    assert (found.tries_left, found.code, found.code_until) == (0, None, 0.0)


async def test_a_right_code_in_the_fifth_try_is_right(tokens):
    await tokens.add(coded())
    for _ in range(4):
        await tokens.try_code("ann", Purpose.VERIFY, ("wrong",), NOW)
    assert await tokens.try_code("ann", Purpose.VERIFY, ("right",), NOW) is not None


async def test_a_wrong_code_counts_against_every_code_of_the_user_and_purpose(tokens):
    for token in (coded(0, "a"), coded(1, "b", tries_left=1), coded(2, "c", user_id="bob"), replace(coded(3, "d"), purpose=Purpose.RESET)):
        await tokens.add(token)
    await tokens.try_code("ann", Purpose.VERIFY, ("wrong",), NOW)
    left = [await tokens.peek(f"{number:064}", purpose, NOW) for number, purpose in enumerate([*[Purpose.VERIFY] * 3, Purpose.RESET])]
    assert [token.tries_left for token in left] == [4, 0, 5, 5]
    assert await tokens.try_code("ann", Purpose.VERIFY, ("b",), NOW) is None
    assert (await tokens.try_code("ann", Purpose.VERIFY, ("a",), NOW)).hash == f"{0:064}"


async def test_a_code_without_tries_opens_nothing(tokens):
    await tokens.add(coded(tries_left=0))
    assert await tokens.try_code("ann", Purpose.VERIFY, ("right",), NOW) is None


@pytest.mark.parametrize("later", [50, 99])
async def test_a_code_ends_before_its_link(tokens, later):
    await tokens.add(coded())
    assert await tokens.try_code("ann", Purpose.VERIFY, ("right",), NOW + later) is None
    assert await tokens.consume(f"{0:064}", Purpose.VERIFY, NOW + later) is not None


async def test_a_code_that_outlives_its_token_opens_nothing(tokens):
    await tokens.add(coded(code_until=NOW + 1000))
    assert await tokens.try_code("ann", Purpose.VERIFY, ("right",), NOW + 100) is None


async def test_a_token_without_code_is_opened_by_none(tokens):
    await tokens.add(sample_token(purpose=Purpose.VERIFY, code_until=NOW + 50, tries_left=5))
    for codes in ((), ("",), ("None",)):
        assert await tokens.try_code("ann", Purpose.VERIFY, codes, NOW) is None


async def test_tokens_are_dropped_by_user_and_purpose(tokens):
    for number, (purpose, user) in enumerate([(Purpose.RESET, "ann"), (Purpose.RESET, "ann"), (Purpose.EMAIL, "ann"), (Purpose.RESET, "bob")]):
        await tokens.add(sample_token(number, purpose, user))
    assert await tokens.drop_of("ann", Purpose.RESET) == 2
    assert await tokens.peek(f"{2:064}", Purpose.EMAIL, NOW) is not None
    assert await tokens.drop_of("ann") == 1
    assert await tokens.drop_of("ann") == 0
    assert await tokens.peek(f"{3:064}", Purpose.RESET, NOW) is not None


async def test_of_many_that_take_one_token_one_has_it(tokens):
    await tokens.add(coded())
    takers = [tokens.consume(f"{0:064}", Purpose.VERIFY, NOW) for _ in range(8)]
    triers = [tokens.try_code("ann", Purpose.VERIFY, ("right",), NOW) for _ in range(8)]
    assert sum(found is not None for found in await asyncio.gather(*takers, *triers)) == 1


async def test_of_several_processes_one_has_each_token(tokens, database_url):
    for number in range(10):
        await tokens.add(sample_token(number))
    got = await contend(database_url, "consume")
    assert sorted(got) == [f"{number:064}" for number in range(10)]


async def test_of_several_processes_one_has_the_right_code(database, tokens, database_url):
    await SqlAccountStore(database).add(named_ann())
    await tokens.add(coded())
    assert await contend(database_url, "code") == [f"{0:064}"]


async def test_guesses_of_several_processes_all_count(database, tokens, database_url):
    await SqlAccountStore(database).add(named_ann())
    await tokens.add(coded(tries_left=7))
    await contend(database_url, "guess")
    found = await tokens.peek(f"{0:064}", Purpose.VERIFY, NOW)
    assert found.tries_left == 1


async def test_parallel_guesses_are_five(tokens):
    await tokens.add(coded())
    await asyncio.gather(*(tokens.try_code("ann", Purpose.VERIFY, ("wrong",), NOW) for _ in range(20)))
    found = await tokens.peek(f"{0:064}", Purpose.VERIFY, NOW)
    assert (found.tries_left, found.code) == (0, None)


def named_ann():
    account = sample_account("ann")
    return replace(account, identity=replace(account.identity, user_id="ann"))


def test_no_representation_shows_what_opens_something():
    token = coded(hash="5ecre7" * 4, code="c0de" * 4, payload=b"p4yl0ad")
    assert all(part not in repr(token) for part in ("5ecre7", "c0de", "p4yl0ad"))
