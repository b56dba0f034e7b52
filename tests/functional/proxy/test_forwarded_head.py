"""What an upstream gets to see of a request's head (proxying.md sections 1 and 2)."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from ipaddress import ip_network

import pytest

from gateway.core.forwarded import Trust
from gateway.snapshot import Limits
from tests.functional.proxy.stage import IDENTITY, REQUEST_ID, Stage, asked
from tests.upstreams import Head, answer, read_body, read_head


async def tell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers every request with the bytes that arrived."""
    while head := await read_head(reader):
        body = await read_body(reader, head)
        writer.write(answer("200 OK", head.raw + body if head.method != "HEAD" else b""))
        await writer.drain()


async def seen(stage: Stage, *lines: str, body: bytes = b"") -> Head:
    """The head of a request as the upstream got it."""
    got = await stage.ask(*lines, body=body)
    assert got.status == 200, got
    reader = asyncio.StreamReader(limit=2**20)
    reader.feed_data(got.body)
    reader.feed_eof()
    return await asked(reader)


async def test_hop_by_hop_headers_stay_on_their_hop(play):
    """H1, H2: what Connection names, and every hop-by-hop header, ends here."""
    stage = await play(tell)
    head = await seen(
        stage,
        "GET / HTTP/1.1",
        "Connection: close, X-Foo",
        "X-Foo: 1",
        "Keep-Alive: timeout=5",
        "Proxy-Authorization: Basic eDp5",
        "Proxy-Connection: keep-alive",
        "TE: gzip",
        "Trailer: X-Sum",
        "X-Bar: 2",
    )
    names = {name.lower() for name, _ in head.headers}
    assert names.isdisjoint({"connection", "x-foo", "keep-alive", "proxy-authorization", "proxy-connection", "te", "trailer", "upgrade"})
    assert head.get("X-Bar") == "2"


async def test_connection_cannot_take_away_what_is_ours(play):
    """H3: stripping comes before setting."""
    stage = await play(tell)
    head = await seen(stage, "GET / HTTP/1.1", "Connection: X-User-Id, X-User-Email, Host, X-Forwarded-For, X-Request-Id", "X-User-Id: root")
    assert head.get("X-User-Id") == IDENTITY[0][1].decode()
    assert head.get("X-User-Email") == "ann@example.com"
    assert head.get("X-Forwarded-For") == "127.0.0.1"
    assert head.get("Host") == "wiki.example.com"
    assert head.get("X-Request-Id") == REQUEST_ID


@pytest.mark.parametrize("name", ["x-user-ID", "X_User_Id", "X-User_Id", "X.User.Id", "x_user.id"])
async def test_no_spelling_of_an_identity_header_passes(play, name):
    """H4, H5 (the admission of this stage is a public route's)."""
    stage = await play(tell)
    head = await seen(stage, "GET / HTTP/1.1", f"{name}: root", f"{name}: admin")
    assert [value for key, value in head.headers if key.lower().replace("_", "-").replace(".", "-") == "x-user-id"] == [IDENTITY[0][1].decode()]


async def test_identity_stands_last_and_cannot_be_set_by_a_route(play):
    """H3: a route's set_headers comes before the identity, and sets none of its names."""
    stage = await play(tell, set_headers=(("X-User-Id", "everybody"), ("X-Zone", "blue"), ("X-Request-Id", "mine")))
    head = await seen(stage, "GET / HTTP/1.1", "X-Zone: red")
    assert head.get("X-User-Id") == IDENTITY[0][1].decode()
    assert head.get("X-Zone") == "blue"
    assert [name for name, _ in head.headers][-2:] == ["X-User-Id", "X-User-Email"]


async def test_own_cookies_are_cut_out(play):
    """H6: the others keep order and bytes."""
    stage = await play(tell)
    head = await seen(stage, "GET / HTTP/1.1", 'Cookie: a="1";  __Host-gw=secret; b=2;c=\xe4')
    assert head.get("Cookie") == 'a="1"; b=2;c=\xe4'
    assert (await seen(stage, "GET / HTTP/1.1", "Cookie: __Host-gw=secret")).all("Cookie") == []


async def test_where_a_request_came_from(play):
    """H8, H9: an untrusted client's word is replaced."""
    stage = await play(tell)
    head = await seen(
        stage,
        "GET / HTTP/1.1",
        "Host: wiki.example.com:8443",
        "X-Forwarded-For: 10.0.0.1",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Host: evil",
        "X_Forwarded_Port: 1",
        "X-Forwarded-Prefix: /x",
        "Forwarded: for=1.2.3.4",
        "X-Real-IP: 1.2.3.4",
        "X-Original-URL: /admin",
        "X-Rewrite-URL: /admin",
        "X-Request-Id: theirs",
    )
    told = {
        name.lower(): value for name, value in head.headers if name.lower().replace("_", "-").startswith(("x-forwarded", "forwarded", "x-r", "x-o"))
    }
    assert told == {
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-proto": "http",
        "x-forwarded-host": "wiki.example.com:8443",
        "x-forwarded-port": "8443",
        "x-request-id": REQUEST_ID,
    }


