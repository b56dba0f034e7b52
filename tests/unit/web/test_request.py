"""From raw headers to facts: what is believed, what is refused (proxying.md H8, H9, U3-U8; DESIGN 1.5 navigating)."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest

from gateway.core.facts import Facts
from gateway.core.forwarded import Trust
from gateway.core.urls import Malformed
from gateway.web.request import read_facts
from tests.samples import sample_snapshot

TRUSTING = replace(sample_snapshot(), trust=Trust([ip_network("10.0.0.0/8")]))


def facts(
    *headers: tuple[str, str], method: str = "GET", target: str = "/", peer: str | None = "192.0.2.7", host: str | None = "wiki.example.com"
) -> Facts:
    sent = [] if host is None else [("Host", host)]
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in [*sent, *headers]]
    return read_facts(method, target, raw, peer, "http", TRUSTING)


@pytest.mark.parametrize(
    "host",
    [
        "",
        " ",
        "a b",
        "a/b",
        "user@wiki.example.com",
        "wiki.example.com:0",
        "wiki.example.com:99999",
        "wiki..example.com",
        "a,b",
        "[::1",
        "[fe80::1%25eth0]",
        "-a",
        "ü.example",
    ],
)
def test_hosts_that_are_refused(host: str) -> None:
    with pytest.raises(Malformed):
        facts(host=host)


def test_a_missing_or_doubled_host_is_refused() -> None:
    with pytest.raises(Malformed):
        facts(host=None)
    with pytest.raises(Malformed, match="twice"):
        facts(("Host", "wiki.example.com"))


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("WIKI.Example.COM", ("wiki.example.com", 80)),
        ("wiki.example.com.", ("wiki.example.com", 80)),
        ("wiki.example.com:8443", ("wiki.example.com", 8443)),
        ("[::0001]:90", ("[::1]", 90)),
        ("127.0.0.1", ("127.0.0.1", 80)),
    ],
)
def test_hosts_are_canonical(host: str, expected: tuple[str, int]) -> None:
    found = facts(host=host)
    assert (found.host, found.port) == expected


SPOOFED = [
    ("X-Forwarded-For", "10.9.9.9"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "evil.example"),
    ("X-Forwarded-Port", "444"),
    ("X-Forwarded-Uri", "/public"),
    ("X-Original-URL", "https://wiki.example.com/public"),
    ("X-Rewrite-URL", "/public"),
    ("Forwarded", "for=10.9.9.9;host=evil.example;proto=https"),
    ("X-Real-IP", "10.9.9.9"),
]


def test_an_untrusted_peer_changes_nothing_by_relayed_headers() -> None:
    assert facts(*SPOOFED, target="/admin") == facts(target="/admin")


def test_a_trusted_peer_tells_client_scheme_host_and_port() -> None:
    found = facts(
        ("X-Forwarded-For", "10.0.0.99, 203.0.113.5, 10.1.1.1"),
        ("X-Forwarded-Proto", "wss"),
        ("X-Forwarded-Host", "Wiki.example.com"),
        ("X-Forwarded-Port", "8443"),
        peer="10.0.0.1",
        host="gateway.internal:8080",
    )
    assert (found.client, found.scheme, found.host, found.port) == ("203.0.113.5", "https", "wiki.example.com", 8443)


@pytest.mark.parametrize(
    "header",
    [
        ("X-Forwarded-Proto", "https,http"),
        ("X-Forwarded-Proto", "gopher"),
        ("X-Forwarded-Host", "a.example, b.example"),
        ("X-Forwarded-Port", "0"),
        ("X-Forwarded-Port", "eighty"),
        ("X-Forwarded-Port", "-1"),
    ],
)
def test_unclear_words_of_a_trusted_peer_are_refused(header: tuple[str, str]) -> None:
    with pytest.raises(Malformed):
        facts(header, peer="10.0.0.1")


@pytest.mark.parametrize("name", ["X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "Origin", "Referer", "Sec-Fetch-Mode"])
def test_doubled_single_valued_headers_are_refused(name: str) -> None:
    value = {"X-Forwarded-Proto": "https", "X-Forwarded-Port": "443"}.get(name, "x.example")
    with pytest.raises(Malformed, match="twice"):
        facts((name, value), (name.lower(), value), peer="10.0.0.1")


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        ("203.0.113.5", "203.0.113.5"),
        ("10.0.0.9, 203.0.113.5", "203.0.113.5"),
        ("198.51.100.1, 203.0.113.5, 10.0.0.2, 10.0.0.3", "203.0.113.5"),
        ("10.0.0.2, 10.0.0.3", "10.0.0.2"),
        ("garbage, 10.0.0.3", "10.0.0.3"),
        ("203.0.113.5, garbage", "10.0.0.1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("203.0.113.5:1234", "203.0.113.5"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("", "10.0.0.1"),
    ],
)
def test_the_client_is_the_rightmost_hop_that_is_not_trusted(chain: str, client: str) -> None:
    assert facts(("X-Forwarded-For", chain), peer="10.0.0.1").client == client


def test_several_lines_of_forwarded_for_are_one_list() -> None:
    found = facts(("X-Forwarded-For", "10.9.9.9"), ("X-Forwarded-For", "203.0.113.5"), peer="10.0.0.1")
    assert found.client == "203.0.113.5"


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("http://wiki.example.com/a?b", "/a"),
        ("HTTP://WIKI.example.com", "/"),
        ("http://wiki.example.com:80/a", "/a"),
        ("http://wiki.example.com?x", "/"),
    ],
)
def test_absolute_targets_that_agree_with_host(target: str, path: str) -> None:
    assert facts(target=target).path == path


@pytest.mark.parametrize(
    "target",
    [
        "http://evil.example/x",
        "http://wiki.example.com:81/",
        "http://a@wiki.example.com/",
        "evil",
        "@evil/",
        "*",
        "ftp://wiki.example.com/",
        "http:///x",
        "/a#b",
        "/a b",
        "/ä",
    ],
)
def test_targets_that_are_refused(target: str) -> None:
    with pytest.raises(Malformed):
        facts(target=target)


@pytest.mark.parametrize(
    ("headers", "method", "navigating"),
    [
        ([("Sec-Fetch-Mode", "navigate")], "POST", True),
        ([("Sec-Fetch-Mode", "cors"), ("Accept", "text/html")], "GET", False),
        ([("Accept", "text/html,*/*")], "GET", True),
        ([("Accept", "text/html,*/*")], "HEAD", True),
        ([("Accept", "text/html")], "POST", False),
        ([("Accept", "text/html"), ("X-Requested-With", "XMLHttpRequest")], "GET", False),
        ([("Accept", "*/*")], "GET", False),
        ([], "GET", False),
    ],
)
def test_who_is_navigating(headers: list[tuple[str, str]], method: str, navigating: bool) -> None:
    assert facts(*headers, method=method).navigating is navigating


@pytest.mark.parametrize(
    ("headers", "upgrade"),
    [
        ([("Connection", "keep-alive, Upgrade"), ("Upgrade", "websocket")], True),
        ([("connection", "upgrade"), ("upgrade", "WebSocket")], True),
        ([("Connection", "Upgrade"), ("Upgrade", "h2c")], False),
        ([("Connection", "Upgrade"), ("Upgrade", "websocket, h2c")], False),
        ([("Upgrade", "websocket")], False),
        ([("Connection", "close"), ("Upgrade", "websocket")], False),
    ],
)
def test_only_a_websocket_is_an_upgrade(headers: list[tuple[str, str]], upgrade: bool) -> None:
    found = facts(*headers)
    assert found.upgrade is upgrade
    assert found.passive is upgrade


@pytest.mark.parametrize(
    ("dest", "passive"), [("image", True), ("style", True), ("script", True), ("font", True), ("document", False), ("empty", False)]
)
def test_what_is_passive(dest: str, passive: bool) -> None:
    assert facts(("Sec-Fetch-Dest", dest)).passive is passive


def test_the_first_four_own_cookies_are_found_in_any_number_of_lines() -> None:
    found = facts(
        ("Cookie", "a=b; __Host-gw=1;__Host-gw=2"), ("cookie", "__Host-gw=3; __Host-gwx=no; x__Host-gw=no"), ("Cookie", "__Host-gw=4; __Host-gw=5")
    )
    assert found.cookies == ("1", "2", "3", "4")


@pytest.mark.parametrize(
    ("forwarded", "client", "scheme", "host"),
    [
        ('for=203.0.113.5;proto=https;host="Wiki.Example.com"', "203.0.113.5", "https", "wiki.example.com"),
        ('for="[2001:db8::1]:4711";Proto=https, For=10.0.0.2', "2001:db8::1", "https", "inner.example"),
        ("for=10.66.6.6;host=evil.example, for=203.0.113.5;proto=https;host=wiki.example.com", "203.0.113.5", "https", "wiki.example.com"),
        ("for=evil;host=evil.example, for=203.0.113.5", "203.0.113.5", "http", "inner.example"),
        ("for=_hidden;proto=https", "10.0.0.1", "https", "inner.example"),
    ],
)
def test_forwarded_of_a_trusted_peer(forwarded: str, client: str, scheme: str, host: str) -> None:
    found = facts(("Forwarded", forwarded), peer="10.0.0.1", host="inner.example")
    assert (found.client, found.scheme, found.host) == (client, scheme, host)


def test_forwarded_beside_x_forwarded_does_not_count() -> None:
    found = facts(("Forwarded", "for=10.9.9.9;host=evil.example;proto=https"), ("X-Forwarded-For", "203.0.113.5"), peer="10.0.0.1")
    assert (found.client, found.scheme, found.host) == ("203.0.113.5", "http", "wiki.example.com")


@pytest.mark.parametrize(
    "forwarded", ["", "for", "for=", 'for="', "for=a;for=b", "for=203.0.113.5;;", "proto=gopher", 'host="a b"', 'for=1.2.3.4;host="x,y"']
)
def test_a_garbled_forwarded_of_a_trusted_peer_is_refused(forwarded: str) -> None:
    with pytest.raises(Malformed):
        facts(("Forwarded", forwarded), peer="10.0.0.1")


def test_a_relayed_name_in_underscores_is_not_the_relayed_name() -> None:
    assert facts(("X_Forwarded_Proto", "https"), peer="10.0.0.1").scheme == "http"
