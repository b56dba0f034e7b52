"""What others were broken by, replayed on the whole process where no story tells it already (advisories.yml says which advisory is which)."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Iterator
from importlib.metadata import version
from urllib.parse import quote

import pytest

from gateway.core.routes import RouteTable
from tests.browser import Browser
from tests.gateways import PASSWORD, Gateway
from tests.samples import sample_route
from tests.servers import Redis
from tests.upstreams import EchoUpstream

ANN = "ann@example.com"
FORM = "Content-Type: application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def upstream() -> Iterator[EchoUpstream]:
    with EchoUpstream() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(upstream: EchoUpstream, redis_server: Redis) -> Iterator[Gateway]:
    config = {
        "session": {"store": redis_server.url_of(1000)},
        "login": {"throttle": {"per_ip": "1000/1m"}},
        "users": {"password": {"argon2": {"memory": "8MiB", "time": 3}}},
        "routes": [
            {"name": "app", "host": "localhost", "path": "/", "upstream": upstream.url, "access": "login"},
            {"name": "public", "host": "localhost", "path": "/public", "upstream": upstream.url, "access": "public"},
        ],
    }
    with Gateway(config) as running:
        running.add_user(ANN)
        yield running


@pytest.fixture
async def ann(gateway: Gateway) -> AsyncIterator[Browser]:
    async with Browser(gateway.url) as browser:
        page = await browser.get("/_auth/login")
        assert (await browser.submit(page.form, email=ANN, password=PASSWORD)).status == 303
        yield browser


def say(gateway: Gateway, sent: bytes) -> bytes:
    """Send everything, and read until the gateway closes."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as connection:
        connection.sendall(sent)
        said = b""
        while data := connection.recv(65536):
            said += data
    return said


def ask(gateway: Gateway, request: str, *lines: str, body: str = "") -> int:
    """The status of one request."""
    length = [f"Content-Length: {len(body)}"] if body else []
    head = "\r\n".join([f"{request} HTTP/1.1", "Host: localhost", "Connection: close", *lines, *length, "", ""])
    return int(say(gateway, (head + body).encode("latin-1"))[9:12])


@pytest.mark.parametrize("agent", ["GoogleHC/1.0", "kube-probe/1.30", "ELB-HealthChecker/2.0", "Go-http-client/1.1"])
def test_no_user_agent_opens_anything(gateway: Gateway, agent: str):
    """CVE-2026-34457."""
    for path in ("/", "/healthz", "/ping", "/ready", "/_auth/session"):
        assert ask(gateway, f"GET {path}", f"User-Agent: {agent}") == 401
    assert ask(gateway, "GET /_auth/check/nginx", f"User-Agent: {agent}") == 403


@pytest.mark.parametrize("name", ["X-Forwarded-Uri", "X-Original-URI", "X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix", "X-Override-URL"])
def test_no_header_of_a_stranger_says_which_path_is_meant(gateway: Gateway, name: str):
    """CVE-2026-40575."""
    for value in ("/public/x", "http://localhost/public/x"):
        assert ask(gateway, "GET /secret", f"{name}: {value}") == 401
        for dialect in ("nginx", "traefik", "caddy", "haproxy", "envoy/public/x"):
            lines = ("X-Forwarded-Method: GET", "X-Forwarded-Proto: http", "X-Forwarded-Host: localhost", "X-Original-Method: GET")
            assert ask(gateway, f"GET /_auth/check/{dialect}", f"{name}: {value}", *lines) == 403


@pytest.mark.parametrize(
    "path", ["/metrics", "/healthz", "/readyz", "/debug/pprof/", "/_auth/metrics", "/_auth/admin", "/_auth/healthz", "/server-status"]
)
def test_what_operators_see_is_not_on_the_public_listener(gateway: Gateway, path: str):
    """CVE-2022-24797, CVE-2022-46145."""
    assert ask(gateway, f"GET {path}") in (401, 404)


def test_another_protocol_is_refused_and_the_process_lives(gateway: Gateway):
    """CVE-2021-39162, CVE-2021-39204: there is no HTTP/2 to be attacked."""
    for preface in (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0" * 9,
        b"GET / HTTP/2.0\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/3.0\r\nHost: localhost\r\n\r\n",
    ):
        assert say(gateway, preface)[9:12] in (b"400", b"505")
    assert ask(gateway, "GET /public/x") == 200


@pytest.mark.parametrize("number", [1, 10, 101, 1000])
def test_a_hosts_case_matters_in_no_number_of_hosts(gateway: Gateway, number: int):
    """CVE-2026-27588, CVE-2026-77560: lists of hosts that grow must not begin to match in another way."""
    table = RouteTable(sample_route(f"r{at}", "/", host=f"h{at}.example.com") for at in range(number))
    assert table.find(f"h{number - 1}.example.com", "/x") is table.routes[-1]
    for host in (b"LOCALHOST", b"LocalHost.", b"localhost:80"):
        assert say(gateway, b"GET /secret HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n")[9:12] == b"401"


