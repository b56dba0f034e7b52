"""Migrations: from nothing to the newest version on both databases, where models and migrations must agree."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from gateway.core.identity import Identity, State
from gateway.stores import StoreAway
from gateway.stores.accounts import Account, SessionEffect
from gateway.stores.sql import migrations, schema
from gateway.stores.sql.accounts import SqlAccountStore
from gateway.stores.sql.engine import LONG, Database, open_database
from gateway.stores.sql.schema import Standing


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path):
    url = f"sqlite:///{tmp_path}/users.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    opened = open_database(url, within=LONG)
    yield opened
    await opened.close()


def test_the_versions_by_name_are_the_steps_there_are():
    scripts = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert list(schema.VERSIONS) == [script.revision for script in scripts.walk_revisions()][::-1]


async def test_a_new_database_comes_to_the_newest_version_and_is_as_the_models_say(database):
    assert await schema.standing(database) is (Standing.EMPTY if database.file is None else Standing.MISSING)
    assert await schema.upgrade(database) == schema.newest()
    assert await schema.current(database) == schema.newest()
    assert await schema.standing(database) is Standing.NEWEST
    assert await schema.differences(database) == []
    assert await schema.upgrade(database) == schema.newest()


async def test_a_new_file_is_readable_by_its_owner_only(tmp_path):
    database = open_database(f"sqlite:///{tmp_path}/deep/users.db", within=LONG)
    await schema.upgrade(database)
    assert [oct(path.stat().st_mode & 0o077) for path in (tmp_path / "deep").iterdir()] == ["0o0"] * len(list((tmp_path / "deep").iterdir()))
    await database.close()


async def test_an_empty_file_is_an_empty_database(tmp_path):
    (tmp_path / "users.db").touch()
    database = open_database(f"sqlite:///{tmp_path}/users.db", within=LONG)
    assert await schema.standing(database) is Standing.EMPTY
    await database.close()


async def test_two_that_upgrade_at_once_both_find_it_done(database):
    if database.file is not None:
        database.file.touch()
    assert set(await asyncio.gather(schema.upgrade(database), schema.upgrade(database))) == {schema.newest()}


async def test_what_was_changed_by_hand_is_named(database):
    await schema.upgrade(database)
    await database.write(lambda connection: connection.execute(text("ALTER TABLE users ADD COLUMN nickname TEXT")))
    assert any("nickname" in difference for difference in await schema.differences(database))


async def test_a_database_of_a_newer_gateway_is_left_alone(database):
    await schema.upgrade(database)
    await database.write(lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    assert await schema.standing(database) is Standing.FOREIGN
    with pytest.raises(ValueError, match="newer"):
        await schema.upgrade(database)
    assert await schema.current(database) == "9999"


async def test_two_versions_at_once_are_none_of_ours(database):
    await schema.upgrade(database)
    await database.write(lambda connection: connection.execute(text("INSERT INTO alembic_version VALUES ('0000')")))
    assert await schema.standing(database) is Standing.FOREIGN


async def test_a_state_that_is_none_is_refused_by_the_database(database):
    await schema.upgrade(database)
    insert = "INSERT INTO users (id, email, email_key, name, state, groups, session_epoch, created) VALUES ('1', 'a@b', 'a@b', '', 'odd', '[]', 0, 0)"
    with pytest.raises(Exception, match=r"(?i)check"):
        await database.write(lambda connection: connection.execute(text(insert)))


async def test_what_accounts_hold_survives_every_step(database):
    await to_version(database, "0001")
    insert = (
        "INSERT INTO users (id, email, email_key, name, state, groups, password_hash, session_epoch, created, last_login) VALUES "
        "('1', 'Ann@example.com', 'ann@example.com', 'Ann MÜLLER', 'disabled', '[\"a\", \"b\"]', '$argon2id$x', 7, 1.5, 2.5), "
        "('2', 'bob@example.com', 'bob@example.com', '', 'created', '[]', NULL, 1, 3.5, NULL)"
    )
    await database.write(lambda connection: connection.execute(text(insert)))
    await database.write(lambda connection: connection.execute(text("INSERT INTO session_effects VALUES ('1', 7, 6)")))
    assert await schema.standing(database) is Standing.OLD
    assert await schema.upgrade(database) == schema.newest()
    assert await schema.differences(database) == []
    store = SqlAccountStore(database)
    ann = Account(Identity("1", "Ann@example.com", "Ann MÜLLER", ("a", "b"), State.DISABLED), "$argon2id$x", 7, 1.5, 2.5)
    bob = Account(Identity("2", "bob@example.com", "", (), State.CREATED), None, 1, 3.5, None)
    assert await store.list() == [ann, bob]
    assert await store.effects() == [SessionEffect("1", 7, 6)]
    assert await store.search("müller") == [ann]
    assert await store.search("BOB@") == [bob]
    # The searched text is the same as that of an account that is written now.
    keys = "SELECT search_key FROM users WHERE id = '1'"
    migrated = await database.read(lambda connection: connection.scalar(text(keys)))
    await store.set_profile("1", ann.profile, ann.identity.name, instead_of=ann.profile)
    assert await database.read(lambda connection: connection.scalar(text(keys))) == migrated


async def test_of_accounts_that_wait_those_give_way_that_are_known_to_come_from_a_sign_up(database):
    await to_version(database, "0002")
    users = ", ".join(
        f"('{name}', '{name}@example.com', '{name}@example.com', '', '{state}', '{groups}', NULL, 1, 3.5, NULL)"
        for name, state, groups in (
            ("signed", "created", "[]"),
            ("added", "created", "[]"),
            ("contested", "created", "[]"),
            ("grouped", "created", '["staff"]'),
            ("verified", "verified", "[]"),
            ("touched", "created", "[]"),
        )
    )
    columns = "id, email, email_key, name, state, groups, password_hash, session_epoch, created, last_login"
    trail = ", ".join(
        f"({number}, {number}.5, '{event}', '{outcome}', '{name}', '{{}}')"
        for number, (name, event, outcome) in enumerate(
            [
                ("signed", "user:signup", "success"),
                ("signed", "user:signup", "exists"),
                ("contested", "user:signup", "exists"),
                ("grouped", "user:signup", "success"),
                ("verified", "user:signup", "success"),
                ("touched", "user:signup", "success"),
                ("touched", "user:password", "success"),
            ],
            10,
        )
    )
    await database.write(lambda connection: connection.execute(text(f"INSERT INTO users ({columns}) VALUES {users}")))
    await database.write(
        lambda connection: connection.execute(text(f"INSERT INTO audit (id, time, event, outcome, user_id, details) VALUES {trail}"))
    )
    await schema.upgrade(database)
    found = {account.identity.user_id: account.signed_up for account in await SqlAccountStore(database).list()}
    assert found == {"signed": 11.5, "added": None, "contested": None, "grouped": None, "verified": None, "touched": None}


async def test_a_step_that_fails_leaves_the_version_before(database):
    await to_version(database, "0001")
    await database.write(lambda connection: connection.execute(text("CREATE TABLE login_failures (key INTEGER)")))
    with pytest.raises(StoreAway):
        await schema.upgrade(database)
    assert await schema.current(database) == "0001"
    columns = await database.read(lambda connection: [column["name"] for column in inspect(connection).get_columns("users")])
    assert "search_key" not in columns
    await database.write(lambda connection: connection.execute(text("DROP TABLE login_failures")))
    assert await schema.upgrade(database) == schema.newest()


async def to_version(database: Database, version: str) -> None:
    """As an older gateway left it."""
    if database.file is not None:
        database.file.touch()

    def work(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        config.attributes["connection"] = connection
        command.upgrade(config, version)

    await database.write(work, within=LONG)
    assert await schema.current(database) == version