async def test_a_trusted_proxy_is_continued(play):
    """H8: a trusted peer's X-Forwarded-For is appended to, and its scheme is the browser's."""
    stage = await play(tell)
    stage.snapshot = replace(stage.snapshot, trust=Trust([ip_network("127.0.0.0/8")]))
    head = await seen(stage, "GET / HTTP/1.1", "X-Forwarded-For: 192.0.2.1, 192.0.2.2", "X-Forwarded-For: 192.0.2.3", "X-Forwarded-Proto: https")
    assert head.get("X-Forwarded-For") == "192.0.2.1, 192.0.2.2, 192.0.2.3, 127.0.0.1"
    assert head.get("X-Forwarded-Proto") == "https"
    assert head.get("X-Forwarded-Port") == "443"


async def test_doubled_headers_and_foreign_bytes_survive(play):
    """H12, H13."""
    stage = await play(tell)
    head = await seen(stage, "GET / HTTP/1.1", "Accept: a", "X-Name: \xe4\xff\x80", "Accept: b", "Cookie: a=1", "Cookie: b=2")
    assert head.all("Accept") == ["a", "b"]
    assert head.all("Cookie") == ["a=1", "b=2"]
    assert head.get("X-Name") == "\xe4\xff\x80"


@pytest.mark.parametrize(("preserve", "sent"), [(True, "WIKI.example.com.:8080"), (False, None), ("inner.test:81", "inner.test:81")])
async def test_host(play, preserve, sent):
    """H18: the client's own with its port, the upstream's, or a fixed one."""
    stage = await play(tell, preserve_host=preserve)
    head = await seen(stage, "GET / HTTP/1.1", "Host: WIKI.example.com.:8080")
    assert head.get("Host") == (sent or stage.route.upstream.authority)


async def test_a_route_removes_and_sets(play):
    """H16: in both directions."""

    async def script(reader, writer):
        head = await asked(reader)
        writer.write(
            answer("200 OK", json.dumps(head.headers).encode(), ("Server", "old/1"), ("X-Powered-By", "magic"), ("X-Frame-Options", "ALLOW"))
        )

    stage = await play(
        script,
        remove_headers=frozenset({"user-agent"}),
        response_remove_headers=frozenset({"Server", "x-powered-by"}),
        response_set_headers=(("X-Frame-Options", "DENY"),),
    )
    got = await stage.ask("GET / HTTP/1.1", "User-Agent: x", "User_Agent: y")
    assert not any(name.lower().startswith("user") for name, _ in json.loads(got.body))
    assert got.all("Server") == got.all("X-Powered-By") == []
    assert got.all("X-Frame-Options") == ["DENY"]


@pytest.mark.parametrize("target", ["/a%20b+c;d=1:~@!$&'()*,?", "/x?b=2&a=1&b=%2F%zz&&", "/%7Euser?", "/p?q=/../x"])
async def test_targets_pass_byte_for_byte(play, target):
    """U1, U2."""
    stage = await play(tell)
    assert (await seen(stage, f"GET {target} HTTP/1.1")).target == target


async def test_absolute_form_becomes_origin_form(play):
    """U4, for the half that is well-formed."""
    stage = await play(tell)
    assert (await seen(stage, "GET http://wiki.example.com/x?y HTTP/1.1")).target == "/x?y"


@pytest.mark.parametrize(
    ("strip", "add", "asked", "forwarded"),
    [
        (True, "", "/api/v1?x", "/v1?x"),
        (True, "", "/api", "/"),
        (True, "", "/api/", "/"),
        (True, "/inner", "/api/v1", "/inner/v1"),
        (False, "/inner/", "/api/v1", "/inner/api/v1"),
        (True, "", "/api/a%20b", "/a%20b"),
    ],
)
async def test_prefixes(play, strip, add, asked, forwarded):
    """U9."""
    stage = await play(tell, path="/api", strip_prefix=strip, add_prefix=add)
    assert (await seen(stage, f"GET {asked} HTTP/1.1")).target == forwarded


@pytest.mark.parametrize("asked", ["/%61pi/v1", "/a%70i"])
async def test_a_prefix_that_only_decoding_shows_is_refused(play, asked):
    """U9, CVE-2026-40912: as many bytes as the decoded prefix has are never cut from the encoded path."""
    stage = await play(tell, path="/api", strip_prefix=True)
    assert (await stage.ask(f"GET {asked} HTTP/1.1")).status == 400


async def test_other_upgrades_are_dropped(play):
    """W8: the request goes on as plain HTTP."""
    stage = await play(tell)
    for protocol in ("h2c", "SPDY/3.1", "websocket/x"):
        got = await stage.ask("GET / HTTP/1.1", "Connection: Upgrade, HTTP2-Settings", f"Upgrade: {protocol}", "HTTP2-Settings: AAMAAABkAAQAAP__")
        assert got.status == 200
        assert b"upgrade" not in got.body.lower()
        assert b"http2" not in got.body.lower()


async def test_large_heads_pass(play):
    """H19: what the limits allow is forwarded."""
    stage = await play(tell, limits=Limits(headers=400_000))
    head = await seen(stage, "GET / HTTP/1.1", *(f"X-{number}: {'x' * 8000}" for number in range(20)), f"Cookie: {'c' * 32768}")
    assert len(head.raw) > 190_000
