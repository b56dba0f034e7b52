"""A client's connection, byte by byte: what is answered, what is refused, and that nothing behind a fault becomes a request."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from gateway.server.serving import Server
from gateway.snapshot import Limits, Live
from tests.samples import sample_snapshot

LIMITS = Limits(url=1000, headers=4000, header_timeout=0.4, body_idle=0.5, keepalive=1.0, connections=40)
HOST = b"Host: x\r\n"


@dataclass
class Place:
    """A server whose handler tells what it was asked; `seen` are the targets that reached it."""

    port: int
    server: Server
    seen: list[str] = field(default_factory=list)
    refused: int = 0
    held: asyncio.Event = field(default_factory=asyncio.Event)
    started: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.seen.append(request._message.path)
        if request._message.path == "/held":
            self.started.set()
            await self.held.wait()
        try:
            body = await request.content.read()
        except Exception as error:
            return web.Response(status=400, text=type(error).__name__)
        return web.Response(text=f"{request.method} {len(body)}")

    def refuse(self, request: web.BaseRequest, status: int) -> web.Response:
        return web.Response(status=status, text="refused")

    def count(self) -> None:
        self.refused += 1

    async def talk(self, *parts: bytes) -> list[int]:
        """Send the parts and read until the server closes; the statuses of what it answered."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0.03)
            said = await asyncio.wait_for(reader.read(), 10)
        finally:
            writer.close()
        return [int(status) for status in re.findall(rb"HTTP/1\.1 ([0-9]{3})", said)]


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    loop = asyncio.get_running_loop()
    made = Place(0, None)  # type: ignore[arg-type]  # the server needs its handler first
    made.server = Server(made.handle, made.refuse, Live(sample_snapshot(limits=LIMITS)), made.count)
    listening = await loop.create_server(made.server, "127.0.0.1", 0)
    made.port = listening.sockets[0].getsockname()[1]
    yield made
    made.held.set()
    listening.close()
    await made.server.drain(1.0)


def get(path: str = "/", *headers: bytes, version: bytes = b"HTTP/1.1") -> bytes:
    return b"GET %s %s\r\n%s%s\r\n" % (path.encode(), version, HOST, b"".join(line + b"\r\n" for line in headers))


async def until(condition: Callable[[], bool]) -> bool:
    """Let the loop turn until `condition` holds."""
    for _ in range(10_000):
        if condition():
            return True
        await asyncio.sleep(0)
    return False


MANY = [b"X-%d: %s" % (number, b"a" * 50) for number in range(100)]

