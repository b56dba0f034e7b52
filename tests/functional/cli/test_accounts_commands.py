"""`gateway users`, `sessions`, `db` and `keys` as an operator types them, with real stores."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from gateway.cli import db, keys, sessions, users
from gateway.config.fresh import fixed_of
from gateway.config.keys import decode_key
from gateway.config.load import load
from gateway.config.snapshot import make_snapshot
from gateway.core.decide import Nobody
from gateway.crypto.passwords import CHEAPEST, Hasher
from gateway.server.stores import open_accounts, open_session_store
from gateway.services.audit import Audit
from gateway.services.records import Records
from gateway.services.renewal import Renewal
from gateway.services.sessions import Found, Sessions
from gateway.stores.sql.accounts import SqlAccountStore
from tests.samples import sample_facts
from tests.servers import free_port

PASSWORD = "correct horse battery staple"
COMMANDS = {"users": users.command, "sessions": sessions.command, "db": db.command, "keys": keys.command}


class Operator:
    """Types commands with one configuration."""

    def __init__(self, folder: Path, store: str = "memory://", database: str = "sqlite:///users.db") -> None:
        self.folder = folder
        self.config = folder / "gateway.yml"
        secret = CliRunner().invoke(keys.command, ["generate"]).stdout.strip()
        self.settings: dict[str, Any] = {
            "server": {"public_url": "https://auth.example.com"},
            "keys": [{"id": "2026a", "secret": secret}],
            "session": {"store": store},
            "users": {"database": database, "password": {"argon2": {"memory": "8MiB", "time": 3, "parallelism": 1}}},
        }
        self.save()

    def save(self) -> None:
        self.config.write_text(yaml.safe_dump(self.settings))

    def type(self, line: str, *more: str, stdin: str = "") -> Result:
        group, *arguments = line.split()
        return CliRunner().invoke(COMMANDS[group], [*arguments, *more, "--config", str(self.config)], input=stdin)

    def add(self, email: str, *more: str, password: str = PASSWORD) -> Result:
        return self.type(f"users add {email} --password-stdin", *more, stdin=password + "\n")

    def show(self, email: str) -> dict[str, Any]:
        shown: dict[str, Any] = json.loads(self.type(f"users show {email} --json").stdout)
        return shown

    def log_in(self, email: str) -> str:
        """A session as a serving process makes it; the cookie."""
        return asyncio.run(self.inside(lambda accounts, sessions, snapshot: _start(accounts, sessions, snapshot, email)))

    def who(self, cookie: str) -> Found | Nobody:
        return asyncio.run(self.inside(lambda _, sessions, snapshot: sessions.load(snapshot, sample_facts("/", cookie))))

    async def inside(self, work: Callable[..., Any]) -> Any:
        loaded = load(self.config, {})
        database, stores = open_accounts(fixed_of(loaded.settings)), open_session_store(fixed_of(loaded.settings), time.time)
        records = Records(stores.sessions, "gw:")
        try:
            return await work(
                SqlAccountStore(database),
                Sessions(records, Renewal(records, time.time), Audit(lambda line: None, time.time), time.time),
                make_snapshot(loaded),
            )
        finally:
            await stores.sessions.close()
            await database.close()


async def _start(accounts: SqlAccountStore, sessions: Sessions, snapshot: Any, email: str) -> str:
    account = await accounts.find(email)
    assert account is not None
    return (await sessions.start(snapshot, account, sample_facts(), remember=False)).cookie


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(tmp_path)


@pytest.fixture
def with_redis(tmp_path: Path, redis_url: str) -> Operator:
    return Operator(tmp_path, redis_url)


def test_an_operator_gets_from_nothing_to_an_account(operator):
    upgraded = operator.type("db upgrade")
    assert (upgraded.exit_code, stat.S_IMODE((operator.folder / "users.db").stat().st_mode)) == (0, 0o600)
    added = operator.add("Ann@Example.com", "--name", "Ann Müller", "--group", "admins", "--group", "staff")
    assert (added.exit_code, added.stdout) == (0, "")
    assert operator.add("bob@localhost", "--unverified").exit_code == 0
    ann = operator.show("ann@example.com")
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", ann.pop("id"))
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", ann.pop("created"))
    assert ann == {
        "email": "Ann@example.com",
        "name": "Ann Müller",
        "state": "verified",
        "groups": ["admins", "staff"],
        "password": True,
        "last_login": None,
    }
    listed = json.loads(operator.type("users list --json").stdout)
    assert [(user["email"], user["state"]) for user in listed] == [("Ann@example.com", "verified"), ("bob@localhost", "created")]
    assert [user["email"] for user in json.loads(operator.type("users list --json --search ANN@").stdout)] == ["Ann@example.com"]
    assert operator.type("users list --search nobody").output == "No account fits.\n"
    table = operator.type("users list").stdout.splitlines()
    assert table[0].split() == ["E-MAIL", "NAME", "STATE", "GROUPS", "LAST", "LOGIN"]
    assert table[1].split() == ["Ann@example.com", "Ann", "Müller", "verified", "admins,", "staff", "-"]


def test_a_missing_sqlite_file_is_made_by_the_first_account(operator):
    added = operator.add("ann@example.com")
    assert added.exit_code == 0
    assert "users.db was created" in added.stderr
    assert operator.type("db check").exit_code == 0


@pytest.mark.parametrize("line", ["users list", "users show ann@example.com", "users disable ann@example.com", "sessions revoke --all"])
def test_a_database_that_is_not_ready_is_named_with_its_remedy(operator, line):
    refused = operator.type(line)
    assert refused.exit_code == 3
    assert "gateway db upgrade" in refused.stderr
    assert not (operator.folder / "users.db").exists()


def test_an_account_is_added_once_whatever_its_spelling(operator):
    operator.add("ann@example.com")
    again = operator.add("ANN@EXAMPLE.COM")
    assert (again.exit_code, "exists" in again.stderr) == (1, True)


@pytest.mark.parametrize(
    ("email", "more", "password", "status", "word"),
    [
        ("ann", (), PASSWORD, 1, "@"),
        ("ann@example.com", (), "sh0rt", 1, "too_short"),
        ("ann@example.com", (), "x" * 257, 1, "too_long"),
        ("ann@example.com", (), "Example.com1", 1, "context"),
        ("ann@example.com", ("--name", "Anna Maria"), "Anna-Maria", 1, "context"),
        ("ann@example.com", (), "Password1!", 1, "compromised"),
        ("ann@example.com", (), "Massachusetts", 1, "dictionary"),
        ("ann@example.com", (), "kxqkxqkxq", 1, "repetitive"),
        ("ann@example.com", (), "zyxwvuts", 1, "sequential"),
        ("ann@example.com", (), "", 1, "too_short"),
        ("ann@example.com", ("--group", "a,b"), PASSWORD, 1, "group"),
        ("ann@example.com", ("--name", "x" * 101), PASSWORD, 1, "name"),
        ("ann@example.com", ("--password", "hunter2222"), PASSWORD, 2, "No such option"),
        ("ann@example.com", ("hunter2222",), PASSWORD, 2, "unexpected extra argument"),
    ],
)
def test_what_cannot_be_added_says_why(operator, email, more, password, status, word):
    refused = operator.add(email, *more, password=password)
    assert (refused.exit_code, refused.stdout) == (status, "")
    assert word in refused.stderr
    assert password not in refused.stderr or not password
    assert operator.type("users list --json").stdout in ("", "[]\n")


def test_without_a_terminal_a_password_comes_from_stdin_or_not_at_all(operator):
    refused = operator.type("users add ann@example.com", stdin=f"{PASSWORD}\n{PASSWORD}\n")
    assert (refused.exit_code, "--password-stdin" in refused.stderr) == (2, True)


def test_on_a_terminal_the_password_is_asked_for_twice_and_not_shown(operator):
    leader, follower = pty.openpty()
    command = [sys.executable, "-c", "from gateway.cli.users import command; command()", "add", "ann@example.com", "--config", str(operator.config)]
    process = subprocess.Popen(command, stdin=follower, stdout=follower, stderr=follower, close_fds=True, start_new_session=True)
    os.close(follower)
    seen = b""
    answers = [b"first guess here\n", b"something else\n", PASSWORD.encode() + b"\n", PASSWORD.encode() + b"\n"]
    try:
        while True:
            try:
                data = os.read(leader, 4096)
            except OSError:  # the program has ended
                break
            if not data:
                break
            seen += data
            if answers and seen.endswith((b"Password: ", b"confirmation: ")):
                os.write(leader, answers.pop(0))
        assert process.wait(20) == 0, seen
    finally:
        process.kill()
        process.wait()
        os.close(leader)
    assert PASSWORD.encode() not in seen
    assert b"do not match" in seen
    assert operator.show("ann@example.com")["password"] is True


def test_states_groups_and_deletion(operator):
    operator.add("ann@example.com", "--group", "staff")
    for command, state in (("disable", "disabled"), ("expire", "expired"), ("enable", "verified")):
        assert operator.type(f"users {command} ANN@example.com").exit_code == 0
        assert operator.show("ann@example.com")["state"] == state
    assert operator.type("users set-groups ann@example.com admins ops").exit_code == 0
    assert operator.show("ann@example.com")["groups"] == ["admins", "ops"]
    assert operator.type("users set-groups ann@example.com --group one").exit_code == 0
    assert operator.show("ann@example.com")["groups"] == ["one"]
    assert operator.type("users set-groups ann@example.com").exit_code == 0
    assert operator.show("ann@example.com")["groups"] == []
    assert operator.type("users set-groups ann@example.com a,b").exit_code == 1
    assert operator.type("users delete ann@example.com").exit_code == 0
    assert operator.type("users show ann@example.com").exit_code == 1


@pytest.mark.parametrize("command", ["show", "set-groups", "enable", "disable", "expire", "delete", "set-password"])
def test_somebody_who_is_not_there_is_exit_status_1(operator, command):
    operator.type("db upgrade")
    more = ["--password-stdin"] if command == "set-password" else []
    refused = operator.type(f"users {command} nobody@example.com", *more, stdin=PASSWORD + "\n")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "no account" in refused.stderr


def test_a_new_password_replaces_the_old_one(operator):
    operator.add("ann@example.com")
    assert operator.type("users set-password ann@example.com --password-stdin", stdin="another good one\n").exit_code == 0

    async def stored(accounts: SqlAccountStore, *_: object) -> str | None:
        account = await accounts.find("ann@example.com")
        assert account is not None
        return account.password_hash

    found = asyncio.run(operator.inside(stored))
    assert Hasher(CHEAPEST).verify(found, "another good one")
    assert "m=8192,t=3,p=1" in found


def test_an_account_in_postgres(tmp_path, postgres_url):
    operator = Operator(tmp_path, database=postgres_url)
    assert operator.add("ann@example.com").exit_code == 3  # an existing database is never migrated behind its operator's back
    assert operator.type("db upgrade").exit_code == 0
    assert operator.add("ann@example.com").exit_code == 0
    assert operator.show("ann@example.com")["email"] == "ann@example.com"
    assert operator.type("db check").exit_code == 0


def test_a_database_that_is_away_is_exit_status_3(tmp_path):
    operator = Operator(tmp_path, database=f"postgresql://gateway:hidden@127.0.0.1:{free_port()}/gateway")
    for line in ("users list", "db current", "db upgrade", "db check", "sessions list"):
        refused = operator.type(line)
        assert refused.exit_code == 3, line
        assert "hidden" not in refused.output
        assert "Traceback" not in refused.output


def test_a_wrong_configuration_is_exit_status_2_with_its_line(operator):
    operator.settings["users"]["databse"] = "x"
    operator.save()
    refused = operator.type("users list")
    assert refused.exit_code == 2
    assert re.search(r"gateway\.yml:\d+: .*databse.*database", refused.stderr)


@pytest.mark.parametrize("line", ["users list", "db current"])
def test_a_database_url_with_an_unknown_option_is_wrong_configuration(tmp_path, line):
    refused = Operator(tmp_path, database="postgresql://gateway:hidden@127.0.0.1/gateway?sslmod=off").type(line)
    assert (refused.exit_code, "sslmod" in refused.stderr, "hidden" in refused.output) == (2, True, False)


def test_versions_are_shown_and_checked(operator):
    assert json.loads(operator.type("db current --json").stdout)["version"] is None
    assert operator.type("db check").exit_code == 1
    operator.type("db upgrade")
    shown = json.loads(operator.type("db current --json").stdout)
    assert shown["version"] == shown["newest"]
    assert operator.type("db upgrade").exit_code == 0


def test_a_generated_key_is_good_and_never_the_same():
    made = {CliRunner().invoke(keys.command, ["generate"]).stdout for _ in range(20)}
    assert len(made) == 20
    assert all(len(decode_key(text.strip())) == 32 for text in made)


def test_sessions_are_listed_and_one_of_them_ended(with_redis):
    with_redis.add("ann@example.com")
    with_redis.add("bob@example.com")
    phone, laptop, bobs = with_redis.log_in("ann@example.com"), with_redis.log_in("ann@example.com"), with_redis.log_in("bob@example.com")
    everybody = json.loads(with_redis.type("sessions list --json").stdout)
    assert sorted(session["user"] for session in everybody) == ["ann@example.com", "ann@example.com", "bob@example.com"]
    anns = json.loads(with_redis.type("sessions list --json --user Ann@example.com").stdout)
    assert [session["user"] for session in anns] == ["ann@example.com"] * 2
    assert all(re.fullmatch(r"[0-9a-f]{16}", session["id"]) and session["address"] == "192.0.2.7" for session in anns)
    assert bobs not in with_redis.type("sessions list --json").stdout
    bobs_id = next(session["id"] for session in everybody if session["user"] == "bob@example.com")
    ended = with_redis.type(f"sessions revoke --id {bobs_id.upper()}")
    assert ended.exit_code == 0
    assert with_redis.who(bobs) is Nobody.ANONYMOUS
    assert with_redis.type(f"sessions revoke --id {bobs_id}").exit_code == 1
    assert all(isinstance(with_redis.who(cookie), Found) for cookie in (phone, laptop))
    assert len(with_redis.type("sessions list").stdout.splitlines()) == 3


def test_one_persons_or_everybodys_sessions_end(with_redis):
    with_redis.add("ann@example.com")
    with_redis.add("bob@example.com")
    anns, bobs = with_redis.log_in("ann@example.com"), with_redis.log_in("bob@example.com")
    assert with_redis.type("sessions revoke --user ann@example.com").exit_code == 0
    assert with_redis.who(anns) is Nobody.ANONYMOUS
    assert isinstance(with_redis.who(bobs), Found)
    assert with_redis.type("sessions revoke --all").exit_code == 0
    assert with_redis.who(bobs) is Nobody.ANONYMOUS
    assert json.loads(with_redis.type("sessions list --json").stdout) == []
    assert with_redis.type("sessions revoke --user nobody@example.com").exit_code == 1


def test_a_disabled_user_is_out_at_once_and_new_groups_are_felt(with_redis):
    with_redis.add("ann@example.com")
    cookie = with_redis.log_in("ann@example.com")
    with_redis.type("users set-groups ann@example.com admins")
    found = with_redis.who(cookie)
    assert isinstance(found, Found)
    assert found.session.identity.groups == ("admins",)
    assert with_redis.type("users disable ann@example.com").exit_code == 0
    assert with_redis.who(cookie) is Nobody.ANONYMOUS


def test_a_store_that_is_away_delays_what_was_saved(operator):
    operator.settings["session"]["store"] = f"redis://:hidden@127.0.0.1:{free_port()}/0"
    operator.save()
    operator.add("ann@example.com")
    refused = operator.type("users disable ann@example.com")
    assert refused.exit_code == 3
    assert "saved; sessions end when the store is back" in refused.stderr
    assert operator.show("ann@example.com")["state"] == "disabled"
    listed = operator.type("sessions list")
    assert (listed.exit_code, "hidden" in listed.output) == (3, False)


def test_sessions_in_another_processs_memory_are_out_of_reach_but_not_of_effects(operator):
    operator.add("ann@example.com")
    for line in ("sessions list", "sessions list --user ann@example.com", "sessions revoke --id 0123456789abcdef"):
        refused = operator.type(line)
        assert refused.exit_code == 3, line
        assert "https://auth.example.com/_auth/account" in refused.stderr
    for line in ("sessions revoke --user ann@example.com", "sessions revoke --all"):
        assert operator.type(line).exit_code == 0, line

    async def effects(accounts: SqlAccountStore, *_: object) -> int:
        return len(await accounts.effects())

    assert asyncio.run(operator.inside(effects)) == 1


@pytest.mark.parametrize("arguments", ["", "--all --user ann@example.com", "--id 12", "--id 0123456789abcdeg"])
def test_what_to_revoke_must_be_said_in_one_way(operator, arguments):
    operator.type("db upgrade")
    assert operator.type(f"sessions revoke {arguments}").exit_code == 2


def test_every_change_leaves_a_line_in_the_trail(operator):
    added = operator.add("ann@example.com")
    [line] = [json.loads(line) for line in added.stderr.splitlines() if line.startswith("{")]
    assert (line["audit"], line["email"], line["by"]) == ("user:add", "ann@example.com", "command line")
    assert PASSWORD not in added.output
