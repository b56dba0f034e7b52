"""Identity and provenance cannot be written by a client or a cookie by an upstream, however the name is spelt.

Upstreams read header names through CGI variables, in which some keep letters and digits only; the oracle is the strictest of them.
"""

from __future__ import annotations

import json
import re
import socket
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.headers import clean_request, clean_response
from tests.gateways import Gateway
from tests.samples import IDENTITY_HEADERS
from tests.upstreams import EchoUpstream, Head, answer, read_body

SEPARATORS = "-_.!#$%&'*+^`|~"
RELAYED = (
    "X-Forwarded-For",
    "X-Forwarded-Anything",
    "X-Real-IP",
    "X-Original-URL",
    "X-Rewrite-URL",
    "Forwarded",
    "X-HTTP-Method",
    "X-Method-Override",
)
NAMES = [*(name for name, _ in IDENTITY_HEADERS.attributes), "X-Gateway-Jwt-Assertion", *RELAYED]
OWN_COOKIES = frozenset({b"gw", b"__Host-gw", b"gw-csrf"})


def variable(name: str) -> str:
    """The CGI variable of a header, as a server makes it that keeps letters and digits only."""
    return re.sub("[^A-Z0-9]", "_", name.upper())


@given(name=st.sampled_from(NAMES), separators=st.lists(st.sampled_from(SEPARATORS), min_size=1, max_size=3), upper=st.booleans())
def test_no_spelling_becomes_the_same_variable(name: str, separators: list[str], upper: bool):
    parts = (name.upper() if upper else name.lower()).split("-")
    spelt = "".join(part + separators[at % len(separators)] for at, part in enumerate(parts))[:-1]
    kept = clean_request([(spelt.encode(), b"forged"), (b"Accept", b"*/*")], IDENTITY_HEADERS.strip, OWN_COOKIES)
    assert variable(name) not in {variable(one.decode()) for one, _ in kept}
    assert kept == [(b"Accept", b"*/*")]


@pytest.mark.parametrize(
    "line", [b"gw=x", b" gw=x", b"gw =x", b"=gw=x", b" = gw=x", b"==gw=x; Path=/", b"__Host-gw=x; Secure", b"=__Host-gw=x", b"gw"]
)
def test_no_set_cookie_line_comes_back_as_our_cookie(line: bytes):
    """A cookie without a name is sent back as its value alone, and that value may look like a name and a value."""
    assert clean_response([(b"Set-Cookie", line), (b"Set-Cookie", b"theirs=gw=x")], frozenset(), OWN_COOKIES) == [(b"Set-Cookie", b"theirs=gw=x")]


@pytest.fixture(scope="module")
def upstream() -> Iterator[EchoUpstream]:
    with EchoUpstream() as server:
        yield server


@pytest.fixture(scope="module", params=["compiled", "python"])
def gateway(request: pytest.FixtureRequest, upstream: EchoUpstream) -> Iterator[Gateway]:
    routes = [
        {"name": "app", "host": "localhost", "path": "/", "upstream": upstream.url, "access": "public"},
        {
            "name": "odd",
            "host": "odd.test",
            "path": "/",
            "upstream": upstream.url,
            "access": "public",
            "identity": {"headers": {"x-webauth_USER": "id"}},
        },
    ]
    environ = {"AIOHTTP_NO_EXTENSIONS": "1"} if request.param == "python" else {}
    with Gateway({"routes": routes}, environ=environ) as running:
        yield running


def ask(gateway: Gateway, *lines: bytes, host: bytes = b"localhost") -> tuple[int, bytes]:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        head = b"".join(line + b"\r\n" for line in (b"GET /page HTTP/1.1", b"Host: " + host, b"Connection: close", *lines))
        connection.sendall(head + b"\r\n")
        said = b""
        while data := connection.recv(65536):
            said += data
    return int(said[9:12]), said.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("host", [b"localhost", b"odd.test"])
