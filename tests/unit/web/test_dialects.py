"""What each proxy relays, read by its dialect: believed from trusted proxies, refused when missing, doubled or garbled (forward-auth.md, 7)."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest

from gateway.core.facts import Facts
from gateway.core.forwarded import Trust
from gateway.core.urls import Malformed
from gateway.web.forward_auth.dialects import DIALECTS
from gateway.web.request import Untrusted, read_check
from tests.samples import sample_snapshot

TRUSTING = replace(sample_snapshot(), trust=Trust([ip_network("10.0.0.0/8")]))
NGINX = {"X-Original-URL": "https://wiki.example.com/a%20b?c=d", "X-Original-Method": "POST", "X-Forwarded-For": "203.0.113.5"}
FORWARDED = {
    "X-Forwarded-Method": "POST",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "wiki.example.com",
    "X-Forwarded-Uri": "/a%20b?c=d",
    "X-Forwarded-For": "203.0.113.5",
}
ENVOY = {"X-Forwarded-Proto": "https", "Host": "wiki.example.com", "X-Forwarded-For": "203.0.113.5"}
CASES = [("nginx", NGINX), ("traefik", FORWARDED), ("caddy", FORWARDED), ("haproxy", FORWARDED), ("envoy", ENVOY)]


def read(name: str, headers: dict[str, str] | list[tuple[str, str]], *, peer: str | None = "10.0.0.1", rest: str = "/a%20b?c=d") -> Facts:
    pairs = list(headers.items()) if isinstance(headers, dict) else headers
    if not any(key.lower() == "host" for key, _ in pairs):
        pairs = [("Host", "gateway.internal:8080"), *pairs]
    raw = [(key.encode(), value.encode("latin-1")) for key, value in pairs]
    return read_check(DIALECTS[name][1], "POST" if name == "envoy" else "GET", rest if name == "envoy" else "", raw, peer, TRUSTING)


@pytest.mark.parametrize(("name", "headers"), CASES)
def test_the_request_that_is_asked_about(name: str, headers: dict[str, str]) -> None:
    found = read(name, headers)
    assert (found.method, found.scheme, found.host, found.port) == ("POST", "https", "wiki.example.com", 443)
    assert (found.path, found.raw_path, found.query, found.client) == ("/a b", "/a%20b", "c=d", "203.0.113.5")


@pytest.mark.parametrize(("name", "headers"), CASES)
@pytest.mark.parametrize("peer", ["192.0.2.7", None])
def test_from_anybody_else_it_is_refused(name: str, headers: dict[str, str], peer: str | None) -> None:
    with pytest.raises(Untrusted):
        read(name, headers, peer=peer)


@pytest.mark.parametrize(("name", "headers"), CASES)
def test_what_is_missing_or_doubled_is_refused(name: str, headers: dict[str, str]) -> None:
    for left_out in headers:
        rest = [(key, value) for key, value in headers.items() if key != left_out]
        if left_out == "X-Forwarded-For":
            assert read(name, rest).client == "10.0.0.1", "the proxy itself, which no rule about clients should admit"
            continue
        if left_out != "Host":
            with pytest.raises(Malformed):
                read(name, rest)
        with pytest.raises(Malformed, match="twice"):
            read(name, [*headers.items(), (left_out.lower(), headers[left_out])])


@pytest.mark.parametrize(
    "uri",
    ["", "://", "a", "https://h/x", "/%zz", "/\x80", "/a b", "/a#b", "/\x00", "*"],
)
def test_addresses_that_cannot_be_parsed_are_refused(uri: str) -> None:
    for name in ("traefik", "caddy", "haproxy"):
        with pytest.raises(Malformed):
            read(name, {**FORWARDED, "X-Forwarded-Uri": uri})
    with pytest.raises(Malformed):
        read("nginx", {**NGINX, "X-Original-URL": f"https://wiki.example.com{uri}" if uri.startswith("/") else uri.partition("//")[0]})
    with pytest.raises(Malformed):
        read("envoy", ENVOY, rest=uri)


@pytest.mark.parametrize(
    "url", ["wiki.example.com/x", "https:/wiki.example.com/", "https://wiki.example.com", "gopher://wiki.example.com/", "https://a@wiki.example.com/"]
)
def test_original_urls_that_are_refused(url: str) -> None:
    with pytest.raises(Malformed):
        read("nginx", {**NGINX, "X-Original-URL": url})


@pytest.mark.parametrize("method", ["get", "GET POST", "G\tT", "GET\x0b", "A" * 40])
def test_methods_that_are_refused(method: str) -> None:
    with pytest.raises(Malformed):
        read("traefik", {**FORWARDED, "X-Forwarded-Method": method})
    with pytest.raises(Malformed):
        read("nginx", {**NGINX, "X-Original-Method": method})


def test_the_headers_of_another_dialect_choose_nothing() -> None:
    """CVE-2026-40575: each dialect reads its own headers; what a client adds of another's is not looked at."""
    spoofed = {"X-Original-URL": "https://wiki.example.com/public", "X-Original-Method": "OPTIONS", "X-Rewrite-URL": "/public"}
    assert read("traefik", {**FORWARDED, **spoofed}) == read("traefik", FORWARDED)
    spoofed = {"X-Forwarded-Uri": "/public", "X-Forwarded-Method": "OPTIONS", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http"}
    assert read("nginx", {**NGINX, **spoofed}) == read("nginx", NGINX)
    assert read("envoy", {**ENVOY, "X-Forwarded-Uri": "/public", "X-Forwarded-Host": "evil.example", "X-Original-URL": "/public"}) == read(
        "envoy", ENVOY
    )
    assert read("caddy", {**FORWARDED, "X-Forwarded-Port": "444"}) == read("caddy", FORWARDED)


def test_a_websocket_is_known_by_its_key_version_or_scheme() -> None:
    asked = {**FORWARDED, "X-Forwarded-Method": "GET"}
    assert not read("traefik", asked).upgrade
    assert read("traefik", {**asked, "Sec-WebSocket-Key": "x"}).upgrade
    assert read("haproxy", {**asked, "Sec-WebSocket-Version": "13"}).upgrade, "over HTTP/2 there is no key (RFC 8441)"
    assert read("caddy", {**asked, "X-Forwarded-Method": "CONNECT", "Sec-WebSocket-Version": "13"}).upgrade
    assert not read("caddy", {**asked, "X-Forwarded-Method": "POST", "Sec-WebSocket-Version": "13"}).upgrade
    found = read("traefik", {**asked, "X-Forwarded-Proto": "wss"})
    assert found.upgrade
    assert found.scheme == "https"
