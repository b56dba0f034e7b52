"""`gateway explain` as an operator sees it: the line that decides, and the reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.commands import gateway
from tests.configurations import SMALLEST, write

ROUTES = """\
users: {database: "sqlite:///missing.db"}
session: {cookie: {domain: example.com}}
routes:
  - name: wiki
    host: wiki.example.com
    upstream: http://127.0.0.1:3000
    access:
      - {allow: public, methods: [OPTIONS]}
      - {allow: [group:admins, user:ann@example.com], networks: [10.0.0.0/8]}
      - {allow: login, paths: [/help/**], methods: [GET]}
      - deny
  - {name: open, host: open.example.com, upstream: "unix:/run/open.sock", access: optional}
  - {name: asked, host: "*.asked.example.com", access: login}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write(tmp_path, SMALLEST + ROUTES)


def _explain(config: Path, url: str, *more: str) -> dict[str, Any]:
    done = gateway("explain", "--config", config, "--url", url, "--json", *more)
    assert done.exit_code == 0, done.output
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_the_rule_that_decides_is_named_with_its_line(config: Path) -> None:
    done = gateway("explain", "--config", config, "--url", "https://wiki.example.com/x", "--user", "bob@example.com", "--ip", "10.1.2.3")
    assert done.exit_code == 0
    assert f"route     wiki  ({config}:6) → http://127.0.0.1:3000" in done.stdout
    assert f"    {config}:10  public, methods OPTIONS: is about other methods" in done.stdout
    assert f"    {config}:11  allow [group:admins, user:ann@example.com], networks 10.0.0.0/8: names other people" in done.stdout
    assert f"  → {config}:13  deny: decides" in done.stdout
    assert "decision  refuse: a rule denies it" in done.stdout
    assert "answer    403 Forbidden" in done.stdout


@pytest.mark.parametrize(
    ("url", "more", "line", "decision", "answer"),
    [
        ("https://wiki.example.com/", ["--method", "OPTIONS"], 10, "allow", "it is forwarded"),
        ("https://wiki.example.com/", ["--user", "Ann@example.com", "--ip", "10.0.0.1"], 11, "allow", "it is forwarded"),
        ("https://wiki.example.com/", ["--user", "bob@example.com", "--group", "admins", "--ip", "10.0.0.1"], 11, "allow", "it is forwarded"),
        ("https://wiki.example.com/", ["--user", "ann@example.com", "--ip", "192.0.2.1"], 13, "refuse", "403 Forbidden"),
        ("https://wiki.example.com/help", [], 12, "ask for login", "303 to https://auth.example.com/_auth/login?next=https://wiki.example.com/help"),
        ("https://wiki.example.com/help/x?y=1", ["--user", "bob@example.com"], 12, "allow", "it is forwarded"),
        ("https://open.example.com/", [], 14, "allow", "it is forwarded"),
        ("https://x.asked.example.com/", ["--user", "bob@example.com"], 15, "allow", "it is forwarded"),
    ],
)
def test_decisions(config: Path, url: str, more: list[str], line: int, decision: str, answer: str) -> None:
    found = _explain(config, url, *more)
    assert [step["place"] for step in found["rules"] if step["decides"]] == [f"{config}:{line}"]
    assert (found["decision"], found["answer"]) == (decision, answer)


@pytest.mark.parametrize(
    ("url", "decision", "answer"),
    [
        ("https://other.example.com/", "unknown host", "421 Misdirected Request"),
        ("https://asked.example.com/", "unknown host", "421 Misdirected Request"),
        ("https://wiki.example.com/a/%2e%2e/help", "malformed", "400 Bad Request"),
        ("https://wiki.example.com/_auth/login", "own page", "the gateway's own page"),
        ("https://auth.example.com/_auth/api/users/login/", "JSON API", "the JSON API's own answer"),
    ],
)
def test_requests_that_no_rule_decides(config: Path, url: str, decision: str, answer: str) -> None:
    found = _explain(config, url)
    assert (found["decision"], found["answer"], found["rules"]) == (decision, answer, [])


def test_the_address_is_shown_as_it_was_asked_for_and_as_it_is_read(config: Path) -> None:
    url = "https://wiki.example.com/help/a%20b?c=%2F"
    done = gateway("explain", "--config", config, "--url", url)
    assert f"request   GET {url}\nread as   /help/a b\n" in done.stdout
    assert _explain(config, "https://wiki.example.com/public/../x")["request"] == "GET https://wiki.example.com/public/../x"
    assert "read as" not in gateway("explain", "--config", config, "--url", "https://wiki.example.com/help?x").stdout


def test_the_headers_that_the_upstream_would_get(config: Path) -> None:
    found = dict(_explain(config, "https://wiki.example.com/help", "--user", "bob@example.com", "--group", "staff")["headers"])
    assert found["X-User-Email"] == "bob@example.com"
    assert found["X-User-Groups"] == "staff"
    assert found["X-Gateway-Jwt-Assertion"] == "<signed token>"
    anonymous = dict(_explain(config, "https://open.example.com/")["headers"])
    assert set(anonymous.values()) == {""}
    assert _explain(config, "https://wiki.example.com/help")["headers"] == []


def test_a_user_is_assumed_where_there_is_no_database(config: Path) -> None:
    assert "there is no database" in _explain(config, "https://open.example.com/", "--user", "bob@example.com")["who"]


def test_a_user_of_the_database_is_judged_as_it_is(config: Path) -> None:
    assert gateway("db", "upgrade", "--config", config).exit_code == 0
    added = gateway(
        "users", "add", "eve@example.com", "--group", "admins", "--unverified", "--password-stdin", "--config", config, stdin="a long passphrase\n"
    )
    assert added.exit_code == 0, added.output
    found = _explain(config, "https://wiki.example.com/help", "--user", "EVE@example.com")
    assert found["who"] == "eve@example.com (created; admins)"
    assert (found["decision"], found["why"]) == ("refuse", "the account's address is not verified yet")
    assert "no such account" in _explain(config, "https://wiki.example.com/help", "--user", "bob@example.com")["who"]


@pytest.mark.parametrize(
    ("more", "status"),
    [
        (["--url", "wiki.example.com"], 2),
        (["--url", "ftp://wiki.example.com/"], 2),
        (["--url", "https://wiki.example.com/", "--ip", "here"], 2),
        (["--url", "https://wiki.example.com/", "--method", "G T"], 2),
        (["--url", "https://wiki.example.com/", "--group", "a,b", "--user", "x@y.z"], 2),
        (["--url", "https://[::1/"], 1),
        (["--url", "https:///x"], 1),
        (["--url", "https://wiki.example.com/%zz"], 1),
        ([], 2),
    ],
)
def test_questions_that_cannot_be_answered(config: Path, more: list[str], status: int) -> None:
    done = gateway("explain", "--config", config, *more)
    assert done.exit_code == status, done.output
    assert "Error" in done.stderr


def test_a_configuration_with_mistakes_explains_nothing(tmp_path: Path) -> None:
    done = gateway("explain", "--config", write(tmp_path, SMALLEST + "log: {level: loud}\n"), "--url", "https://a.b/")
    assert done.exit_code == 2
    assert "log.level" in done.stderr
