"""Bodies on their way to the upstream (proxying.md B1, B2, B4 to B7, B13)."""

from __future__ import annotations

import asyncio
import json

import pytest

from gateway.core.routes import Timeouts
from gateway.snapshot import Limits
from tests.functional.proxy.stage import asked
from tests.upstreams import answer, read_body, read_head


async def tell(reader, writer):
    """Answers with what arrived."""
    while head := await read_head(reader):
        body = await read_body(reader, head)
        text = {"method": head.method, "length": head.all("Content-Length"), "coding": head.all("Transfer-Encoding"), "body": body.decode("latin-1")}
        writer.write(answer("200 OK", json.dumps(text).encode()))
        await writer.drain()


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE", "PATCH", "PUT"])
async def test_a_small_body_with_any_method(play, method):
    """B13: and the connections live on."""
    stage = await play(tell)
    client = await stage.client()
    for _ in range(2):
        got = json.loads((await client.ask(f"{method} / HTTP/1.1", "Content-Length: 4", body=b"abcd")).body)
        assert got == {"method": method, "length": ["4"], "coding": [], "body": "abcd"}
    assert stage.pool.opened == 1


async def test_an_empty_body_keeps_its_length(play):
    stage = await play(tell)
    got = json.loads((await stage.ask("POST / HTTP/1.1", "Content-Length: 0")).body)
    assert got["length"] == ["0"]


