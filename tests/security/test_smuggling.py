"""Request smuggling on the front side, on a raw socket, with the compiled parser and the one in Python.

The oracle: the upstream sees no more requests than the client gets answers, each of them carries a request id that the client was told, and none of
the requests hidden in bodies and headers ever arrives.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator

import pytest

from tests.gateways import Gateway
from tests.servers import wait_until
from tests.upstreams import EchoUpstream

HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n"
HEX = b"%x" % len(HIDDEN)


def post(*headers: bytes, body: bytes = b"", version: bytes = b"1.1", target: bytes = b"/shown") -> bytes:
    return b"POST %s HTTP/%s\r\nHost: localhost\r\n%s\r\n%s" % (target, version, b"".join(line + b"\r\n" for line in headers), body)


CL = b"Content-Length: %d" % len(HIDDEN)
TE = b"Transfer-Encoding: chunked"
CHUNKS = b"3\r\nabc\r\n0\r\n\r\n"
UPGRADE = (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")

#: What must be refused: nothing of it may reach the upstream.
REFUSED = {
    "CL.TE": post(CL, TE, body=b"0\r\n\r\n" + HIDDEN),
    "TE.CL": post(TE, b"Content-Length: 3", body=HEX + b"\r\n" + HIDDEN + b"\r\n0\r\n\r\n"),
    "two codings": post(TE, b"Transfer-Encoding: identity", body=CHUNKS + HIDDEN),
    "chunked twice": post(TE, TE, body=CHUNKS + HIDDEN),
    "chunked, identity": post(b"Transfer-Encoding: chunked, identity", body=CHUNKS + HIDDEN),
    "a coding below chunked": post(b"Transfer-Encoding: gzip, chunked", body=CHUNKS + HIDDEN),
    "xchunked": post(b"Transfer-Encoding: xchunked", body=CHUNKS + HIDDEN),
    "chunked in quotes": post(b'Transfer-Encoding: "chunked"', body=CHUNKS + HIDDEN),
    "chunked with a vertical tab": post(b"Transfer-Encoding: \x0bchunked", body=CHUNKS + HIDDEN),
    "a space before the colon": post(b"Transfer-Encoding : chunked", b"Content-Length: 0", body=CHUNKS + HIDDEN),
    "a tab before the name": post(b"\tTransfer-Encoding: chunked", body=CHUNKS + HIDDEN),
    "two equal lengths": post(b"Content-Length: 3", b"Content-Length: 3", body=b"abc" + HIDDEN),
    "two different lengths": post(b"Content-Length: 3", b"Content-Length: %d" % (3 + len(HIDDEN)), body=b"abc" + HIDDEN),
    "lengths in a list": post(b"Content-Length: 3, 3", body=b"abc" + HIDDEN),
    "a length with a sign": post(b"Content-Length: +3", body=b"abc" + HIDDEN),
    "a negative length": post(b"Content-Length: -1", body=HIDDEN),
    "a length in hexadecimal": post(b"Content-Length: 0x5", body=b"abcde" + HIDDEN),
    "a length with an underscore": post(b"Content-Length: 1_0", body=b"0123456789" + HIDDEN),
    "a length that overflows": post(b"Content-Length: 99999999999999999999999", body=HIDDEN),
    "a length of thousands of digits": post(b"Content-Length: " + b"9" * 5000, body=HIDDEN),
    "an empty length": post(b"Content-Length: ", body=HIDDEN),
    "bare LF": b"GET /shown HTTP/1.1\nHost: localhost\n\n" + HIDDEN,
    "bare LF between headers": b"GET /shown HTTP/1.1\r\nHost: localhost\r\nX: a\nContent-Length: 5\r\n\r\nabcde" + HIDDEN,
    "LF in a chunk extension": post(TE, body=b"3;a\nb\r\nabc\r\n0\r\n\r\n" + HIDDEN),
    "a chunk size with a bare LF": post(TE, body=b"3\nabc\r\n0\r\n\r\n" + HIDDEN),
    "bare CR": post(b"X: a\rTransfer-Encoding: chunked", body=CHUNKS + HIDDEN),
    "obs-fold": post(b"X: a", b" Transfer-Encoding: chunked", body=CHUNKS + HIDDEN),
    "NUL in a value": post(b"X: a\x00b", body=HIDDEN),
    "NUL in a name": post(b"X\x00: a", body=HIDDEN),
    "a chunk size that overflows": post(TE, body=b"ffffffffffffffff1\r\nabc\r\n0\r\n\r\n" + HIDDEN),
    "a negative chunk size": post(TE, body=b"-3\r\nabc\r\n0\r\n\r\n" + HIDDEN),
    "a chunk size with a prefix": post(TE, body=b"0x3\r\nabc\r\n0\r\n\r\n" + HIDDEN),
    "a chunk longer than its size": post(TE, body=b"3\r\nabcdef\r\n0\r\n\r\n" + HIDDEN),
    "chunks in HTTP/1.0": post(TE, b"Connection: keep-alive", version=b"1.0", body=CHUNKS + HIDDEN),
    "an upgrade with a body": post(*UPGRADE, CL, body=HIDDEN),
    "an upgrade with a body on GET": post(*UPGRADE, CL, body=HIDDEN).replace(b"POST", b"GET", 1),
    "an upgrade with chunks": post(*UPGRADE, TE, body=HEX + b"\r\n" + HIDDEN + b"\r\n0\r\n\r\n"),
    "an absolute target of another host": b"GET http://elsewhere.example/shown HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a target without a slash": b"GET @elsewhere.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a space in the target": b"GET /shown /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a control character in the target": b"GET /shown\x0b/hidden HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a fragment in the target": b"GET /shown#/hidden HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "the asterisk": b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "an empty Host": b"GET /shown HTTP/1.1\r\nHost: \r\n\r\n",
    "a Host with userinfo": b"GET /shown HTTP/1.1\r\nHost: a@localhost\r\n\r\n",
    "HTTP/1.0 without Host": b"GET /shown HTTP/1.0\r\n\r\n",
    "lower case": b"get /shown HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "CONNECT": b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n" + HIDDEN,
    "TRACE": b"TRACE /shown HTTP/1.1\r\nHost: localhost\r\n\r\n",
}

#: What is odd but clear: the targets that reach the upstream, in order.
SERVED = {
    "a body, then another request": (post(b"Content-Length: 3", body=b"abc") + post(target=b"/second"), [b"/shown", b"/second"]),
    "GET with a body, then another request": (
        post(CL, body=HIDDEN).replace(b"POST", b"GET", 1) + post(b"Content-Length: 0", target=b"/second"),
        [b"/shown", b"/second"],
    ),
    "chunks and trailers": (post(TE, body=b"3;ext=1\r\nabc\r\n0\r\nX-User-Id: forged\r\n\r\n") + post(target=b"/second"), [b"/shown", b"/second"]),
    "a request inside a body": (post(CL, body=HIDDEN), [b"/shown"]),
    "an absolute target of the same host": (b"GET http://localhost/shown HTTP/1.1\r\nHost: localhost\r\n\r\n", [b"/shown"]),
    "bytes behind h2c": (post(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__") + HIDDEN, [b"/shown"]),
}


class PatientUpstream(EchoUpstream):
    """Half a body is what some of these requests end in: the gateway drops the connection."""

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await super().converse(reader, writer)
        except (asyncio.IncompleteReadError, ValueError):
            if not reader.at_eof():
                raise


@pytest.fixture(scope="module")
def upstream() -> Iterator[EchoUpstream]:
    with PatientUpstream() as server:
        yield server


@pytest.fixture(scope="module", params=["compiled", "python"])
def gateway(request: pytest.FixtureRequest, upstream: EchoUpstream) -> Iterator[Gateway]:
    """`python` is aiohttp without its extension."""
    config = {
        "routes": [{"name": "app", "host": "localhost", "path": "/", "upstream": upstream.url, "access": "public"}],
        "server": {"limits": {"header_timeout": "500ms", "body_idle": "500ms", "keepalive": "300ms"}},
    }
    environ = {"AIOHTTP_NO_EXTENSIONS": "1"} if request.param == "python" else {}
    with Gateway(config, environ=environ) as running:
        yield running


def talk(gateway: Gateway, sent: bytes) -> bytes:
    """Send everything, and read until the server closes."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.sendall(sent)
        said = b""
        while data := connection.recv(65536):
            said += data
    return said


