"""How answers reach the client (proxying.md B3, B7 to B12, H12, H13, H16, H17, H20, C13)."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from gateway.core.routes import Timeouts
from tests.functional.proxy.stage import REQUEST_ID, asked
from tests.upstreams import answer, read_head


def says(*pieces: bytes, close: bool = False):
    """A script that answers every request with these pieces, each in a write of its own."""

    async def script(reader, writer):
        while await read_head(reader):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            if close:
                return

    return script


async def test_a_plain_answer_and_the_next(play):
    """C1: one connection serves both."""
    stage = await play(says(answer("200 Fine", b"hello", ("Content-Type", "text/x"))))
    client = await stage.client()
    for _ in range(2):
        got = await client.ask("GET / HTTP/1.1")
        assert (got.status, got.reason, got.body) == (200, "Fine", b"hello")
        assert got.headers == [("Content-Type", "text/x"), ("X-Request-Id", REQUEST_ID), ("Content-Length", "5")]
    exchange = stage.passed[0]
    assert (exchange.status, exchange.sent) == (200, 5)
    assert exchange.upstream is not None
    assert stage.pool.opened == 1


async def test_headers_that_must_not_pass(play):
    """H2, H16, H17: hop-by-hop, our cookies' names and identity headers of an upstream go no further; ours is the request id."""
    stage = await play(
        says(
            answer(
                "200 OK",
                b"",
                ("Connection", "X-Hop"),
                ("X-Hop", "1"),
                ("Keep-Alive", "timeout=5"),
                ("Set-Cookie", "__Host-gw=stolen; Path=/"),
                ("Set-Cookie", "a=1"),
                ("Set-Cookie", "b=2; Path=/x"),
                ("x_user_id", "root"),
                ("X-Gateway-Jwt-Assertion", "x"),
                ("X-Request-ID", "theirs"),
                ("X-Name", "\xe4\xff"),
            )
        )
    )
    got = await stage.ask("GET / HTTP/1.1")
    assert got.headers == [
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2; Path=/x"),
        ("X-Name", "\xe4\xff"),
        ("X-Request-Id", REQUEST_ID),
        ("Content-Length", "0"),
    ]


async def test_our_cookie_makes_an_answer_private(play):
    """DESIGN 1.7: no shared cache may keep it."""
    stage = await play(says(answer("200 OK", b"x", ("Cache-Control", "public, max-age=60, s-maxage=9"), ("CDN-Cache-Control", "max-age=9"))))
    stage.set_cookie = "__Host-gw=new; Path=/"
    got = await stage.ask("GET / HTTP/1.1")
    assert got.get("Set-Cookie") == "__Host-gw=new; Path=/"
    assert got.get("Cache-Control") == "max-age=60, private"
    assert got.get("CDN-Cache-Control") is None


@pytest.mark.parametrize("status", ["304 Not Modified", "206 Partial Content"])
async def test_some_answers_never_carry_our_cookie(play, status):
    """DESIGN 1.7."""
    stage = await play(says(f"HTTP/1.1 {status}\r\nCache-Control: public\r\nContent-Length: 0\r\n\r\n".encode()))
    stage.set_cookie = "__Host-gw=new; Path=/"
    got = await stage.ask("GET / HTTP/1.1")
    assert got.get("Set-Cookie") is None
    assert got.get("Cache-Control") == "public"


