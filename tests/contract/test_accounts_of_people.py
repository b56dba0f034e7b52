"""The account store's contract, second part: what people change about their own accounts, search and import. On SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.core.identity import Identity, State
from gateway.core.profile import Profile
from gateway.stores.accounts import Account, AddressTaken, SessionEffect
from gateway.stores.sql.accounts import SqlAccountStore
from gateway.stores.sql.tokens import SqlTokenStore
from gateway.stores.tokens import Purpose, Token
from tests.contract.contenders import contend
from tests.samples import NOW, sample_account

PROFILE = Profile("Ann", "Müller", "+4930123456", "1990-02-28", "https://ann.example.com/")


@pytest.fixture
def store(database) -> SqlAccountStore:
    return SqlAccountStore(database)


@pytest.fixture
def tokens(database) -> SqlTokenStore:
    return SqlTokenStore(database)


@pytest.fixture
async def ann(store) -> Account:
    account = replace(sample_account("ann"), password_hash="$argon2id$old")
    await store.add(account)
    return account


async def give_tokens(tokens: SqlTokenStore, user_id: str) -> None:
    for number, purpose in enumerate(Purpose):
        await tokens.add(Token(f"{user_id}/{number}", purpose, user_id, NOW, NOW + 100))


async def good(tokens: SqlTokenStore, user_id: str) -> set[Purpose]:
    return {purpose for number, purpose in enumerate(Purpose) if await tokens.peek(f"{user_id}/{number}", purpose, NOW)}


def named(account: Account, **changes) -> Account:
    return replace(account, identity=replace(account.identity, **changes))


async def test_an_account_is_kept_with_all_that_belongs_to_it(store):
    ann = replace(sample_account("ann"), profile=PROFILE, pending_email="new@example.com", last_login=NOW)
    await store.add(ann)
    assert await store.get(ann.identity.user_id) == ann


async def test_a_profile_is_set_and_cleared_and_sessions_hear_of_the_name(store, ann):
    user = ann.identity.user_id
    assert await store.set_profile(user, PROFILE, "Ann Müller", instead_of=Profile()) == SessionEffect(user, 2, 0)
    found = await store.get(user)
    assert (found.profile, found.identity.name, found.epoch) == (PROFILE, "Ann Müller", 2)
    await store.set_profile(user, Profile(), "", instead_of=PROFILE)
    found = await store.get(user)
    assert (found.profile, found.identity.name) == (Profile(), "")
    assert await store.set_profile("nobody", PROFILE, "", instead_of=Profile()) is None


async def test_what_was_mailed_before_an_account_was_disabled_is_void_when_it_is_enabled_again(store, tokens, ann):
    user = ann.identity.user_id
    await store.set_pending_email(user, "theirs@example.com")
    await give_tokens(tokens, user)
    await store.set_state(user, State.EXPIRED)
    assert await good(tokens, user) == set(Purpose)
    for state in (State.DISABLED, State.VERIFIED):
        await store.set_state(user, state)
    assert await good(tokens, user) == set()
    assert await store.confirm_email(user, "theirs@example.com") is None
    assert (await store.get(user)).pending_email is None


@pytest.mark.parametrize("before", [PROFILE, Profile()])
async def test_of_two_profiles_at_once_one_is_set(store, before):
    """Whoever is second hears of it, and undoes nothing."""
    ann = replace(sample_account("ann"), profile=before)
    user = ann.identity.user_id
    await store.add(ann)
    wanted = [replace(before, phone="+4930999999"), replace(before, first_name="Anna")]
    effects = await asyncio.gather(*(store.set_profile(user, one, "", instead_of=before) for one in wanted))
    assert sorted(effect is None for effect in effects) == [False, True]
    assert (await store.get(user)).profile == wanted[effects.index(None) - 1]


@pytest.mark.parametrize(("new", "ends"), [(None, 0), ("$argon2id$new", 2)])
async def test_verifying_leads_from_created_to_verified(store, tokens, new, ends):
    ann = replace(sample_account("ann", state=State.CREATED), password_hash="$argon2id$old")
    user = ann.identity.user_id
    await store.add(ann)
    await give_tokens(tokens, user)
    assert await store.verify(user, new) == SessionEffect(user, 2, ends)
    found = await store.get(user)
    assert (found.identity.state, found.password_hash) == (State.VERIFIED, new or "$argon2id$old")
    assert await good(tokens, user) == set(Purpose) - {Purpose.VERIFY}


@pytest.mark.parametrize("state", State)
async def test_an_account_is_contested_only_until_it_is_verified(store, state):
    ann = sample_account("ann", state=state)
    user = ann.identity.user_id
    await store.add(ann)
    await store.contest(user, NOW)
    await store.contest(user, NOW)
    await store.contest("nobody", NOW)
    assert await store.get(user) == replace(ann, contested=state is State.CREATED)
    await store.verify(user, None)
    assert not (await store.get(user)).contested
    assert len(await store.effects()) == (1 if state is State.CREATED else 0)


@pytest.mark.parametrize("state", [State.VERIFIED, State.EXPIRED, State.DISABLED])
async def test_verifying_lifts_nothing_that_somebody_set(store, tokens, state):
    ann = replace(sample_account("ann", state=state), password_hash="$argon2id$old")
    await store.add(ann)
    await give_tokens(tokens, ann.identity.user_id)
    assert await store.verify(ann.identity.user_id, "$argon2id$new") is None
    assert await store.get(ann.identity.user_id) == ann
    assert await good(tokens, ann.identity.user_id) == set(Purpose)
    assert await store.effects() == []
    assert await store.verify("nobody", None) is None


async def test_of_two_verifications_at_once_one_sets_its_password(store):
    ann = sample_account("ann", state=State.CREATED)
    user = ann.identity.user_id
    await store.add(ann)
    hashes = [f"$argon2id${number}" for number in range(6)]
    effects = await asyncio.gather(*(store.verify(user, one) for one in hashes))
    winners = [one for one, effect in zip(hashes, effects, strict=True) if effect is not None]
    assert len(winners) == 1
    assert (await store.get(user)).password_hash == winners[0]


async def test_a_new_password_voids_tokens_and_what_was_pending(store, tokens, ann):
    user, bob = ann.identity.user_id, sample_account("bob")
    await store.add(bob)
    await give_tokens(tokens, user)
    await give_tokens(tokens, bob.identity.user_id)
    await store.set_pending_email(bob.identity.user_id, "bob2@example.com")
    await store.set_pending_email(user, "new@example.com")
    await give_tokens_again(tokens, user)
    assert await store.set_password(user, "$argon2id$new") == SessionEffect(user, 2, 2)
    assert (await store.get(user)).pending_email is None
    assert await good(tokens, user) == set()
    assert await good(tokens, bob.identity.user_id) == {Purpose.VERIFY, Purpose.RESET}
    assert (await store.get(bob.identity.user_id)).pending_email == "bob2@example.com"


async def test_a_password_that_was_changed_meanwhile_is_not_changed_again(store, ann):
    user = ann.identity.user_id
    assert await store.set_password(user, "$argon2id$reset") == SessionEffect(user, 2, 2)
    assert await store.set_password(user, "$argon2id$late", epoch=1) is None
    assert (await store.get(user)).password_hash == "$argon2id$reset"
    changes = await asyncio.gather(*(store.set_password(user, f"$argon2id${number}", epoch=2) for number in range(5)))
    assert [effect for effect in changes if effect is not None] == [SessionEffect(user, 3, 3)]


async def give_tokens_again(tokens: SqlTokenStore, user_id: str) -> None:
    await tokens.drop_of(user_id)
    await give_tokens(tokens, user_id)


async def test_a_pending_address_voids_tokens_of_an_earlier_one_and_no_session_hears_of_it(store, tokens, ann):
    user = ann.identity.user_id
    await give_tokens(tokens, user)
    assert await store.set_pending_email(user, "new@example.com")
    found = await store.get(user)
    assert (found.pending_email, found.identity.email, found.epoch) == ("new@example.com", "ann@example.com", 1)
    assert await good(tokens, user) == {Purpose.VERIFY, Purpose.RESET}
    assert await store.effects() == []
    assert await store.set_pending_email(user, None)
    assert (await store.get(user)).pending_email is None
    assert not await store.set_pending_email("nobody", "x@example.com")


async def test_a_confirmed_address_replaces_the_old_one(store, tokens, ann):
    user = ann.identity.user_id
    await store.set_pending_email(user, "New@example.com")
    await give_tokens(tokens, user)
    assert await store.confirm_email(user, "other@example.com") is None
    assert await store.confirm_email(user, "New@example.com") == SessionEffect(user, 2, 0)
    found = await store.find("new@EXAMPLE.com")
    assert found.identity == Identity(user, "New@example.com", "Ann", (), State.VERIFIED)
    assert found.pending_email is None
    assert await store.find("ann@example.com") is None
    assert await good(tokens, user) == set()
    assert await store.confirm_email(user, "New@example.com") is None
    assert [account.identity.email for account in await store.search("new@")] == ["New@example.com"]
    assert await store.search("ann@") == []


async def test_a_confirmed_address_changes_no_state(store):
    for name, state in (("ed", State.EXPIRED), ("dora", State.DISABLED), ("carl", State.CREATED)):
        account = replace(sample_account(name, state=state), pending_email=f"{name}2@example.com")
        await store.add(account)
        await store.confirm_email(account.identity.user_id, f"{name}2@example.com")
        assert (await store.get(account.identity.user_id)).identity.state is state


async def test_an_address_that_was_taken_meanwhile_is_not_confirmed(store, tokens, ann):
    user = ann.identity.user_id
    await store.set_pending_email(user, "bob@example.com")
    await give_tokens(tokens, user)
    await store.add(named(sample_account("bob"), email="BOB@example.com"))
    with pytest.raises(AddressTaken):
        await store.confirm_email(user, "bob@example.com")
    found = await store.get(user)
    assert (found.identity.email, found.pending_email, found.epoch) == ("ann@example.com", "bob@example.com", 1)
    assert await good(tokens, user) == set(Purpose)


async def test_of_two_that_confirm_one_address_at_once_one_has_it(store):
    people = [replace(sample_account(name), pending_email="one@example.com") for name in ("ann", "bob", "cleo")]
    await store.add_many(people)
    confirmed = (store.confirm_email(account.identity.user_id, "one@example.com") for account in people)
    outcomes = await asyncio.gather(*confirmed, return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["AddressTaken", "AddressTaken", "SessionEffect"]


async def test_a_deleted_account_leaves_no_token(store, tokens, ann):
    await give_tokens(tokens, ann.identity.user_id)
    await store.delete(ann.identity.user_id)
    assert await good(tokens, ann.identity.user_id) == set()


async def test_accounts_are_added_together_or_not_at_all(store, ann):
    many = [sample_account(f"p{number:04}") for number in range(2500)]
    await store.add_many(many)
    assert await store.get(many[-1].identity.user_id) == many[-1]
    more = [sample_account(f"q{number}") for number in range(5)]
    for bad in (named(sample_account("r"), email="ANN@example.com"), named(sample_account("r"), email="Q0@example.com")):
        with pytest.raises(AddressTaken):
            await store.add_many([*more, bad])
    assert await store.find("q0@example.com") is None
    await store.add_many([])
    asked = ["P0000@example.com", "nobody@example.com", *(f"p{number:04}@example.com" for number in range(2499)), "Ann@Example.com"]
    assert await store.taken(asked) == [email for email in asked if email != "nobody@example.com"]
    assert await store.taken([]) == []


async def test_people_are_found_by_any_part_of_address_or_name(store):
    people = {"ann": "Ann Müller", "bob": "Bob O'Neil_50%", "cleo": "Jörg Straße", "dan": "Dan\\Back"}
    for name, shown in people.items():
        await store.add(named(sample_account(name), name=shown))

    async def found(text: str, **options) -> list[str]:
        return [account.identity.email.partition("@")[0] for account in await store.search(text, **options)]

    assert await found("MÜLLER") == ["ann"]
    assert await found("mu\u0308ll") == ["ann"]
    assert await found("STRASSE") == ["cleo"]
    assert await found("o'neil") == ["bob"]
    assert await found("_50%") == ["bob"]
    assert await found("n\\b") == ["dan"]
    assert await found("n%m") == []
    assert await found("n_m") == []
    assert await found("com\nann") == []
    assert await found("@example") == await found(" ") == ["ann", "bob", "cleo", "dan"]
    assert await found("an") == ["ann", "dan"]
    assert await found("@example", limit=2) == ["ann", "bob"]
    assert await found("@example", limit=2, after="bob@example.com") == ["cleo", "dan"]


async def test_a_changed_name_is_found(store, ann):
    await store.set_profile(ann.identity.user_id, PROFILE, "Ann Grün", instead_of=ann.profile)
    assert [account.identity.name for account in await store.search("GRÜN ")] == ["Ann Grün"]


async def test_sign_ups_of_several_processes_end_in_one_account_an_address(store, database_url):
    added = await contend(database_url, "sign-up")
    assert sorted(added) == sorted(f"p{number}@example.com" for number in range(10))
    assert len(await store.list()) == 10
