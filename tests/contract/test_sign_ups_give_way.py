"""The account store's contract, third part: a sign-up that nobody confirmed goes in time, and gives way. On SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.core.identity import State
from gateway.stores.accounts import Account, AddressTaken, SessionEffect
from gateway.stores.sql.accounts import SqlAccountStore
from gateway.stores.sql.tokens import SqlTokenStore
from gateway.stores.tokens import Purpose, Token
from tests.samples import NOW, sample_account

PASSED = NOW + 1


@pytest.fixture
def store(database) -> SqlAccountStore:
    return SqlAccountStore(database)


@pytest.fixture
def tokens(database) -> SqlTokenStore:
    return SqlTokenStore(database)


def waiting(name: str = "ann", signed_up: float | None = NOW) -> Account:
    return replace(sample_account(name, state=State.CREATED), signed_up=signed_up)


async def left(store: SqlAccountStore) -> list[str]:
    return [account.identity.email.partition("@")[0] for account in await store.list()]


async def test_what_was_signed_up_for_too_long_ago_goes_with_its_tokens(store, tokens):
    ann = waiting()
    for account in (ann, waiting("bob", signed_up=PASSED), waiting("carl", signed_up=None)):
        await store.add(account)
        await tokens.add(Token(account.identity.user_id, Purpose.VERIFY, account.identity.user_id, NOW, NOW + 5))
    assert await store.prune(PASSED, NOW + 5, 10) == [ann]
    assert await left(store) == ["bob", "carl"]
    assert await store.effects() == []
    assert await tokens.peek(ann.identity.user_id, Purpose.VERIFY, NOW) is None
    assert await tokens.peek(waiting("bob").identity.user_id, Purpose.VERIFY, NOW) is not None


async def test_at_most_so_many_go_at_once(store):
    for number in range(5):
        await store.add(waiting(f"n{number}"))
    assert [len(await store.prune(PASSED, NOW, 2)) for _ in range(4)] == [2, 2, 1, 0]


@pytest.mark.parametrize(("purpose", "expires", "stays"), [(Purpose.VERIFY, 5, True), (Purpose.VERIFY, 4, False), (Purpose.RESET, 5, False)])
async def test_it_waits_for_the_last_link_that_would_confirm(store, tokens, purpose, expires, stays):
    await store.add(waiting())
    await tokens.add(Token("1", purpose, waiting().identity.user_id, NOW, NOW + expires))
    await store.prune(PASSED, NOW + 4, 10)
    assert bool(await left(store)) is stays


@pytest.mark.parametrize(
    "touch",
    [
        lambda store, user: store.verify(user, None),
        lambda store, user: store.set_state(user, State.EXPIRED),
        lambda store, user: store.set_state(user, State.DISABLED),
        lambda store, user: store.set_groups(user, ("staff",)),
        lambda store, user: store.set_password(user, "$argon2id$x"),
        lambda store, user: store.contest(user, PASSED),
    ],
)
async def test_what_somebody_has_touched_stays(store, touch):
    await store.add(waiting())
    await touch(store, waiting().identity.user_id)
    assert await store.prune(PASSED, PASSED, 10) == []
    assert await left(store) == ["ann"]


async def test_another_attempt_makes_no_sign_up_of_an_account_that_was_added(store):
    await store.add(waiting(signed_up=None))
    await store.contest(waiting().identity.user_id, NOW)
    assert (await store.get(waiting().identity.user_id)).signed_up is None


async def test_whoever_is_verified_in_that_moment_stays(store):
    """Of the two, one happens first and the other sees it."""
    for number in range(20):
        await store.add(waiting(f"n{number:02}"))
        user = waiting(f"n{number:02}").identity.user_id
        effect, pruned = await asyncio.gather(store.verify(user, None), store.prune(PASSED, PASSED, 10))
        assert (effect is None) is bool(pruned)
        assert (await store.get(user) is None) is bool(pruned)


async def test_it_gives_way_to_whoever_confirms_the_address(store, tokens):
    ann, bob = waiting(), replace(sample_account("bob"), pending_email="ANN@example.com")
    for account in (ann, bob):
        await store.add(account)
        await tokens.add(Token(account.identity.user_id, Purpose.VERIFY, account.identity.user_id, NOW, NOW + 5))
    user = bob.identity.user_id
    assert await store.confirm_email(user, "ANN@example.com") == SessionEffect(user, 2, 0)
    assert [account.identity.user_id for account in await store.list()] == [user]
    assert (await store.find("ann@example.com")).identity.user_id == user
    assert await tokens.peek(ann.identity.user_id, Purpose.VERIFY, NOW) is None


@pytest.mark.parametrize(
    "other", [waiting(signed_up=None), sample_account("ann"), replace(waiting(), identity=replace(waiting().identity, state=State.DISABLED))]
)
async def test_every_other_account_keeps_its_address(store, other):
    bob = replace(sample_account("bob"), pending_email="ann@example.com")
    for account in (other, bob):
        await store.add(account)
    with pytest.raises(AddressTaken):
        await store.confirm_email(bob.identity.user_id, "ann@example.com")
    assert await store.list() == [other, bob]


async def test_a_change_that_was_called_off_makes_nobody_give_way(store):
    for account in (waiting(), replace(sample_account("bob"), pending_email="else@example.com")):
        await store.add(account)
    assert await store.confirm_email(sample_account("bob").identity.user_id, "ann@example.com") is None
    assert await left(store) == ["ann", "bob"]
