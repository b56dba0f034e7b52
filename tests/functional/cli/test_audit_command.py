"""`gateway audit`: what a serving gateway and other commands left in the trail, on both databases."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.cli.audit import added
from gateway.config.fresh import fixed_of
from gateway.config.keys import encode_key
from gateway.config.load import load
from gateway.server.stores import open_accounts
from gateway.stores.sql import schema
from gateway.stores.sql.engine import open_database
from gateway.stores.sql.trail import SqlTrailStore
from gateway.stores.trail import Entry
from tests.browser import Browser
from tests.commands import gateway
from tests.gateways import PASSWORD, Gateway
from tests.samples import NOW

MOMENT = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


class Desk:
    """Types commands with one configuration; nothing serves."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "gateway.yml"
        settings = {
            "server": {"public_url": "https://auth.example.com"},
            "keys": [{"id": "a", "secret": encode_key(os.urandom(32))}],
            "session": {"store": "memory://"},
            "users": {"database": "sqlite:///users.db", "password": {"argon2": {"memory": "8MiB", "time": 1, "parallelism": 1}}},
        }
        self.config.write_text(yaml.safe_dump(settings))

    def type(self, *line: str, stdin: str = "") -> Any:
        return gateway(*line, "--config", self.config, stdin=stdin)

    def add(self, email: str) -> None:
        assert self.type("users", "add", email, "--password-stdin", stdin=PASSWORD + "\n").exit_code == 0

    def found(self, *options: str) -> list[tuple[str, str | None]]:
        done = self.type("audit", "--json", *options)
        assert done.exit_code == 0, done.stderr
        return [(entry["event"], entry["email"]) for entry in json.loads(done.stdout)]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path)
    made.add("ann@example.com")
    made.add("bob@example.com")
    made.type("users", "set-groups", "ann@example.com", "admins")
    made.type("users", "disable", "bob@example.com")
    made.type("users", "delete", "bob@example.com")
    return made


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_what_happened_while_it_served_is_there_also_when_it_has_ended(
    request: pytest.FixtureRequest, start_gateway: Callable[..., Gateway], kind: str
):
    sections = {} if kind == "sqlite" else {"users": {"database": request.getfixturevalue("postgres_url")}}
    if kind == "postgres":
        assert Gateway(sections).run("db", "upgrade").returncode == 0
    serving = start_gateway(sections)
    serving.add_user("ann@example.com")
    async with Browser(serving.url) as ann:
        page = await ann.get("/_auth/login")
        for email, password in (("ann@example.com", "hunter2"), ("hunter2", PASSWORD), ("ann@example.com", PASSWORD)):
            page = await ann.submit(page.form, email=email, password=password)
        assert page.status == 303
    serving.stop()
    done = serving.run("audit", "--json")
    trail = json.loads(done.stdout)
    assert [entry["event"] for entry in trail] == [
        "server:start",
        "user:add",
        "login:failure",
        "login:failure",
        "session:start",
        "login:success",
        "server:stop",
    ]
    wrong, unknown, session, success = trail[2:6]
    assert [entry["email"] for entry in (wrong, unknown, success)] == ["ann@example.com", None, "ann@example.com"]
    assert (wrong["outcome"], wrong["details"], unknown["details"]) == ("refused", {"reason": "wrong"}, {"reason": "unknown"})
    assert {entry["address"] for entry in trail[2:6]} == {"127.0.0.1"}
    assert re.fullmatch("[0-9a-f]{16}", session["session"])
    assert {entry["user"] for entry in (wrong, session, success)} == {trail[1]["user"]}
    assert all(MOMENT.fullmatch(entry["time"]) for entry in trail)
    assert [entry["id"] for entry in trail] == sorted(entry["id"] for entry in trail)
    assert not [secret for secret in ("hunter2", PASSWORD, "argon2") if secret in done.stdout]


def test_one_person_also_when_the_account_is_gone(desk):
    assert desk.found("--user", "ANN@Example.com") == [("user:add", "ann@example.com"), ("user:groups", "ann@example.com")]
    assert [event for event, _ in desk.found("--user", "bob@example.com")] == ["user:add", "user:state", "user:delete"]
    assert desk.found("--user", "nobody@example.com") == []


