from __future__ import annotations

import json

import pytest

from gateway.core.facts import Facts
from gateway.telemetry.access import AccessLog
from gateway.telemetry.escape import printable
from gateway.web.exchange import Exchange
from tests.samples import SettableClock

FACTS = Facts(
    method="GET",
    scheme="https",
    host="wiki.example.com",
    port=443,
    path="/page",
    readings=(),
    encoded=False,
    raw_path="/page",
    query="token=secret",
    client="203.0.113.9",
    cookies=("cookie-secret",),
    navigating=True,
    upgrade=False,
    passive=False,
    origin=None,
    referer="https://elsewhere.example/?code=secret",
    user_agent="agent-secret",
)


def an_exchange(**changes: object) -> Exchange:
    exchange = Exchange("ab" * 16, 10.0, "203.0.113.9")
    exchange.facts, exchange.route, exchange.user_id, exchange.status, exchange.sent, exchange.upstream = FACTS, "wiki", "0199", 200, 1234, 0.0105
    for name, value in changes.items():
        setattr(exchange, name, value)
    return exchange


def line(form: str, exchange: Exchange, method: str = "GET", target: str = "/page?token=secret", clock: SettableClock | None = None) -> str:
    lines: list[str] = []
    log = AccessLog(lines.append, "json" if form == "json" else "text", clock or SettableClock(1_800_000_000.25))
    log.line(exchange, method, target, 0.0123)
    return lines[0]


def test_json_tells_who_what_and_how_long():
    assert json.loads(line("json", an_exchange())) == {
        "kind": "access",
        "time": "2027-01-15T08:00:00.250Z",
        "request_id": "ab" * 16,
        "client": "203.0.113.9",
        "method": "GET",
        "host": "wiki.example.com",
        "path": "/page?",
        "route": "wiki",
        "user": "0199",
        "status": 200,
        "bytes": 1234,
        "duration": 0.0123,
        "upstream": 0.0105,
    }


def test_text_is_for_people():
    assert line("text", an_exchange()) == (
        f"2027-01-15T08:00:00.250Z 203.0.113.9 GET wiki.example.com/page? 200 1234B 12.3ms upstream=10.5ms route=wiki user=0199 id={'ab' * 16}"
    )


@pytest.mark.parametrize("form", ["json", "text"])
def test_what_could_not_be_understood_has_a_line_too(form: str):
    said = line(form, an_exchange(facts=None, route="-", user_id=None, upstream=None, status=400), "-", "-")
    assert "203.0.113.9" in said
    assert "400" in said


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_secret_reaches_the_line(form: str):
    assert "secret" not in line(form, an_exchange(), target="http://user:secret@wiki.example.com/page?token=secret")


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("nasty", ['/a\r\nforged "line"', "/\x1b[31mred", "/\u202etxt.exe", "/\udcff", '/"quote\\'])
def test_nobody_writes_lines_of_their_own(form: str, nasty: str):
    said = line(form, an_exchange(facts=replace_path(nasty)), target=nasty)
    assert len(said.splitlines()) == 1
    assert said.isascii()
    assert said.isprintable()
    if form == "json":
        assert json.loads(said)["path"] == nasty


def replace_path(raw_path: str) -> Facts:
    return FACTS._replace(raw_path=raw_path)


def test_a_huge_path_is_cut():
    assert len(line("text", an_exchange(), target="/" + "a" * 100_000)) < 2500


def test_the_second_changes_the_stamp():
    clock = SettableClock(1_800_000_000.999)
    lines: list[str] = []
    log = AccessLog(lines.append, "text", clock)
    log.line(an_exchange(), "GET", "/", 0.0)
    clock.forward(0.002)
    log.line(an_exchange(), "GET", "/", 0.0)
    assert [said.partition(" ")[0] for said in lines] == ["2027-01-15T08:00:00.999Z", "2027-01-15T08:00:01.001Z"]


def test_readable_text_passes():
    assert printable("Zoë – ordinary") == "Zoë – ordinary"
    assert printable("a\nb") == "a\\x0ab"