async def test_head_keeps_its_length(play):
    """B8: and the connections on both sides live on."""
    stage = await play(says(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nETag: x\r\n\r\n"))
    client = await stage.client()
    for _ in range(3):
        got = await client.ask("HEAD / HTTP/1.1")
        assert (got.get("Content-Length"), got.get("ETag")) == ("1234", "x")
    assert stage.pool.opened == 1


async def test_head_of_a_chunked_resource(play):
    """B8: no body, and the next request gets its own answer."""
    stage = await play(says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"))
    client = await stage.client()
    for _ in range(2):
        got = await client.ask("HEAD / HTTP/1.1")
        assert got.get("Transfer-Encoding") is None


@pytest.mark.parametrize("head", [b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 99\r\n\r\n"])
async def test_answers_without_a_body(play, head):
    """B8."""
    stage = await play(says(head))
    client = await stage.client()
    for _ in range(3):
        got = await client.ask("GET / HTTP/1.1")
        assert got.status in (204, 304)
        assert got.get("Transfer-Encoding") is None
        assert got.get("Content-Length") == ("99" if got.status == 304 else None)
    assert stage.pool.opened == 1


async def test_interim_answers_are_swallowed(play):
    """B8: 100, 102 and 103, in one piece or in several."""
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    stage = await play(says(b"HTTP/1.1 100 Continue\r\n\r\n" + early, b"HTTP/1.1 102 Processing\r\n", b"\r\n" + answer("200 OK", b"body")))
    client = await stage.client()
    for _ in range(2):
        got = await client.ask("GET / HTTP/1.1")
        assert (got.status, got.body, got.get("Link")) == (200, b"body", None)


async def test_chunks_pass_as_they_come(play):
    """B12: each is delivered before the next exists, and trailers are dropped (B11)."""
    go = asyncio.Event()

    async def script(reader, writer):
        await read_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Accel-Buffering: no\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(3):
            await go.wait()
            go.clear()
            writer.write(b"9\r\ndata: %d\n\n\r\n" % number)
        writer.write(b"0\r\nX-Sum: 1\r\n\r\n")
        await reader.read()

    stage = await play(script)
    client = await stage.client()
    await client.send("GET /events HTTP/1.1")
    got = await client.head()
    assert (got.get("Transfer-Encoding"), got.get("X-Accel-Buffering")) == ("chunked", "no")
    go.set()
    number = 0
    async for chunk in client.chunks():
        assert chunk == b"data: %d\n\n" % number
        number += 1
        go.set()
    assert number == 3


async def test_an_event_stream_may_be_silent(play):
    """B12: `timeouts.idle` is not for event streams, and ends other bodies."""
    done = asyncio.Event()

    async def script(reader, writer):
        head = await asked(reader)
        kind = b"text/event-stream" if head.target == "/events" else b"text/plain"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n" % kind)
        if head.target == "/events":
            await done.wait()
            writer.write(b"1\r\nb\r\n0\r\n\r\n")
        await reader.read()

    stage = await play(script, timeouts=Timeouts(5.0, 5.0, 0.1))
    events = await stage.client()
    await events.send("GET /events HTTP/1.1")
    plain = await stage.client()
    await plain.send("GET /plain HTTP/1.1")
    with pytest.raises(asyncio.IncompleteReadError):
        await plain.answer()  # five times the events' silence would fit in here
    done.set()
    assert (await events.answer()).body == b"ab"


async def test_until_the_end_of_the_connection(play):
    """A body without a length: chunked for HTTP/1.1, ended by closing for 1.0."""
    stage = await play(says(b"HTTP/1.1 200 OK\r\n\r\nhello ", b"world", close=True))
    got = await stage.ask("GET / HTTP/1.1")
    assert (got.get("Transfer-Encoding"), got.body) == ("chunked", b"hello world")
    got = await stage.ask("GET / HTTP/1.0", "Connection: keep-alive")
    assert (got.get("Transfer-Encoding"), got.get("Connection"), got.body) == (None, "close", b"hello world")


async def test_an_http_10_upstream(play):
    """One answer to a connection, unless it says keep-alive."""
    stage = await play(says(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi"))
    client = await stage.client()
    for _ in range(2):
        assert (await client.ask("GET / HTTP/1.1")).body == b"hi"
    assert stage.pool.opened == 2


async def test_http_10_clients_stay_if_they_ask(play):
    stage = await play(says(answer("200 OK", b"hi")))
    client = await stage.client()
    for _ in range(2):
        got = await client.ask("GET / HTTP/1.0", "Connection: keep-alive")
        assert (got.body, got.get("Connection")) == (b"hi", "keep-alive")
    got = await client.ask("GET / HTTP/1.0")
    assert (got.body, got.get("Connection")) == (b"hi", "close")
    assert await client.reader.read() == b""


async def test_connection_close_is_honoured(play):
    stage = await play(says(answer("200 OK", b"hi")))
    client = await stage.client()
    assert (await client.ask("GET / HTTP/1.1", "Connection: close")).get("Connection") == "close"
    assert await client.reader.read() == b""


async def test_ranges_and_codings_pass_untouched(play):
    """B9, B10: nothing is unpacked, packed or asked for."""
    packed = gzip.compress(b"x" * 1000)

    async def script(reader, writer):
        while head := await read_head(reader):
            assert head.get("Range") == "bytes=0-9"
            assert head.get("If-Range") == '"e"'
            assert head.get("Accept-Encoding") is None
            writer.write(answer("206 Partial Content", packed, ("Content-Range", "bytes 0-9/50"), ("ETag", '"e"'), ("Content-Encoding", "gzip")))

    stage = await play(script)
    got = await stage.ask("GET / HTTP/1.1", "Range: bytes=0-9", 'If-Range: "e"')
    assert (got.status, got.body) == (206, packed)
    assert (got.get("Content-Range"), got.get("ETag"), got.get("Content-Encoding")) == ("bytes 0-9/50", '"e"', "gzip")


async def test_redirects_are_passed_not_followed(play):
    """C13."""
    stage = await play(says(answer("302 Found", b"", ("Location", "http://elsewhere.test/"))))
    got = await stage.ask("GET / HTTP/1.1")
    assert (got.status, got.get("Location")) == (302, "http://elsewhere.test/")


async def test_a_large_head_of_an_answer(play):
    """H20: 100 KB of headers work; what is larger than every bound is 502, and the process lives."""
    stage = await play(says(answer("200 OK", b"x", *((f"X-{n}", "y" * 5000) for n in range(20)))))
    assert len((await stage.ask("GET / HTTP/1.1")).headers) == 22
    stage = await play(says(b"HTTP/1.1 200 OK\r\nX: ", *[b"y" * 65536] * 8, b"\r\n\r\n"))
    assert (await stage.ask("GET / HTTP/1.1")).status == 502


@pytest.mark.parametrize("size", [1, 65536, 1_000_003, 8_000_000])
@pytest.mark.parametrize("framing", ["length", "chunks", "end"])
async def test_bodies_of_any_size(play, size, framing):
    body = bytes(range(256)) * (size // 256 + 1)
    body = body[:size]

    async def script(reader, writer):
        while await read_head(reader):
            if framing == "length":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + body)
            elif framing == "chunks":
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % size + body + b"\r\n0\r\n\r\n")
            else:
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + body)
                return
            await writer.drain()

    stage = await play(script)
    client = await stage.client()
    for _ in range(2):
        got = await client.ask("GET / HTTP/1.1")
        assert got.body == body
    assert stage.passed[0].sent == size


async def test_a_slow_client_slows_the_upstream(play):
    """B3: what is not read is not fetched; nothing is lost when reading goes on."""
    sent = 0
    piece = b"z" * 65536
    stuck = asyncio.Event()

    async def script(reader, writer):
        nonlocal sent
        await read_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(piece) * 800))
        for _ in range(800):
            writer.write(piece)
            sent += len(piece)
            try:
                async with asyncio.timeout(0.3):
                    await writer.drain()
            except TimeoutError:
                stuck.set()
                await writer.drain()
        await reader.read()

    stage = await play(script)
    client = await stage.client()
    client.pause()
    await client.send("GET / HTTP/1.1")
    await stuck.wait()
    assert sent < 32 * 2**20
    client.resume()
    assert len((await client.answer()).body) == 800 * 65536


async def test_a_body_that_breaks_off_is_never_ended_cleanly(play):
    """B7: with a length, in chunks, and for a client that knows only the end of the connection."""
    for first in (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"):
        stage = await play(says(first, close=True))
        client = await stage.client()
        with pytest.raises(asyncio.IncompleteReadError):
            await client.ask("GET / HTTP/1.1")


async def test_a_reset_where_only_the_end_ends_a_body(play):
    """B7: to a client that knows no chunks, a plain end would look like the body's."""
    stage = await play(says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", close=True))
    client = await stage.client()
    await client.send("GET / HTTP/1.0")
    with pytest.raises(ConnectionResetError):
        await client.answer()


async def test_a_client_that_leaves_ends_the_upstreams_work(play):
    """B7: before the head of the answer, and within the body."""
    for head in (b"", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"):
        reached, gone = asyncio.Event(), asyncio.Event()

        async def script(reader, writer, head=head, reached=reached, gone=gone):
            await read_head(reader)
            writer.write(head)
            reached.set()
            try:
                await reader.read()
            except ConnectionError:
                pass  # reset is an end too
            gone.set()

        stage = await play(script)
        client = await stage.client()
        await client.send("GET / HTTP/1.1")
        await reached.wait()
        if head:
            await client.head()
        client.abort()
        async with asyncio.timeout(1):
            await gone.wait()
            await stage.cancelled.wait()