def answers(said: bytes) -> list[tuple[int, str]]:
    """Status and request id of every answer."""
    heads = re.findall(rb"HTTP/1\.[01] ([0-9]{3}) .*?\r\n\r\n", said, re.DOTALL)
    ids = re.findall(rb"(?i)\r\nx-request-id: ([0-9a-f]{32})", said)
    assert len(heads) == len(ids), said
    return [(int(status), found.decode()) for status, found in zip(heads, ids, strict=True)]


def arrived(upstream: EchoUpstream, since: int) -> list[tuple[bytes, str]]:
    """Target and request id of what reached the upstream."""
    return [(head.target.encode(), head.get("x-request-id") or "") for head in upstream.heads[since:]]


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_be_read_in_two_ways_is_refused(gateway: Gateway, upstream: EchoUpstream, case: str):
    before = len(upstream.heads)
    told = answers(talk(gateway, REFUSED[case]))
    assert [status for status, _ in told if status < 400] == []
    assert len(told) == 1, told
    seen = arrived(upstream, before)
    assert [target for target, _ in seen if b"hidden" in target] == []
    assert len(seen) <= len(told)
    assert {name for _, name in seen} <= {name for _, name in told}


@pytest.mark.parametrize("case", SERVED)
def test_what_is_clear_is_served_and_nothing_else(gateway: Gateway, upstream: EchoUpstream, case: str):
    sent, targets = SERVED[case]
    before = len(upstream.heads)
    told = answers(talk(gateway, sent))
    wait_until(lambda: len(upstream.heads) - before >= len(targets), "the upstream's requests")
    seen = arrived(upstream, before)
    assert [target for target, _ in seen][: len(targets)] == targets
    assert [status for status, _ in told][: len(targets)] == [200] * len(targets)
    assert [name for _, name in seen] == [name for _, name in told]


@pytest.mark.parametrize("path", ["/", "/_auth/login", "/shown"])
def test_an_upgrade_with_a_body_smuggles_nothing_anywhere(gateway: Gateway, upstream: EchoUpstream, path: str):
    """CVE-2026-69243."""
    before = len(upstream.heads)
    for method in (b"GET", b"POST"):
        sent = post(*UPGRADE, CL, body=HIDDEN, target=path.encode()).replace(b"POST", method, 1)
        assert [status for status, _ in answers(talk(gateway, sent))] == [400]
    assert arrived(upstream, before) == []
