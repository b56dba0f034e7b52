"""WebSocket tunnels (proxying.md section 4, DESIGN 2.5). The bytes inside are any bytes: the gateway understands none of them."""

from __future__ import annotations

import asyncio
import gc

import pytest

from gateway.core.routes import UpstreamTls
from gateway.services.sessions import Found
from tests.functional.proxy.stage import IDENTITY, REQUEST_ID, Client, Stage, asked
from tests.samples import sample_account, sample_facts
from tests.upstreams import answer, read_head

SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: abc=\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
)
HANDSHAKE = ("GET /ws?x=1 HTTP/1.1", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: a2V5", "Sec-WebSocket-Protocol: chat, v2")
UPGRADE = "Connection: Upgrade"


async def echo(reader, writer):
    """Agrees, and sends back what comes."""
    if await read_head(reader) is None:
        return
    writer.write(SWITCH)
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def opened(stage: Stage, *more: str, body: bytes = b"") -> Client:
    client = await stage.client()
    await client.send(*HANDSHAKE, *(more or (UPGRADE,)), body=body)
    got = await client.head()
    assert (got.status, got.get("Upgrade"), got.get("Connection")) == (101, "websocket", "Upgrade")
    assert got.get("Sec-WebSocket-Accept") == "abc="
    assert got.get("Sec-WebSocket-Protocol") == "chat"
    return client


async def said(client: Client, data: bytes) -> bytes:
    client.writer.write(data)
    return await client.reader.readexactly(len(data))


@pytest.mark.parametrize("connection", ["Connection: Upgrade", "Connection: keep-alive, Upgrade", "connection: upgrade"])
async def test_bytes_pass_both_ways(play, connection):
    """W1, W2."""
    stage = await play(echo)
    client = await opened(stage, connection)
    for data in (b"\x81\x05hello", b"\x89\x00", bytes(range(256)) * 1000):
        assert await said(client, data) == data
    assert stage.proxy.tunnels == 1


async def test_the_handshake_as_the_upstream_gets_it(play):
    """W7: identity headers are set, own cookies cut out, Upgrade and Connection made anew."""
    heads = []

    async def script(reader, writer):
        heads.append(await asked(reader))
        writer.write(SWITCH)
        await reader.read()

    stage = await play(script)
    await opened(
        stage,
        "Connection: keep-alive, Upgrade, X-Hop",
        "X-Hop: 1",
        "Cookie: __Host-gw=secret; a=1",
        "X-User-Id: root",
        "Sec-WebSocket-Extensions: permessage-deflate",
    )
    (head,) = heads
    assert head.target == "/ws?x=1"
    assert (head.get("Upgrade"), head.get("Connection"), head.get("X-Hop"), head.get("Cookie")) == ("websocket", "Upgrade", None, "a=1")
    assert (head.get("Sec-WebSocket-Key"), head.get("Sec-WebSocket-Protocol")) == ("a2V5", "chat, v2")
    assert head.get("Sec-WebSocket-Extensions") == "permessage-deflate"
    assert (head.get("X-User-Id"), head.get("X-Request-Id")) == (IDENTITY[0][1].decode(), REQUEST_ID)


async def test_what_comes_early_is_not_lost(play):
    """Bytes behind the handshake, and behind the 101, in the same packet."""

    async def script(reader, writer):
        await read_head(reader)
        writer.write(SWITCH + b"welcome")
        assert await reader.readexactly(5) == b"early"
        writer.write(b"thanks")
        await reader.read()

    stage = await play(script)
    client = await opened(stage, UPGRADE, body=b"early")
    assert await client.reader.readexactly(13) == b"welcomethanks"


async def test_either_end_ends_both(play):
    """W1: a close passes on, in both directions."""
    ended = asyncio.Event()

    async def leaves(reader, writer):
        await read_head(reader)
        writer.write(SWITCH + b"bye")

    async def stays(reader, writer):
        await read_head(reader)
        writer.write(SWITCH)
        try:
            await reader.read()
        except ConnectionError:
            pass  # reset is an end too
        ended.set()

    stage = await play(leaves)
    client = await opened(stage)
    assert await client.reader.read() == b"bye"
    stage = await play(stays)
    client = await opened(stage)
    client.abort()
    await ended.wait()
    await stage.cancelled.wait()
    assert stage.proxy.tunnels == 0


async def test_an_upstream_that_refuses(play):
    """W4: its answer passes, what the client sent behind the handshake does not, and the connection is not a raw tunnel."""
    rest: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def script(reader, writer):
        await read_head(reader)
        writer.write(answer("403 Forbidden", b"not you"))
        await writer.drain()
        try:
            rest.set_result(await reader.read())
        except ConnectionError:
            rest.set_result(b"")

    stage = await play(script)
    client = await stage.client()
    await client.send(*HANDSHAKE, UPGRADE, body=b"GET /smuggled HTTP/1.1\r\nHost: wiki.example.com\r\n\r\n")
    got = await client.answer()
    assert (got.status, got.body, got.get("Connection")) == (403, b"not you", "close")
    assert await client.reader.read() == b""
    assert await rest == b""
    assert len(stage.passed) == 1


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.0 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    ],
)
async def test_a_101_that_agrees_to_something_else(play, head):
    async def script(reader, writer):
        await read_head(reader)
        writer.write(head)
        await reader.read()

    stage = await play(script)
    client = await stage.client()
    await client.send(*HANDSHAKE, UPGRADE)
    assert (await client.answer()).status == 502


async def test_a_101_that_nobody_asked_for(play):
    async def script(reader, writer):
        await read_head(reader)
        writer.write(SWITCH)
        await reader.read()

    stage = await play(script)
    assert (await stage.ask("GET / HTTP/1.1")).status == 502