async def test_no_token_stands_in_for_another(gateway: Gateway, ann: Browser):
    """CVE-2024-47616, CVE-2024-37905: everything we make, presented as everything else."""
    session, form_cookie = ann.cookies["gw"].value, ann.cookies["gw-csrf"].value
    field = (await ann.get("/_auth/logout")).form.fields["csrf_token"]
    assertion = dict((await ann.get("/")).json()["headers"])["X-Gateway-Jwt-Assertion"]
    made = {"session": session, "form cookie": form_cookie, "field": field, "assertion": assertion}
    for kind, token in made.items():
        assert ask(gateway, "GET /_auth/session", f"Cookie: gw={token}") == (200 if kind == "session" else 401), kind
        assert ask(gateway, "GET /_auth/session", f"Authorization: Bearer {token}", f"X-Gateway-Jwt-Assertion: {token}") == 401, kind
        if kind != "form cookie":
            cookies = f"Cookie: gw={session}; gw-csrf={token}"
            assert ask(gateway, "POST /_auth/logout", FORM, cookies, body=f"csrf_token={quote(field)}") == 403, kind
        if kind != "field":
            cookies = f"Cookie: gw={session}; gw-csrf={form_cookie}"
            assert ask(gateway, "POST /_auth/logout", FORM, cookies, body=f"csrf_token={quote(token)}") == 403, kind
    assert (await ann.get("/_auth/session")).status == 200


async def test_a_captured_cookie_is_dead_after_logout(gateway: Gateway, ann: Browser):
    """CVE-2024-21492, CVE-2025-29928."""
    captured = ann.cookies["gw"].value
    page = await ann.get("/_auth/logout")
    assert (await ann.submit(page.form)).status == 303
    page = await ann.get("/_auth/login")
    assert (await ann.submit(page.form, email=ANN, password=PASSWORD)).status == 303
    assert ask(gateway, "GET /secret", f"Cookie: gw={captured}") == 401
    assert ask(gateway, "GET /secret", f"Cookie: gw={ann.cookies['gw'].value}") == 200


async def test_reading_changes_nothing(gateway: Gateway, ann: Browser):
    """CVE-2021-29652's class: whatever is asked by GET or HEAD, with whatever in the query, nobody is logged out, in or changed."""
    fields = f"email={ANN}&password={quote(PASSWORD)}&csrf_token=x&next=/"
    before = ann.cookies["gw"].value
    for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "PROPFIND"):
        for path in ("/_auth/logout", "/_auth/login", "/_auth/session", "/_auth/account", "/_auth", "/_auth/signed-out"):
            assert ask(gateway, f"{method} {path}?{fields}", f"Cookie: gw={before}") < 500
    assert (await ann.get("/_auth/session")).status == 200
    async with Browser(gateway.url) as stranger:
        await stranger.get(f"/_auth/login?{fields}")
        assert "gw" not in stranger.cookies


def test_bad_cookies_fill_no_log(gateway: Gateway):
    """CVE-2025-69230."""
    before = len([line for line in gateway.log_lines() if line.get("kind") == "log"])
    for value in (b"\xff\xfe", b'"', b"=", b"x" * 40):
        cookie = b"Cookie: " + b"; ".join([b"gw=" + value] * 1000)
        assert say(gateway, b"GET /secret HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + cookie + b"\r\n\r\n")[9:12] == b"401"
    assert len([line for line in gateway.log_lines() if line.get("kind") == "log"]) == before


def test_trailers_without_end_are_refused(gateway: Gateway):
    """CVE-2026-22815, CVE-2025-53643."""
    head = b"POST /public/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as connection:
        try:
            connection.sendall(head + b"A: b\r\n" * 200_000)
            said = connection.recv(64)
        except ConnectionError:
            said = b""  # it was hung up on within what it sent
    assert said[9:12] in (b"", b"400", b"431")
    assert ask(gateway, "GET /public/x") == 200


def test_a_body_in_tiny_chunks_holds_nobody_else_up(gateway: Gateway, upstream: EchoUpstream):
    """CVE-2025-69229: half of it is here, another client is served, and all of it arrives."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as connection:
        connection.sendall(
            b"POST /public/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 50_000
        )
        assert ask(gateway, "GET /public/other") == 200
        connection.sendall(b"1\r\nx\r\n" * 50_000 + b"0\r\n\r\n")
        said = b""
        while data := connection.recv(65536):
            said += data
    assert len(json.loads(said.partition(b"\r\n\r\n")[2])["body"]) == 100_000


def test_a_compressed_body_passes_as_it_is(gateway: Gateway):
    """CVE-2025-69223, CVE-2026-54278: what is no gzip at all would fail to be unpacked."""
    said = say(
        gateway, b"POST /public/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"
    )
    assert said[9:12] == b"200"
    assert b'"body": "hello"' in said


def test_the_engine_is_no_older_than_its_repairs():
    """GHSA-j34v-3552-5r7j's lesson: lower bounds that advisories ask for, of what is installed."""
    for package, least in (("aiohttp", (3, 14, 3)), ("cryptography", (50, 0)), ("redis", (8, 0)), ("PyJWT", (2, 13)), ("Jinja2", (3, 1, 6))):
        assert tuple(int(part) for part in version(package).split(".")[: len(least)] if part.isdecimal()) >= least, package