async def test_chunks_stay_chunks(play):
    """Whole at once, and a body of no chunks."""
    stage = await play(tell)
    client = await stage.client()
    got = json.loads((await client.ask("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n")).body)
    assert got == {"method": "POST", "length": [], "coding": ["chunked"], "body": "abcde"}
    got = json.loads((await client.ask("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=b"0\r\n\r\n")).body)
    assert (got["coding"], got["body"]) == (["chunked"], "")


async def test_an_upload_streams(play):
    """B2: the first chunk is seen upstream before the second is sent."""
    seen = asyncio.Event()

    async def script(reader, writer):
        await read_head(reader)
        assert await reader.readexactly(8) == b"3\r\nabc\r\n"
        seen.set()
        assert await reader.readexactly(12) == b"2\r\nde\r\n0\r\n\r\n"
        writer.write(answer("200 OK", b"whole"))

    stage = await play(script)
    client = await stage.client()
    await client.send("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=b"3\r\nabc\r\n")
    await seen.wait()
    client.writer.write(b"2\r\nde\r\n0\r\n\r\n")
    got = await client.answer()
    assert (got.body, got.get("Connection")) == (b"whole", None)


async def test_a_large_upload_arrives_whole(play):
    """B1, with fewer bytes: the length is the client's, and a slow upstream slows the client."""
    size, got = 40_000_000, 0
    go = asyncio.Event()

    async def script(reader, writer):
        nonlocal got
        head = await asked(reader)
        assert head.get("Content-Length") == str(size)
        await go.wait()
        while got < size:
            got += len(await reader.read(1_000_000))
        writer.write(answer("200 OK", b"thanks"))

    stage = await play(script)
    client = await stage.client()
    client.writer.transport.set_write_buffer_limits(high=1)
    await client.send("POST / HTTP/1.1", f"Content-Length: {size}")
    sent, piece = 0, b"u" * 1_000_000
    while sent < size:
        client.writer.write(piece)
        sent += len(piece)
        try:
            async with asyncio.timeout(None if go.is_set() else 0.3):
                await client.writer.drain()
        except TimeoutError:
            assert sent < 32_000_000  # nobody read, so nobody took it
            go.set()
            await client.writer.drain()
    assert (await client.answer()).body == b"thanks"
    assert got == size


async def test_a_body_that_announces_too_much(play):
    """B4: 413 before the body is read, without 100 Continue, and the upstream never hears of it."""
    stage = await play(tell, max_body=10)
    client = await stage.client()
    got = await client.ask("POST / HTTP/1.1", "Content-Length: 11", "Expect: 100-continue")
    assert (got.status, got.get("Connection")) == (413, "close")
    assert stage.pool.opened == 0
    assert (await stage.ask("POST / HTTP/1.1", "Content-Length: 10", body=b"x" * 10)).status == 200


@pytest.mark.parametrize("whole", [True, False])
async def test_chunks_that_become_too_much(play, whole):
    """B4: 413, and the upstream does not get a body that looks whole."""
    ended: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def script(reader, writer):
        await read_head(reader)
        try:
            ended.set_result(await reader.read())
        except ConnectionError:
            ended.set_result(b"")

    stage = await play(script, max_body=10)
    client = await stage.client()
    await client.send("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=b"8\r\n12345678\r\n" + (b"8\r\n12345678\r\n0\r\n\r\n" if whole else b""))
    if not whole:
        client.writer.write(b"8\r\n12345678\r\n")
    got = await client.answer()
    assert (got.status, got.get("Connection")) == (413, None if whole else "close")
    if not ended.done() and not whole:
        await ended
    assert not ended.done() or b"0\r\n\r\n" not in ended.result()


async def test_expect_gets_one_100(play):
    """B5: exactly one, after the upstream was reached; Expect itself ends here."""
    reached = asyncio.Event()

    async def script(reader, writer):
        head = await asked(reader)
        assert head.all("Expect") == []
        reached.set()
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await read_body(reader, head)
        writer.write(answer("200 OK", body))

    stage = await play(script)
    client = await stage.client()
    await client.send("POST / HTTP/1.1", "Content-Length: 4", "Expect: 100-continue")
    await reached.wait()
    assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.writer.write(b"body")
    got = await client.answer()
    assert (got.status, got.body) == (200, b"body")


async def test_no_100_where_the_body_is_already_here_or_nobody_asked(play):
    """B5."""
    stage = await play(tell)
    client = await stage.client()
    assert (await client.ask("POST / HTTP/1.1", "Content-Length: 4", "Expect: 100-continue", body=b"body")).status == 200
    assert (await client.ask("POST / HTTP/1.1", "Content-Length: 4", body=b"body")).status == 200


async def test_an_early_answer_reaches_the_client(play):
    """B6: the upstream says 413 and closes while the body is still coming."""

    async def script(reader, writer):
        await read_head(reader)
        await reader.readexactly(1000)
        writer.write(answer("413 Content Too Large", b"too much"))
        await writer.drain()

    for _ in range(20):
        stage = await play(script)
        client = await stage.client()
        await client.send("POST / HTTP/1.1", "Content-Length: 50000000", body=b"x" * 300_000)
        got = await client.answer()
        assert (got.status, got.body, got.get("Connection")) == (413, b"too much", "close")


async def test_an_answer_that_does_not_wait_for_the_body(play):
    """A conversation: answer and body at the same time."""

    async def script(reader, writer):
        await read_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while (size := int(await reader.readline(), 16)) > 0:
            writer.write(b"%x\r\n" % size + await reader.readexactly(size + 2))
        await reader.readline()
        writer.write(b"0\r\n\r\n")
        await reader.read()

    stage = await play(script)
    client = await stage.client()
    await client.send("POST / HTTP/1.1", "Transfer-Encoding: chunked")
    assert (await client.head()).status == 200
    chunks = client.chunks()
    for word in (b"one", b"two", b"three"):
        client.writer.write(b"%x\r\n%b\r\n" % (len(word), word))
        assert await anext(chunks) == word
    client.writer.write(b"0\r\n\r\n")
    assert [chunk async for chunk in chunks] == []


async def test_a_body_that_stops_coming(play):
    """B14, CVE-2024-28869: 408 after `limits.body_idle`, and the upstream is let go."""
    ended = asyncio.Event()

    async def script(reader, writer):
        await read_head(reader)
        try:
            await reader.read()
        except ConnectionError:
            pass  # reset is an end too
        ended.set()

    stage = await play(script, limits=Limits(body_idle=0.1))
    got = await stage.ask("POST / HTTP/1.1", "Content-Length: 10", body=b"12345")
    assert (got.status, got.get("Connection")) == (408, "close")
    await ended.wait()


async def test_a_body_that_turns_out_malformed(play):
    """The upstream gets no end of it, the client 400."""
    ended: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    seen = asyncio.Event()

    async def script(reader, writer):
        await read_head(reader)
        got = await reader.readexactly(8)
        seen.set()
        try:
            got += await reader.read()
        except ConnectionError:
            pass  # reset is an end too
        ended.set_result(got)

    stage = await play(script)
    client = await stage.client()
    await client.send("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=b"3\r\nabc\r\n")
    await seen.wait()
    client.writer.write(b"zz\r\nabc\r\n0\r\n\r\n")
    got = await client.answer()
    assert (got.status, got.get("Connection")) == (400, "close")
    assert await ended == b"3\r\nabc\r\n"


async def test_a_client_that_leaves_within_its_body(play):
    """B7: the upstream sees an end that is not the body's."""
    ended, reached = asyncio.Event(), asyncio.Event()

    async def script(reader, writer):
        await read_head(reader)
        reached.set()
        try:
            await reader.read()
        except ConnectionError:
            pass  # reset is an end too
        ended.set()

    stage = await play(script)
    client = await stage.client()
    await client.send("POST / HTTP/1.1", "Content-Length: 100", body=b"half")
    await reached.wait()
    client.abort()
    async with asyncio.timeout(1):
        await ended.wait()


async def test_the_answers_time_begins_when_the_body_is_out(play):
    """C4: a slow upload is not a slow upstream."""
    reached = asyncio.Event()

    async def script(reader, writer):
        head = await asked(reader)
        await reader.readexactly(2)
        reached.set()
        await reader.readexactly(2)
        writer.write(answer("200 OK", head.method.encode()))

    stage = await play(script, timeouts=Timeouts(5.0, 0.2, 5.0))
    client = await stage.client()
    await client.send("POST / HTTP/1.1", "Content-Length: 4", body=b"ab")
    await reached.wait()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.4):
            await client.head()
    client.writer.write(b"cd")
    assert (await client.answer()).status == 200


@pytest.mark.parametrize(
    "lines",
    [
        ("POST / HTTP/1.1", "Transfer-Encoding: gzip, chunked"),
        ("POST / HTTP/1.0", "Transfer-Encoding: chunked"),
        ("POST / HTTP/1.1", "Connection: Upgrade", "Upgrade: h2c", "Transfer-Encoding: chunked"),
        ("GET / HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket", "Transfer-Encoding: chunked"),
    ],
)
async def test_framing_beyond_doubt_only(play, lines):
    """RFC 9112 section 6.1; CVE-2026-69243 for the upgrades."""
    stage = await play(tell)
    got = await stage.ask(*lines, body=b"0\r\n\r\n")
    assert (got.status, got.get("Connection")) in ((400, "close"), (400, None))
    assert stage.pool.opened == 0