@pytest.mark.parametrize("framing", ["Content-Length: 40", "Transfer-Encoding: chunked"])
async def test_an_upgrade_with_a_body(play, framing):
    """CVE-2026-69243: 400, close, and nothing of it is read as a request."""
    stage = await play(echo)
    client = await stage.client()
    smuggled = b"0\r\n\r\nGET /admin HTTP/1.1\r\nHost: wiki.example.com\r\n\r\n"
    await client.send(*HANDSHAKE, UPGRADE, framing, body=smuggled)
    assert (await client.answer()).status == 400
    assert await client.reader.read() == b""
    assert not any(exchange.facts is not None and exchange.facts.path == "/admin" for exchange in stage.passed)
    assert stage.pool.opened == 0


async def in_session(stage: Stage) -> Found:
    started = await stage.sessions.start(stage.snapshot, sample_account(), sample_facts(), remember=False)
    return Found(started.session, started.member)


async def test_a_tunnel_ends_with_its_session(play):
    """W5: at the next look of the watch, both connections."""
    stage = await play(echo)
    stage.found = await in_session(stage)
    client = await opened(stage)
    await stage.watch.check()
    assert await said(client, b"still here") == b"still here"
    await stage.store.delete(f"gw:s:{stage.found.member}")
    await stage.watch.check()
    assert await client.reader.read() == b""
    assert stage.proxy.tunnels == 0


async def test_only_the_clients_bytes_count_as_use(play):
    """DESIGN 1.7: the session is renewed by them, not by what the server sends."""
    go = asyncio.Event()

    async def script(reader, writer):
        await read_head(reader)
        writer.write(SWITCH)
        await go.wait()
        writer.write(b"news")
        while data := await reader.read(100):
            writer.write(data)

    stage = await play(script)
    stage.found = await in_session(stage)
    client = await opened(stage)
    go.set()
    assert await client.reader.readexactly(4) == b"news"
    assert stage.sessions.used == []
    for _ in range(20):
        await said(client, b"ping")
    assert stage.sessions.used == [stage.found.member]


async def test_all_tunnels_can_be_closed(play):
    """C17: at shutdown."""
    stage = await play(echo)
    clients = [await opened(stage) for _ in range(5)]
    assert stage.proxy.close_tunnels() == 5
    for client in clients:
        assert await client.reader.read() == b""
    assert stage.proxy.tunnels == 0


@pytest.mark.parametrize("slow", ["client", "upstream"])
async def test_memory_stays_flat_for_a_slow_reader(play, slow):
    """W9: the fast side is paused; nothing is lost when the slow one reads again."""
    total = 0
    stuck, go = asyncio.Event(), asyncio.Event()
    piece, count = b"m" * 65536, 600

    async def pour(writer) -> None:
        nonlocal total
        for _ in range(count):
            writer.write(piece)
            total += len(piece)
            try:
                async with asyncio.timeout(None if stuck.is_set() else 0.3):
                    await writer.drain()
            except TimeoutError:
                stuck.set()
                await writer.drain()

    async def script(reader, writer):
        await read_head(reader)
        writer.write(SWITCH)
        if slow == "client":
            await pour(writer)
            await reader.read()
            return
        await go.wait()
        await reader.readexactly(len(piece) * count)
        writer.write(b"done")
        await reader.read()

    stage = await play(script)
    client = await opened(stage)
    if slow == "client":
        client.pause()
        await stuck.wait()
        assert total < 32 * 2**20
        client.resume()
        assert len(await client.reader.readexactly(len(piece) * count)) == len(piece) * count
        return
    pouring = asyncio.create_task(pour(client.writer))
    await stuck.wait()
    assert total < 32 * 2**20
    go.set()
    await pouring
    assert await client.reader.readexactly(4) == b"done"


def timers() -> int:
    """How many wait, of either event loop."""
    return sum(type(one).__name__ == "TimerHandle" and not one.cancelled() for one in gc.get_objects())


def holders_of(text: str) -> list[str]:
    """What holds longer bytes or a longer string with `text` in it."""
    longer = [(one, part) for one in gc.get_objects() for part in gc.get_referents(one) if isinstance(part, str | bytes) and len(part) > len(text)]
    return [type(one).__name__ for one, part in longer if text in (part if isinstance(part, str) else part.decode("latin-1"))]


async def test_a_tunnel_keeps_nothing_of_its_handshake(play):
    """It may last for days, and there may be thousands: neither heads nor parsers nor timers stay."""
    mark = "mark".ljust(20, "k")

    async def marked(reader, writer):
        await read_head(reader)
        writer.write(SWITCH.replace(b"\r\n\r\n", f"\r\nX-Answer: [{mark}]\r\n\r\n".encode()))
        await reader.read()

    stage = await play(marked)
    before = timers()
    client = await stage.client()
    await client.send(*HANDSHAKE, UPGRADE, f"X-Asked: [{mark}]")
    assert (await client.head()).status == 101
    gc.collect()
    assert holders_of(mark) == []
    assert {type(one).__name__ for one in gc.get_objects()}.isdisjoint({"HttpRequestParser", "HttpResponseParser"})
    assert timers() <= before


async def test_through_a_unix_socket(play, tmp_path):
    """C8."""
    stage = await play(echo, unix_path=tmp_path / "ws.sock")
    assert await said(await opened(stage), b"hello" * 1000) == b"hello" * 1000


async def test_through_tls(play, authority):
    """C7."""
    tls = UpstreamTls(ca_file=str(authority.file), server_name="ws.test")
    stage = await play(echo, tls=authority.server_context("ws.test"), upstream_tls=tls)
    assert await said(await opened(stage), b"hello" * 1000) == b"hello" * 1000
