"""One request, one host: the one by which a proxy chooses the application is the one that the gateway judges.

An absolute target (RFC 9112 section 3.2.2) may name another host than the Host header. A proxy that chooses by the one and tells the gateway the
other lets anybody borrow the rules of a host that is public.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator

import pytest

from tests.e2e.forward_auth.stage import APP, NAVIGATION, Application, ask, connect, gateway_of_recipes, read_reply
from tests.gateways import Gateway
from tests.proxies import Proxy
from tests.servers import Redis

PUBLIC = "public.example.com"


@pytest.fixture(scope="module")
def gateway(module_redis: Redis) -> Iterator[Gateway]:
    """The gateway of the recipes, which also protects nothing on another host."""
    server = gateway_of_recipes(module_redis.url)
    server.configure({"routes": [*server.config["routes"], {"name": "public", "host": PUBLIC, "path": "/", "access": "public"}]})
    with server:
        yield server


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("host", [PUBLIC, f"{PUBLIC}:443", f"{PUBLIC}.", PUBLIC.upper()])
def test_the_rules_of_another_host_cannot_be_borrowed(proxy: Proxy, application: Application, scheme: str, host: str):
    try:
        ask(proxy, f"{scheme}://{APP}/reports", *NAVIGATION, host=host)
        ask(proxy, f"{scheme}://{APP}:443/reports", *NAVIGATION, host=host)
    except (http.client.HTTPException, ConnectionError, ssl.SSLError, TimeoutError):
        pass  # a proxy may hang up
    assert application.heads == []


@pytest.mark.parametrize("host", [APP, f"{APP}:443", APP.upper()])
def test_the_same_host_in_another_spelling_is_the_same(proxy: Proxy, host: str):
    with connect(proxy) as connection:
        connection.sendall(f"GET /public/page HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        assert read_reply(connection).status == 200
