"""The account store's contract, on a real SQLite file and a real PostgreSQL."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.util import await_only

from gateway.core.identity import Identity, State
from gateway.stores import StoreAway
from gateway.stores.accounts import Account, AddressTaken, SessionEffect
from gateway.stores.sql import schema
from gateway.stores.sql.accounts import SqlAccountStore
from gateway.stores.sql.engine import LONG, open_database
from tests.samples import sample_account
from tests.servers import Postgres


@pytest.fixture
def store(database) -> SqlAccountStore:
    # This suite is about what the store does, the stories at its end about how long it may take.
    return SqlAccountStore(database)


def named(account: Account, **changes) -> Account:
    return replace(account, identity=replace(account.identity, **changes))


async def test_an_account_is_found_as_it_was_added(store):
    ann = replace(sample_account("ann", "staff", "wiki"), password_hash="$argon2id$x")
    await store.add(ann)
    assert await store.find("ann@example.com") == ann
    assert await store.get(ann.identity.user_id) == ann
    assert await store.epoch(ann.identity.user_id) == 1
    assert await store.find("bob@example.com") is None
    assert await store.get("nobody") is None
    assert await store.epoch("nobody") is None


async def test_an_address_is_one_account_in_every_spelling(store):
    await store.add(named(sample_account("ann"), email="Ann.Müller@example.com"))
    found = await store.find("aNN.mÜLLER@EXAMPLE.com")
    assert found is not None
    assert found.identity.email == "Ann.Müller@example.com"
    for spelling in ("ann.müller@example.com", "ann.mu\u0308ller@example.com", "ＡＮＮ.müller@example.com"):
        with pytest.raises(AddressTaken):
            await store.add(named(sample_account("bob"), email=spelling))


async def test_a_taken_id_is_refused_too(store):
    await store.add(sample_account("ann"))
    with pytest.raises(AddressTaken):
        await store.add(named(sample_account("ann"), email="other@example.com"))


async def test_of_two_that_add_one_address_at_once_one_wins(store):
    twins = [named(sample_account(name), email="twin@example.com") for name in ("ann", "bob", "cleo", "dan")]
    outcomes = await asyncio.gather(*(store.add(twin) for twin in twins), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["AddressTaken"] * 3 + ["NoneType"]
    assert len(await store.list()) == 1


async def test_accounts_are_listed_by_address_in_pages(store):
    for name in ("dan", "Bob", "ann", "cleo"):
        await store.add(sample_account(name))
    assert [account.identity.email for account in await store.list()] == [f"{name}@example.com" for name in ("ann", "Bob", "cleo", "dan")]
    first = await store.list(limit=2)
    assert [account.identity.email for account in await store.list(after=first[-1].identity.email)] == ["cleo@example.com", "dan@example.com"]


async def test_what_sessions_must_feel_raises_the_epoch_and_leaves_one_effect(store):
    ann = sample_account("ann")
    user = ann.identity.user_id
    await store.add(ann)
    assert await store.set_groups(user, ("admins",)) == SessionEffect(user, 2, 0)
    assert await store.set_state(user, State.EXPIRED) == SessionEffect(user, 3, 0)
    assert await store.set_password(user, "$argon2id$new") == SessionEffect(user, 4, 4)
    assert await store.effects() == [SessionEffect(user, 4, 4)]
    found = await store.get(user)
    assert found is not None
    assert found.identity == Identity(user, "ann@example.com", "Ann", ("admins",), State.EXPIRED)
    assert (found.epoch, found.password_hash) == (4, "$argon2id$new")


async def test_a_milder_change_does_not_take_back_that_sessions_end(store):
    ann = sample_account("ann")
    user = ann.identity.user_id
    await store.add(ann)
    assert await store.set_state(user, State.DISABLED) == SessionEffect(user, 2, 2)
    assert await store.set_state(user, State.VERIFIED) == SessionEffect(user, 3, 2)
    assert await store.set_groups(user, ()) == SessionEffect(user, 4, 2)
    assert await store.end_sessions(user) == SessionEffect(user, 5, 5)


async def test_an_effect_goes_only_while_it_is_the_newest(store):
    ann = sample_account("ann")
    await store.add(ann)
    older = await store.set_groups(ann.identity.user_id, ("a",))
    newer = await store.set_groups(ann.identity.user_id, ("b",))
    assert older is not None
    assert newer is not None
    await store.effect_applied(older)
    assert await store.effects() == [newer]
    await store.effect_applied(newer)
    assert await store.effects() == []


async def test_the_effect_of_a_deletion_outlives_the_account(store):
    ann = sample_account("ann", epoch=7)
    await store.add(ann)
    effect = await store.delete(ann.identity.user_id)
    assert effect == SessionEffect(ann.identity.user_id, 8, 8)
    assert await store.effects() == [effect]
    assert await store.find("ann@example.com") is None
    assert await store.delete(ann.identity.user_id) is None


async def test_nothing_changes_for_an_account_that_is_not_there(store):
    assert await store.set_state("nobody", State.DISABLED) is None
    assert await store.set_groups("nobody", ()) is None
    assert await store.set_password("nobody", "$argon2id$x") is None
    assert await store.end_sessions("nobody") is None
    assert await store.effects() == []


async def test_all_sessions_of_everybody_end_at_once(store):
    for name, epoch in (("ann", 1), ("bob", 5), ("cleo", 9)):
        await store.add(sample_account(name, epoch=epoch))
    await store.set_groups(sample_account("bob").identity.user_id, ("a",))
    assert await store.end_all_sessions() == 3
    found = sorted((effect.epoch, effect.end_below) for effect in await store.effects())
    assert found == [(2, 2), (7, 7), (10, 10)]
    assert await store.epoch(sample_account("bob").identity.user_id) == 7


async def test_twenty_changes_at_once_are_twenty_epochs(store):
    ann = sample_account("ann")
    await store.add(ann)
    effects = await asyncio.gather(*(store.set_groups(ann.identity.user_id, (f"g{number}",)) for number in range(20)))
    assert sorted(effect.epoch for effect in effects) == list(range(2, 22))
    assert [effect.epoch for effect in await store.effects()] == [21]


async def test_a_login_is_recorded_and_felt_by_no_session(store):
    ann = sample_account("ann")
    await store.add(ann)
    await store.record_login(ann.identity.user_id, 1_900_000_000.25)
    found = await store.get(ann.identity.user_id)
    assert found is not None
    assert (found.last_login, found.epoch) == (1_900_000_000.25, 1)
    assert await store.effects() == []


async def test_a_rehash_replaces_only_the_hash_that_was_verified(store):
    ann = replace(sample_account("ann"), password_hash="$argon2id$old")
    await store.add(ann)
    await store.rehash(ann.identity.user_id, "$argon2id$other", "$argon2id$lost")
    await store.rehash(ann.identity.user_id, "$argon2id$old", "$argon2id$new")
    found = await store.get(ann.identity.user_id)
    assert found is not None
    assert (found.password_hash, found.epoch) == ("$argon2id$new", 1)
    assert await store.effects() == []


async def test_one_hash_is_shown_of_every_scheme_and_set_of_parameters(store):
    salts = ["A" * 22, "B" * 22, "C" * 22]
    hashes = [f"$argon2id$v=19$m=65536,t=3,p=4${salt}${'x' * 43}" for salt in salts]
    hashes += [f"$argon2id$v=19$m=8,t=1,p=1${salt}${'x' * 43}" for salt in salts]
    hashes += [f"$argon2i$v=19$m=8,t=1,p=1${salt[:11]}${'x' * 22}" for salt in salts]
    hashes += [f"$2b$12${salt}{'x' * 31}" for salt in salts]
    for number, stored in enumerate([*hashes, "garbage", "", "$argon2id$", "$2b$99$", None]):
        await store.add(replace(sample_account(f"u{number}"), password_hash=stored))
    shown = await store.strongest_hashes()
    assert sorted(one.rpartition("$")[0].rstrip("ABC").rstrip("$") if "argon2" in one else one[:6] for one in shown) == [
        "$2b$12",
        "$argon2i$v=19$m=8,t=1,p=1",
        "$argon2id$v=19$m=65536,t=3,p=4",
        "$argon2id$v=19$m=8,t=1,p=1",
    ]


async def test_a_database_without_tables_is_away(database_url):
    database = open_database(database_url, within=LONG)
    if database.file is not None:
        database.file.touch()
    with pytest.raises(StoreAway, match="database"):
        await SqlAccountStore(database).ping()
    await database.close()


async def test_a_hanging_postgres_is_away_in_time_and_serves_again():
    with Postgres() as server:
        database = open_database(server.fresh())
        await schema.upgrade(database)
        store = SqlAccountStore(database)
        ann = sample_account("ann")
        await store.add(ann)
        server.pause()
        for _ in range(2):
            async with asyncio.timeout(3):
                with pytest.raises(StoreAway):
                    await store.find("ann@example.com")
        server.resume()
        assert await store.find("ann@example.com") == ann
        server.restart()  # pooled connections are dead now, and nobody may notice
        assert await store.find("ann@example.com") == ann
        server.stop()
        async with asyncio.timeout(3):
            with pytest.raises(StoreAway) as caught:
                await store.find("ann@example.com")
        assert "ann" not in str(caught.value)
        await store.close()


async def test_an_abandoned_visit_leaves_nothing_behind(database_url):
    patient, hasty = open_database(database_url, within=LONG), open_database(database_url, within=0.3)
    await schema.upgrade(patient)
    store = SqlAccountStore(hasty)
    ann = sample_account("ann")
    await SqlAccountStore(patient).add(ann)

    async def meanwhile() -> None:
        for _ in range(3):
            with pytest.raises(StoreAway):
                await store.set_groups(ann.identity.user_id, ("a",))
        impatient = asyncio.create_task(store.set_groups(ann.identity.user_id, ("b",)))
        await asyncio.wait((impatient,), timeout=0.05)
        impatient.cancel()
        await asyncio.gather(impatient, return_exceptions=True)

    def hold(connection) -> None:
        connection.execute(text("UPDATE users SET name = 'held'"))
        await_only(meanwhile())

    await patient.write(hold, within=LONG)
    await patient.close()
    await store.close()


async def test_a_sqlite_file_that_vanished_is_away_and_not_made_anew(tmp_path):
    database = open_database(f"sqlite:///{tmp_path}/none.db")
    with pytest.raises(StoreAway):
        await SqlAccountStore(database).ping()
    assert not (tmp_path / "none.db").exists()
    await database.close()


async def test_a_locked_sqlite_file_is_away_in_time(tmp_path):
    database = open_database(f"sqlite:///{tmp_path}/users.db")
    await schema.upgrade(database)
    store = SqlAccountStore(database)
    await store.add(sample_account("ann"))
    other = open_database(f"sqlite:///{tmp_path}/users.db")

    async def meanwhile() -> None:
        async with asyncio.timeout(3):
            with pytest.raises(StoreAway):
                await store.add(sample_account("bob"))
        assert await store.find("ann@example.com") is not None  # readers go on

    await other.write(lambda _: await_only(meanwhile()), within=LONG)
    await store.add(sample_account("bob"))
    await other.close()
    await store.close()


@pytest.mark.parametrize(
    "url", ["mysql://h/db", "nonsense", "sqlite://", "sqlite:///:memory:", "sqlite:///a.db?mode=memory", "postgresql://u:hidden@h/db?sslmod=off", ""]
)
def test_a_url_that_names_no_database_is_refused_without_quoting_it(url):
    with pytest.raises(ValueError, match=r"database|SQLite") as caught:
        open_database(url)
    assert "hidden" not in str(caught.value)


def test_a_password_is_in_no_representation():
    database = open_database("postgresql://gateway@127.0.0.1:1/gateway", "hidden")
    assert "hidden" not in f"{database!r} {vars(database)!r}"
