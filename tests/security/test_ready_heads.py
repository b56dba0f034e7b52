"""Answers read in one pass are answers that the strict parser reads in the same way: two readings of one head are how answers are smuggled."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.core.headers import clean_response
from gateway.web.proxy.answers import AnswerReader
from gateway.web.proxy.binding import challenges
from gateway.web.proxy.faults import Broken
from gateway.web.proxy.heads import read_ready
from gateway.web.proxy.names import answer_names
from tests.samples import IDENTITY_HEADERS, sample_snapshot

OWN = sample_snapshot().own_cookies
STRIP = IDENTITY_HEADERS.strip | {b"x-gone"}
FRAMING = (b"content-length", b"transfer-encoding")

LINES = st.sampled_from(
    b"Content-Length: 3|content-length: 3|Content-Length: 0|Content-Length: 03|Content-Length: 3, 3|Content-Length: +3|Content-Length: 0x3|"
    b"Content-Length: 5|Content-Length:3|Content-Length : 3|Content_Length: 3|Transfer-Encoding: chunked|transfer-encoding: x|"
    b"Connection: close|Connection: Keep-Alive|Connection: close, X-Foo|Connection: keep-alive, close|Connection: upgrade|Connection: x|"
    b"Proxy-Connection: close|Close: 1|Upgrade: websocket|Keep-Alive: timeout=5|Trailer: X|"
    b"Set-Cookie: a=b|Set-Cookie: gw=1|Set-Cookie: =gw=1|set-cookie:  gw=1|X-User-Id: 1|x_user_id: 1|X-Gone: 1|"
    b"WWW-Authenticate: NTLM|www-authenticate: Negotiate x|WWW-Authenticate: Basic|Content-Type: text/event-stream|Content-Type: text/plain|"
    b"X-Foo: 1|X-Foo:|X-Foo: |X-Foo: 1 |X-Foo: 1\t|X-Foo:  1|X-Foo: a\tb|X-Foo: \xff|X-Foo: a\x7f| folded|X Foo: 1|X-Foo: a\rb|X-Foo: a\nb|: 1|"
    b"no colon".split(b"|")
)
FIRST = st.sampled_from(
    b"HTTP/1.1 200 OK|HTTP/1.1 404 Not Found|HTTP/1.1 200 |HTTP/1.1 200|HTTP/1.0 200 OK|HTTP/1.1 304 Not Modified|HTTP/1.1 204 x|"
    b"HTTP/1.1 100 Continue|HTTP/1.1 101 Switching|HTTP/1.1 600 x|HTTP/1.1 599 x\xe4|HTTP/2.0 200 OK|HTTP/1.1  200 OK|HTTP/1.1 200 a\tb".split(b"|")
)


def read(data: bytes, *, ready: bool) -> AnswerReader | None:
    """The reader after `data`; None where it refused it."""
    reader = AnswerReader()
    if ready:
        reader.begin(head_only=False, upgrading=False, names=answer_names(STRIP), own_cookies=OWN)
    try:
        reader.feed(data)
    except Broken:
        return None
    return reader


@settings(max_examples=800, deadline=None)
@example(b"HTTP/1.1 200 OK", [b"Content-Length: 3"], b"abc")
@example(b"HTTP/1.1 200 OK", [b"Content-Length: 3", b"Connection: close", b"Close: 1"], b"abc")
@example(b"HTTP/1.1 200 OK", [b"Content-Length: 3", b"Proxy-Connection: close"], b"abc")
@example(b"HTTP/1.1 200 OK", [b"Content-Length: 3", b"Transfer-Encoding: chunked"], b"abc")
@example(b"HTTP/1.1 200 OK", [b"Content-Length: 3", b"Content-Length: 3"], b"abc")
@given(FIRST, st.lists(LINES, max_size=6), st.sampled_from([b"", b"a", b"abc", b"abcd", b"abcHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]))
def test_both_readings_are_the_same(first: bytes, lines: list[bytes], body: bytes) -> None:
    data = b"\r\n".join([first, *lines, b"", body])
    quick, plain = read(data, ready=True), read(data, ready=False)
    if plain is None:
        assert quick is None
        return
    assert quick is not None
    assert quick.complete == plain.complete
    assert b"".join(quick.pieces) == b"".join(plain.pieces)
    ready, head = quick.ready, plain.head
    if ready is None:
        assert quick.head == head
        assert quick.reusable == plain.reusable
        return
    assert head is not None
    assert not head.bodyless
    status, ready_lines, length, _, _, events = ready
    assert (status, length) == (head.status, head.length)
    passed = [name + b": " + value for name, value in clean_response(head.headers, STRIP, OWN)]
    assert ready_lines.split(b"\r\n") == [first, *passed]
    if quick.complete:
        assert quick.reusable == (plain.reusable and not challenges(head.headers))
    assert events == any(name.lower() == b"content-type" and value.startswith(b"text/event-stream") for name, value in head.headers)
    # What follows is counted in both.
    rest = b"x" * (length + len(data))
    quick.feed(rest)
    plain.feed(rest)
    assert (quick.complete, quick.reusable) == (plain.complete, plain.reusable) == (True, False)


def test_an_ordinary_head_is_ready() -> None:
    """Else all of the above is about nothing."""
    data = b'HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/html\r\nContent-Length: 3\r\nConnection: keep-alive\r\nETag: "x"\r\n\r\nabc'
    ready = read_ready(data, answer_names(STRIP), OWN)
    assert ready is not None
    assert ready[1] == b'HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/html\r\nETag: "x"'
    assert data[ready[3] :] == b"abc"


def test_endless_heads_are_left_to_the_parser() -> None:
    names = answer_names(STRIP)
    for line, count in ((b"A: b\r\n", 1001), (b"A: %b\r\n" % (b"b" * 9000), 2)):
        assert read_ready(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + line * count + b"\r\n", names, OWN) is None