#: what is sent in pieces → the statuses of the answers
CASES: dict[str, tuple[list[bytes], list[int]]] = {
    "one request, then idle": ([get()], [200]),
    "two, pipelined": ([get("/1") + get("/2")], [200, 200]),
    "empty lines in front": ([b"\r\n" + get(), b"\r\n"], [200]),
    "byte by byte": ([*(bytes([byte]) for byte in get()[:8]), get()[8:]], [200]),
    "a body in pieces": ([b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\n", b"ab", b"cde"], [200]),
    "half a head": ([b"GET / HTTP/1.1\r\nHos"], [408]),
    "nothing at all": ([], []),
    "a long target": ([get("/" + "a" * 1100)], [414]),
    "a long target in pieces": ([b"GET /" + b"a" * 600, b"a" * 600, b"a" * 9000], [414]),
    "a target without end": ([b"GET /" + b"a" * 500_000], [414]),
    "a long field": ([get("/", b"X: " + b"a" * 5000)], [431]),
    "a long field in pieces": ([get()[:-2] + b"X: " + b"a" * 3000, b"a" * 3000, b"\r\n\r\n"], [431]),
    "fields too long together": ([get("/", *MANY)], [431]),
    "a hundred fields of 8 KB": ([get("/", *[b"X-%d: %s" % (number, b"a" * 8000) for number in range(100)])], [431]),
    "too many fields": ([get("/", *[b"X-%d: 1" % number for number in range(300)])], [431]),
    "HTTP/0.9": ([get(version=b"HTTP/0.9")], [505]),
    "HTTP/2.0": ([get(version=b"HTTP/2.0")], [505]),
    "HTTP/2's preface": ([b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"], [400]),
    "no version": ([b"GET /\r\n\r\n"], [505]),
    "TLS on the wrong port": ([b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n"], [400]),
    "CONNECT": ([b"CONNECT x:443 HTTP/1.1\r\n" + HOST + b"\r\n" + get("/evil")], [405]),
    "TRACE": ([b"TRACE / HTTP/1.1\r\n" + HOST + b"\r\n"], [405]),
    "an unknown method": ([b"TRACK / HTTP/1.1\r\n" + HOST + b"\r\n"], [400]),
    "a method in lower case": ([b"get / HTTP/1.1\r\n" + HOST + b"\r\n"], [400]),
    "no Host": ([b"GET / HTTP/1.1\r\n\r\n"], [400]),
    "two Hosts": ([b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n"], [400]),
    "a body that stops": ([b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nab"], [400]),
    "chunks that are none": ([b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n", b"zz\r\n", get("/evil")], [400]),
    "a body behind an upgrade": (
        [b"POST / HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 34\r\n\r\n" + get("/evil")],
        [400],
    ),
    "bytes behind an upgrade that is declined": ([get("/ws", b"Connection: Upgrade", b"Upgrade: websocket") + get("/evil")], [200]),
    "bytes behind h2c": ([get("/plain", b"Connection: Upgrade", b"Upgrade: h2c") + get("/evil")], [200]),
}


@pytest.mark.parametrize("case", CASES)
async def test_every_connection_gets_its_answer_and_no_more(place: Place, case: str):
    parts, statuses = CASES[case]
    assert await place.talk(*parts) == statuses
    assert "/evil" not in place.seen


async def test_a_slow_answer_is_not_the_clients_fault(place: Place):
    talking = asyncio.ensure_future(place.talk(get("/held"), b"GET /half HT"))
    await place.started.wait()
    await asyncio.wait([talking], timeout=2 * LIMITS.header_timeout)
    assert not talking.done()
    place.held.set()
    assert (await talking)[0] == 200
    assert place.seen == ["/held"]


async def test_connections_beyond_the_limit_hear_503(place: Place):
    waiting = [await asyncio.open_connection("127.0.0.1", place.port) for _ in range(LIMITS.connections)]
    for _, writer in waiting:
        writer.write(b"GET /held HTTP/1.1\r\n" + HOST)
        await writer.drain()
    assert await until(lambda: place.server.open == LIMITS.connections)
    reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
    said = await asyncio.wait_for(reader.read(), 5)
    assert said.startswith(b"HTTP/1.1 503 ")
    assert place.refused == 1
    for _, one in [*waiting, (reader, writer)]:
        one.close()


async def test_draining_finishes_what_has_begun_and_says_so(place: Place):
    reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
    idle_reader, idle_writer = await asyncio.open_connection("127.0.0.1", place.port)
    idle_writer.write(get())
    await idle_reader.readuntil(b"GET 0")
    writer.write(get("/held"))
    await place.started.wait()
    draining = asyncio.ensure_future(place.server.drain(5.0))
    assert await asyncio.wait_for(idle_reader.read(), 5) == b""
    place.held.set()
    said = await asyncio.wait_for(reader.read(), 5)
    assert said.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in said.lower()
    assert await draining is True
    writer.close()
    idle_writer.close()


async def test_draining_hears_out_who_has_just_connected(place: Place):
    reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
    assert await until(lambda: place.server.open == 1)
    draining = asyncio.ensure_future(place.server.drain(5.0))
    await asyncio.sleep(0)
    late_reader, late_writer = await asyncio.open_connection("127.0.0.1", place.port)  # it was in the queue when the listener closed
    for asks in (writer, late_writer):
        asks.write(get())
    for hears in (reader, late_reader):
        said = await asyncio.wait_for(hears.read(), 5)
        assert said.startswith(b"HTTP/1.1 200 ")
        assert b"connection: close" in said.lower()
    assert await draining is True
    writer.close()
    late_writer.close()


async def test_a_replaced_process_hears_out_who_is_between_two_requests(place: Place):
    reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
    writer.write(get())
    await reader.readuntil(b"GET 0")
    draining = asyncio.ensure_future(place.server.drain(5.0, 0.5))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    writer.write(get())
    assert b"connection: close" in (await asyncio.wait_for(reader.read(), 5)).lower()
    assert await draining is True
    writer.close()


async def test_draining_ends_what_does_not_finish(place: Place):
    reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
    writer.write(get("/held"))
    await place.started.wait()
    assert await place.server.drain(0.1) is False
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()


async def test_a_drained_upload_is_still_read(place: Place):
    reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
    writer.write(b"POST /up HTTP/1.1\r\n" + HOST + b"Content-Length: 6\r\n\r\nabc")
    await writer.drain()
    assert await until(lambda: bool(place.seen))
    draining = asyncio.ensure_future(place.server.drain(5.0))
    await asyncio.sleep(0)
    writer.write(b"def")
    assert b"POST 6" in await asyncio.wait_for(reader.read(), 5)
    assert await draining is True
    writer.close()


async def test_own_answers_do_not_name_the_software(place: Place):
    reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
    writer.write(get())
    said = await asyncio.wait_for(reader.read(), 5)
    assert b"\r\nServer: gateway\r\n" in said
    assert b"aiohttp" not in said
    writer.close()
