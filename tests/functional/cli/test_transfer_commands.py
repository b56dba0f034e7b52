"""`gateway users import` and `export`: accounts come and go, all or none, and bad lines are named."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import pty
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import yaml
from click.testing import Result

from gateway.config.fresh import fixed_of
from gateway.config.keys import encode_key
from gateway.config.load import load
from gateway.crypto.passwords import CHEAPEST, Hasher
from gateway.server.stores import open_accounts
from gateway.stores.accounts import Account
from gateway.stores.sql.accounts import SqlAccountStore
from tests.commands import gateway

HASH = Hasher(CHEAPEST).hash("correct horse battery staple")
BCRYPT = bcrypt.hashpw(b"an older one", bcrypt.gensalt(4)).decode()
ID = "0190b2a5-6c00-7abc-8def-0123456789ab"
FULL = {
    "id": ID,
    "email": "Ann@Example.com",
    "first_name": "Ann",
    "last_name": "Müller",
    "phone": "+49301234567",
    "birth_date": "1990-02-28",
    "link": "https://example.com/ann",
    "state": "expired",
    "groups": ["admins", "staff"],
    "password_hash": HASH,
    "created": "2020-01-02T03:04:05Z",
    "last_login": 1_600_000_000,
}


class Desk:
    def __init__(self, folder: Path, database: str = "sqlite:///users.db") -> None:
        self.folder = folder
        self.config = folder / "gateway.yml"
        settings = {
            "server": {"public_url": "https://auth.example.com"},
            "keys": [{"id": "a", "secret": encode_key(os.urandom(32))}],
            "session": {"store": "memory://"},
            "users": {"database": database},
        }
        self.config.write_text(yaml.safe_dump(settings))

    def bring(self, text: str | bytes, name: str = "people") -> Result:
        file = self.folder / name
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return gateway("users", "import", file, "--config", self.config)

    def export(self, *options: str) -> str:
        done = gateway("users", "export", *options, "--config", self.config)
        assert done.exit_code == 0, done.output
        return done.stdout

    def accounts(self) -> list[Account]:
        async def work() -> list[Account]:
            database = open_accounts(fixed_of(load(self.config, {}).settings))
            try:
                return list(await SqlAccountStore(database).list(limit=100_000))
            finally:
                await database.close()

        return asyncio.run(work())


@pytest.fixture(params=["sqlite", "postgres"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Desk:
    if request.param == "sqlite":
        return Desk(tmp_path)
    made = Desk(tmp_path, request.getfixturevalue("postgres_url"))
    assert gateway("db", "upgrade", "--config", made.config).exit_code == 0
    return made


@pytest.fixture
def local(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def lines(*accounts: dict[str, Any]) -> str:
    return "".join(json.dumps(account) + "\n" for account in accounts)


def test_json_lines_become_accounts_with_everything_they_say(desk):
    done = desk.bring(lines(FULL, {"email": "bob@localhost", "name": "Bob", "password_hash": BCRYPT}) + "\n\n")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "2 accounts were imported" in done.stderr
    ann, bob = desk.accounts()
    assert (ann.identity.user_id, ann.identity.email, ann.identity.name) == (ID, "Ann@example.com", "Ann Müller")
    assert (ann.identity.state.value, ann.identity.groups) == ("expired", ("admins", "staff"))
    assert (ann.profile.phone, ann.profile.birth_date, ann.profile.link) == ("+49301234567", "1990-02-28", "https://example.com/ann")
    assert (ann.created, ann.last_login, ann.password_hash) == (1577934245.0, 1_600_000_000.0, HASH)
    assert (bob.identity.state.value, bob.identity.groups, bob.last_login, bob.password_hash) == ("verified", (), None, BCRYPT)
    assert abs(bob.created - time.time()) < 60


def test_csv_becomes_accounts_too(desk):
    rows = [
        "email,name,groups,password_hash,state",
        f'ann@example.com,"Müller, Ann\r\n",admins staff,"{HASH}",',
        "",
        'bob@example.com,Bob,"a;b,c",,created',
    ]
    done = desk.bring("\ufeff" + "\r\n".join(rows))
    assert done.exit_code == 0, done.stderr
    ann, bob = desk.accounts()
    assert (ann.identity.name, ann.identity.groups, ann.identity.state.value, ann.password_hash) == (
        "Müller, Ann",
        ("admins", "staff"),
        "verified",
        HASH,
    )
    assert (bob.identity.name, bob.identity.groups, bob.identity.state.value, bob.password_hash) == ("Bob", ("a", "b", "c"), "created", None)


@pytest.mark.parametrize("options", [("--hashes",), ("--hashes", "--csv")])
def test_what_was_exported_can_be_imported(desk, tmp_path, options):
    desk.bring(lines(FULL, {"email": "bob@example.com", "name": 'Bob "the, first"', "created": 1_700_000_000.25}))
    exported = desk.export(*options)
    (tmp_path / "other").mkdir()
    other = Desk(tmp_path / "other")
    assert other.bring(exported).exit_code == 0
    assert other.accounts() == desk.accounts()
    assert other.export(*options) == exported


def test_no_name_is_a_formula_in_a_spreadsheet(local, tmp_path):
    names = ["=1+1", "+1", "-1", "@SUM(A1)", "'=1", "'Ann", "Ann"]
    people = [{"email": f"{number}@example.com", "first_name": name, "last_name": name} for number, name in enumerate(names)]
    local.bring(lines(*people, {"email": "=cmd|'/c'!a0@example.com", "name": "=2"}))
    exported = local.export("--csv")
    rows = list(csv.DictReader(exported.splitlines()))
    assert {row["email"]: row["first_name"] for row in rows} == {
        "'=cmd|'/c'!a0@example.com": "",
        **{f"{number}@example.com": name for number, name in enumerate(["'=1+1", "'+1", "'-1", "'@SUM(A1)", "''=1", "'Ann", "Ann"])},
    }
    assert [row["name"][0] for row in rows if "cmd" in row["email"]] == ["'"]
    (tmp_path / "other").mkdir()
    other = Desk(tmp_path / "other")
    assert other.bring(exported).exit_code == 0
    assert other.export("--csv") == exported
    assert [account.profile for account in other.accounts()] == [account.profile for account in local.accounts()]


def test_hashes_leave_only_when_asked_for(local):
    local.bring(lines(FULL))
    assert "argon2" not in local.export() + local.export("--csv")
    assert "password_hash" not in local.export() + local.export("--csv")
    shown = json.loads(local.export())
    assert (shown["email"], shown["groups"], shown["created"]) == ("Ann@example.com", ["admins", "staff"], "2020-01-02T03:04:05Z")


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        ('{"email": "not an address"}', "@"),
        ('{"name": "Nobody"}', "@"),
        ('{"email": "x@example.com", "state": "sleeping"}', "created, verified, expired, disabled"),
        ('{"email": "x@example.com", "groups": ["a,b"]}', "group"),
        ('{"email": "x@example.com", "groups": 7}', "groups is not a text"),
        ('{"email": "x@example.com", "name": "A\\u0000B"}', "control character"),
        ('{"email": "x@example.com", "name": 5}', "name is not a text"),
        ('{"email": "x@example.com", "password": "in clear 1234"}', "never imported in clear"),
        ('{"email": "x@example.com", "passwrod_hash": ""}', "there is no such field"),
        ('{"email": "x@example.com", "password_hash": "5f4dcc3b5aa765d61d8327deb882cf99"}', "neither an argon2 nor a bcrypt"),
        ('{"email": "x@example.com", "password_hash": "$argon2id$v=19$m=99999999,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2g"}', "costs too much"),
        ('{"email": "x@example.com", "phone": "112"}', "phone cannot be used"),
        ('{"email": "x@example.com", "birth_date": "2999-01-01"}', "birth_date cannot be used"),
        ('{"email": "x@example.com", "link": "javascript:alert(1)"}', "link cannot be used"),
        ('{"email": "x@example.com", "created": "yesterday"}', "created is neither a time"),
        ('{"email": "x@example.com", "created": "20260131"}', "created is neither a time"),
        ('{"email": "x@example.com", "created": -1}', "created is neither a time"),
        ('{"email": "x@example.com", "created": 1e999}', "created is neither a time"),
        ('{"email": "x@example.com", "created": true}', "created is neither a time"),
        ('{"email": "x@example.com", "id": "7"}', "UUID of version 7"),
        ('{"email": "ANN@example.com"}', "stands on line 1 already"),
        (f'{{"email": "x@example.com", "id": "{ID}"}}', "the id stands on line 1 already"),
        ('{"email": "x@example.com", "email": "y@example.com"}', "given twice"),
        ('["x@example.com"]', "not a JSON object"),
        ('{"email": "x@example.com"', "not one JSON object"),
        ("[" * 100_000, "nested too deeply"),
        ("email,name", "not one JSON object"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_imported(local, bad, word):
    done = local.bring(lines(FULL) + bad + "\n" + lines({"email": "bob@example.com"}))
    assert (done.exit_code, done.stdout) == (1, "")
    [named] = [line for line in done.stderr.splitlines() if f"{local.folder}/people:" in line]
    assert named.startswith(f"{local.folder}/people:2: ")
    assert word in named
    assert "nothing was imported" in done.stderr
    assert not [secret for secret in ("in clear", "5f4dcc3b", "c2FsdHNhbHQ") if secret in done.output.replace("never imported in clear", "")]
    assert local.accounts() == []


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("name\nAnn\n", 1, "none named email"),
        ("email,passwort\nann@example.com,x\n", 1, "there is no such field"),
        ("email,password\nann@example.com,x\n", 1, "never imported in clear"),
        ("email,email\na@example.com,b@example.com\n", 1, "a column is there twice"),
        ('email,name\nann@example.com,"Ann\nMüller"\nbob@example.com\n', 4, "has 1 fields and not 2"),
        ('email,name\nann@example.com,"Ann"x\n', 2, "is not CSV"),
        (b"email,name\nann@example.com,\xff\n", 2, "is not UTF-8"),
    ],
)
def test_bad_csv_is_named_too(local, text, line, word):
    done = local.bring(text)
    assert done.exit_code == 1
    named = [one for one in done.stderr.splitlines() if f"people:{line}: " in one]
    assert len(named) == 1
    assert word in named[0]
    assert local.accounts() == []


def test_every_bad_line_is_named(local):
    done = local.bring(lines(*({"email": f"user{number}"} for number in range(50)), {"email": "ann@example.com"}))
    assert [f"people:{number}: " in done.stderr for number in range(1, 53)] == [True] * 50 + [False] * 2
    assert "50 of 51" in done.stderr


def test_accounts_that_are_there_already_are_named(desk):
    desk.bring(lines(FULL))
    again = desk.bring(lines({"email": "new@example.com"}, {"email": "ANN@example.com"}, {"email": "else@example.com", "id": ID}))
    assert again.exit_code == 1
    assert "people:2: an account of that address exists" in again.stderr
    assert "people:3: an account of that id exists" in again.stderr
    assert [account.identity.email for account in desk.accounts()] == ["Ann@example.com"]


def test_an_empty_file_imports_nothing(local):
    done = local.bring("")
    assert (done.exit_code, "0 accounts were imported" in done.stderr) == (0, True)


def test_standard_input_is_a_file_too(local):
    done = gateway("users", "import", "-", "--config", local.config, stdin=lines({"email": "ann@example.com"}))
    assert (done.exit_code, [account.identity.email for account in local.accounts()]) == (0, ["ann@example.com"])


def test_an_import_and_an_export_are_in_the_trail_and_the_accounts_are_not(local):
    local.bring(lines(FULL))
    local.export("--hashes")
    trail = json.loads(gateway("audit", "--json", "--config", local.config).stdout)
    assert [(entry["event"], entry["details"]) for entry in trail] == [
        ("user:import", {"by": "command line", "accounts": "1"}),
        ("user:export", {"by": "command line", "accounts": "1", "hashes": "true"}),
    ]


def test_ten_thousand_accounts_come_in_less_than_a_minute_and_show_how_far_they_are(local):
    people = local.folder / "people"
    people.write_text(lines(*({"email": f"user{number}@example.com", "name": f"User {number}", "password_hash": HASH} for number in range(10_000))))
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "gateway", "users", "import", str(people), "--config", str(local.config)]
    started = time.monotonic()
    process = subprocess.Popen(command, stdin=follower, stdout=follower, stderr=follower, close_fds=True, start_new_session=True)
    os.close(follower)
    seen = b""
    try:
        while True:
            try:
                data = os.read(leader, 65536)
            except OSError:  # the program has ended
                break
            seen += data
            if not data:
                break
        assert process.wait(20) == 0, seen
    finally:
        process.kill()
        process.wait()
        os.close(leader)
    assert time.monotonic() - started < 60
    assert b"10000 accounts were imported" in seen
    assert len([percent for percent in range(1, 100) if b"%d%%" % percent in seen]) > 3
    assert len(local.accounts()) == 10_000
