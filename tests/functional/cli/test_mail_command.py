"""`gateway mail`: what was given up is seen, tried again and thrown away, and nobody reads what it says."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.config.fresh import fixed_of
from gateway.config.keys import encode_key
from gateway.config.load import load
from gateway.config.snapshot import make_snapshot
from gateway.crypto.keys import Purpose
from gateway.crypto.sealing import seal_note
from gateway.server.stores import open_accounts
from gateway.stores.outbox import Letter
from gateway.stores.sql.outbox import SqlOutboxStore
from tests.commands import gateway

TOKEN = "a-token-that-opens-an-account"


class Desk:
    """Types commands with one configuration; four letters are there, of which the first three were given up."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "gateway.yml"
        settings = {
            "server": {"public_url": "https://auth.example.com"},
            "keys": [{"id": "a", "secret": encode_key(os.urandom(32))}],
            "session": {"store": "memory://"},
            "users": {"database": "sqlite:///users.db"},
        }
        self.config.write_text(yaml.safe_dump(settings))
        assert self.type("db", "upgrade").exit_code == 0
        asyncio.run(self._fill())

    async def _fill(self) -> None:
        loaded = load(self.config, {})
        database, keys = open_accounts(fixed_of(loaded.settings)), make_snapshot(loaded).keys
        outbox = SqlOutboxStore(database)
        for number in range(4):
            sealed = seal_note(keys, Purpose.MAIL, f"letter-{number}", TOKEN.encode())
            now = time.time() - 10 + number
            await outbox.put(Letter(f"letter-{number}", f"ann{number}@example.com", sealed, now, now, 4))
        for number in range(3):
            await outbox.bury(f"letter-{number}", "the mail server refused the recipient (550)")
        await database.close()

    def type(self, *line: str, stdin: str = "") -> Any:
        return gateway(*line, "--config", self.config, stdin=stdin)

    def listed(self, *options: str) -> list[str]:
        return [letter["id"] for letter in json.loads(self.type("mail", "list", "--json", *options).stdout)]

    def waiting(self) -> int:
        async def work() -> int:
            database = open_accounts(fixed_of(load(self.config, {}).settings))
            waiting = await SqlOutboxStore(database).waiting()
            await database.close()
            return waiting

        return asyncio.run(work())

    def trail(self) -> list[tuple[str, str]]:
        found = json.loads(self.type("audit", "--json", "--event", "mail:*").stdout)
        assert {entry["details"]["by"] for entry in found} <= {"command line"}
        return [(entry["event"], entry["details"]["letter"]) for entry in found]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_what_was_given_up_is_listed_without_what_it_says(desk: Desk) -> None:
    table, listed = desk.type("mail", "list"), desk.type("mail", "list", "--json")
    lines = table.stdout.splitlines()
    assert lines[0].split() == ["ID", "RECIPIENT", "WRITTEN", "TRIES", "REASON"]
    assert [line.split()[:2] for line in lines[1:]] == [[f"letter-{number}", f"ann{number}@example.com"] for number in (2, 1, 0)]
    assert lines[1].split()[3] == "5"
    assert lines[1].endswith("the mail server refused the recipient (550)")
    assert [sorted(letter) for letter in json.loads(listed.stdout)] == [["created", "error", "id", "recipient", "tries"]] * 3
    assert TOKEN not in table.stdout + listed.stdout
    assert desk.listed("--last", "1") == ["letter-2"]


def test_letters_are_tried_again_one_by_one_or_all(desk: Desk) -> None:
    done = desk.type("mail", "retry", "letter-1")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "1 letter is due again" in done.stderr
    assert (desk.listed(), desk.waiting()) == (["letter-2", "letter-0"], 2)
    assert "2 letters are due again" in desk.type("mail", "retry", "--all").stderr
    assert (desk.listed(), desk.waiting()) == ([], 4)
    assert desk.trail()[0] == ("mail:retry", "letter-1")
    assert sorted(desk.trail()[1:]) == [("mail:retry", "letter-0"), ("mail:retry", "letter-2")]
    nothing = desk.type("mail", "list")
    assert (nothing.stdout, nothing.stderr) == ("", "No letter was given up.\n")


def test_letters_are_thrown_away_and_those_that_wait_are_not(desk: Desk) -> None:
    refused = desk.type("mail", "delete", "letter-0", "letter-3", "letter-9")
    assert refused.exit_code == 1
    assert "1 letter is deleted" in refused.stderr
    assert "no letter of that id was given up: letter-3, letter-9" in refused.stderr
    assert (desk.listed(), desk.waiting()) == (["letter-2", "letter-1"], 1)
    assert desk.type("mail", "delete", "--all", "--yes").exit_code == 0
    assert (desk.listed(), desk.waiting()) == ([], 1)
    assert sorted(desk.trail()) == [("mail:delete", f"letter-{number}") for number in range(3)]


@pytest.mark.parametrize("line", [("retry",), ("retry", "letter-1", "--all"), ("delete", "--yes"), ("delete", "letter-1", "--all")])
def test_which_letters_has_to_be_said(desk: Desk, line: tuple[str, ...]) -> None:
    refused = desk.type("mail", *line)
    assert (refused.exit_code, "or --all" in refused.stderr) == (2, True)
    assert len(desk.listed()) == 3


@pytest.mark.parametrize("line", [("mail", "retry"), ("mail", "delete", "--yes"), ("audit", "--event"), ("users", "list", "--search")])
def test_bytes_that_are_no_text_are_wrong_usage(desk: Desk, line: tuple[str, ...]) -> None:
    done = desk.type(*line, os.fsdecode(b"\xff"))
    assert (done.exit_code, "not UTF-8" in done.stderr) == (2, True)
