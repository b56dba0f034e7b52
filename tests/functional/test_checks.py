"""Checks as a proxy asks them: which addresses are any, and what Traefik and Envoy are told to put in the place of the browser's cookies."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable

import pytest

from tests.gateways import Gateway

RELAYED = {"X-Forwarded-Method": "GET", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "app.example.com", "X-Forwarded-Uri": "/"}


@pytest.fixture
def gateway(start_gateway: Callable[..., Gateway]) -> Gateway:
    server = {"public_url": "https://auth.example.com", "trusted_proxies": ["127.0.0.1"]}
    return start_gateway({"server": server, "routes": [{"name": "app", "host": "app.example.com", "path": "/", "access": "public"}]})


def status(gateway: Gateway, target: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    connection.request(
        "GET", target, headers=RELAYED | {"X-Original-URL": "https://app.example.com/", "X-Original-Method": "GET", "Host": "app.example.com"}
    )
    found = connection.getresponse().status
    connection.close()
    return found


def check(gateway: Gateway, dialect: str, cookie: str | None) -> http.client.HTTPMessage:
    """The headers of a check that allows, asked as the proxy of that name asks."""
    relayed = RELAYED | {"X-Original-URL": "https://app.example.com/", "X-Original-Method": "GET", "Host": "app.example.com"}
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    connection.request("GET", f"/_auth/check/{dialect}", headers=relayed | ({"Cookie": cookie} if cookie is not None else {}))
    answer = connection.getresponse()
    connection.close()
    assert answer.status == 200
    return answer.headers


def test_cookies_are_told_to_the_two_that_cannot_cut(gateway: Gateway):
    for sent, left in [
        ("a=1; __Host-gw=x; b=2", "a=1; b=2"),
        ("__Host-gw=x", None),
        ("__Host-gw=x; __Host-gw-csrf=y; name=z\xc3\xb6e", "name=z\xc3\xb6e"),
        (None, None),
    ]:
        for dialect in ("traefik", "envoy/"):
            assert check(gateway, dialect, sent)["Cookie"] == left, (dialect, sent)
        assert check(gateway, "nginx", sent)["Cookie"] is None
        assert check(gateway, "caddy", sent)["Cookie"] is None
        assert check(gateway, "haproxy", sent)["Cookie"] is None


def test_envoy_removes_what_nothing_is_left_of(gateway: Gateway):
    assert "Cookie" in check(gateway, "envoy/", "__Host-gw=x")["X-Envoy-Auth-Headers-To-Remove"].split(",")
    assert "Cookie" not in check(gateway, "envoy/", "__Host-gw=x; a=1")["X-Envoy-Auth-Headers-To-Remove"].split(",")


def test_an_address_below_a_check_is_no_check(gateway: Gateway):
    """To a proxy it is the login page that anybody may ask for; it would reach the gateway as a check from a trusted peer."""
    for dialect in ("nginx", "traefik", "caddy", "haproxy"):
        assert status(gateway, f"/_auth/check/{dialect}") == 200
        assert status(gateway, f"/_auth/check/{dialect}/../../login") == 404
        assert status(gateway, f"/_auth/check/{dialect}/") == 404
    assert status(gateway, "/_auth/check/envoy/page") == 200
    assert status(gateway, "/_auth/check/envoy/../../login") == 400
    assert status(gateway, "/_auth/check/envoy/x/../../../../login") == 400


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("announced", ["Content-Length: 40", "Transfer-Encoding: chunked"])
def test_a_body_that_is_announced_and_never_comes_is_no_part_of_the_next_check(gateway: Gateway, version: str, announced: str):
    """A proxy that keeps its connection would otherwise have its next check cut where a client chose."""
    if version == "1.0" and announced.startswith("Transfer"):
        return
    lines = [f"{name}: {value}" for name, value in RELAYED.items()]
    head = "\r\n".join([f"GET /_auth/check/traefik HTTP/{version}", "Host: gateway", "Connection: keep-alive", *lines])
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        for kept, more in [(True, ""), (True, "Content-Length: 0\r\n"), (True, "Content-Length: 3\r\n\r\nabc"), (False, f"{announced}\r\n")]:
            connection.sendall(f"{head}\r\n{more}{'' if more.endswith('abc') else chr(13) + chr(10)}".encode())
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            answer.read()
            assert (answer.status, answer.will_close) == (200, not kept), more


def test_the_log_names_a_proxy_that_is_not_trusted(start_gateway: Callable[..., Gateway]):
    """Behind nginx nobody sees the page that says so."""
    gateway = start_gateway({"server": {"trusted_proxies": ["192.0.2.1"]}})
    assert status(gateway, "/_auth/check/nginx") == 403
    (line,) = [line for line in gateway.log().splitlines() if "server.trusted_proxies" in line]
    assert "127.0.0.1" in line