@pytest.mark.parametrize("name", ["X-User-Id", "X-Gateway-Jwt-Assertion", "X-Webauth-User", "Remote-User", "X-Forwarded-For"])
def test_no_byte_between_the_words_gets_a_name_through(gateway: Gateway, name: str, host: bytes):
    """CVE-2025-64484, CVE-2026-33433, CVE-2026-54763: every byte that can stand where the hyphens are, on every route, in one request a byte."""
    lines = [name.replace("-", separator).encode() + b": forged" for separator in SEPARATORS]
    status, body = ask(gateway, *lines, host=host)
    assert status == 200
    assert b"forged" not in body
    told = [key for key, _ in json.loads(body)["headers"]]
    assert len({variable(key) for key in told}) == len(told)


def test_names_of_a_flood_are_not_kept():
    """A memory of names that is bounded by their number only is a client's to fill, with names of a whole head each."""
    tracemalloc.start()
    try:
        for number in range(500):
            clean_request([(b"x%d" % number + b"a" * 60_000, b"")], IDENTITY_HEADERS.strip, OWN_COOKIES)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 1_000_000


BAD_LINES = {
    "a space behind the name": b"X-User-Id : forged",
    "a tab behind the name": b"X-User-Id\t: forged",
    "a folded line": b"X-A: b\r\n X-User-Id: forged",
    "a folded line with a tab": b"X-A: b\r\n\tX-User-Id: forged",
    "a bare CR": b"X-A: b\rX-User-Id: forged",
    "a bare LF": b"X-A: b\nX-User-Id: forged",
    "NUL behind the name": b"X-User-Id\x00: forged",
    "a no-break space behind the name": b"X-User-Id\xa0: forged",
    "a soft hyphen": b"X\xadUser\xadId: forged",
    "a Unicode hyphen": "X‐User‐Id: forged".encode(),
    "a Cyrillic letter": "Х-User-Id: forged".encode(),
    "a vertical tab": b"X-User-Id\x0b: forged",
    "a semicolon": b"X-User-Id;: forged",
    "no name": b": forged",
}


@pytest.mark.parametrize("case", BAD_LINES)
def test_what_is_no_name_is_refused(gateway: Gateway, case: str):
    status, body = ask(gateway, BAD_LINES[case])
    assert status == 400
    assert b"forged" not in body


def test_what_connection_names_cannot_take_ours_away(gateway: Gateway):
    """CVE-2021-32813, CVE-2024-45410, CVE-2025-48865, GHSA-w9mr-28mw-j8hg."""
    ours = ("X-User-Id", "X-User-Groups", "X-Gateway-Jwt-Assertion", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Request-Id")
    status, body = ask(gateway, f"Connection: {', '.join((*ours, 'Host'))}".encode(), b"Connection: x_forwarded_port", b"X-User-Id: forged")
    told = dict(json.loads(body)["headers"])
    assert status == 200
    assert set(ours) | {"Host", "X-Forwarded-Port"} <= set(told)
    assert (told["X-User-Id"], told["X-Forwarded-For"]) == ("", "127.0.0.1")


def test_an_upstream_sets_no_cookie_of_ours(start_gateway):
    """Replayed through the process, since header bytes have come through the answer's parser there."""

    class Planting(EchoUpstream):
        async def converse(self, reader, writer):
            while head := await self.request(reader):
                assert isinstance(head, Head)
                await read_body(reader, head)
                lines = ("gw=planted", "=gw=planted", "GW=theirs", "a=1")
                writer.write(answer("200 OK", b"", *(("Set-Cookie", line) for line in lines)))

    with Planting() as upstream:
        gateway = start_gateway({"routes": [{"name": "app", "host": "localhost", "path": "/", "upstream": upstream.url, "access": "public"}]})
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            said = b""
            while data := connection.recv(65536):
                said += data
    assert re.findall(rb"(?i)set-cookie: (.*)\r\n", said) == [b"GW=theirs", b"a=1"]