def test_some_events_some_time_some_entries(desk):
    assert len(desk.found()) == 5
    assert [event for event, _ in desk.found("--event", "user:add")] == ["user:add", "user:add"]
    assert [event for event, _ in desk.found("--event", "user:?????")] == ["user:state"]
    assert len(desk.found("--event", "user:*", "--since", "1h")) == 5
    assert desk.found("--event", "session:*") == []
    assert desk.found("--event", "%") == []
    assert [event for event, _ in desk.found("--last", "2")] == ["user:state", "user:delete"]
    assert len(desk.found("--since", "1d", "--last", "1")) == 5, "everything of that time"
    assert desk.found("--since", "0s") == []


def test_everything_of_a_time_is_more_than_one_answer_of_the_database(desk):
    async def work() -> None:
        database = open_accounts(fixed_of(load(desk.config, {}).settings))
        entries = [Entry(0, time.time(), "login:failure", str(number), None, None, None, None, "{}") for number in range(2500)]
        await SqlTrailStore(database).add(entries)
        await database.close()

    asyncio.run(work())
    shown = json.loads(desk.type("audit", "--json", "--since", "1h", "--event", "login:*").stdout)
    assert [entry["outcome"] for entry in shown] == [str(number) for number in range(2500)]
    assert len(desk.found()) == 100


def test_people_get_a_table(desk):
    lines = desk.type("audit").stdout.splitlines()
    assert lines[0].split() == ["TIME", "EVENT", "OUTCOME", "E-MAIL", "ADDRESS", "SESSION", "MORE"]
    assert len(lines) == 6
    assert "user:groups" in lines[3]
    assert "groups=admins" in lines[3]
    nothing = desk.type("audit", "--event", "x")
    assert (nothing.exit_code, nothing.stdout, "nothing" in nothing.stderr) == (0, "", True)


@pytest.mark.parametrize(
    ("options", "status", "word"),
    [
        (("--since", "yesterday"), 2, "must be a duration"),
        (("--last", "0"), 2, "--last"),
        (("--user", "nobody"), 1, "exactly one @"),
    ],
)
def test_what_cannot_be_asked_says_why(desk, options, status, word):
    refused = desk.type("audit", *options)
    assert (refused.exit_code, refused.stdout) == (status, "")
    assert word in refused.stderr


def test_a_database_that_is_not_ready_is_named_with_its_remedy(tmp_path):
    refused = Desk(tmp_path).type("audit")
    assert (refused.exit_code, "gateway db upgrade" in refused.stderr) == (3, True)


async def test_whoever_follows_a_few_events_reads_nothing_twice(tmp_path):
    """However much is added that was not asked for; and an emptied trail, which counts anew, is followed too."""
    database = open_database(f"sqlite:///{tmp_path}/users.db")
    await schema.upgrade(database)
    trail, reads, last = SqlTrailStore(database), list[int](), 0

    async def find(*, after: int, limit: int) -> Sequence[Entry]:
        reads.append(after)
        return await trail.find(event="user:*", after=after, limit=limit)

    async def add(*events: str) -> list[str]:
        nonlocal last
        await trail.add([Entry(0, NOW, event, "success", None, None, None, None, "{}") for event in events])
        found, last = await added(find, trail, last)
        return [entry.event for entry in found]

    assert await add(*["login:failure"] * 3000) == []
    assert await add("login:failure") == []
    assert await add() == []
    assert await add("user:add", "login:failure") == ["user:add"]
    assert await add("login:failure", "user:delete") == ["user:delete"]
    assert reads == [0, 3000, 3001, 3003]
    assert await add(*["user:add"] * 1500) == ["user:add"] * 1000
    assert await add() == ["user:add"] * 500
    await trail.prune(NOW + 1)
    assert await add("user:export") == ["user:export"]
    await database.close()


@pytest.mark.parametrize("as_json", [True, False])
def test_following_shows_what_is_added_until_ctrl_c(desk, as_json):
    command = [
        sys.executable,
        "-m",
        "gateway",
        "audit",
        "--follow",
        "--event",
        "user:*",
        "--config",
        str(desk.config),
        *(["--json"] if as_json else []),
    ]
    following = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert following.stdout is not None
        seen = [following.stdout.readline() for _ in range(5 if as_json else 6)]
        desk.add("eve@example.com")
        added = following.stdout.readline()
        following.send_signal(signal.SIGINT)
        rest, errors = following.communicate(timeout=20)
    finally:
        following.kill()
        following.wait()
    assert (following.returncode, rest, errors) == (0, "", "")
    assert "user:delete" in seen[-1]
    assert "eve@example.com" in added
    if as_json:
        assert json.loads(added)["event"] == "user:add"
    else:
        assert seen[0].split()[0] == "TIME"
        assert MOMENT.match(added)
