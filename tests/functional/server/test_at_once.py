"""What is answered while its bytes are read keeps its place among what has to be waited for, and says the same."""

from __future__ import annotations

import asyncio
import http.client
import re
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web
from aiohttp.http_parser import RawRequestMessage

from gateway.server.serving import Server
from gateway.snapshot import Limits, Live
from tests.browser import Browser
from tests.gateways import PASSWORD, Gateway
from tests.samples import sample_snapshot
from tests.servers import Redis

HEAD = b"HTTP/1.1 200 OK\r\nX-Path: %b\r\nX-Way: %b\r\nContent-Length: 0\r\n\r\n"
LARGE = HEAD[:-2] % (b"/now/large", b"at once") + b"X-Padding: " + bytes(60_000).replace(b"\0", b"a") + b"\r\n\r\n"


class Mixed:
    """Answers targets below /now at once, others later; `held` keeps the later ones back."""

    def __init__(self) -> None:
        self.held = asyncio.Event()
        self.started = asyncio.Event()
        self.heard = asyncio.Event()
        self.peers: list[str | None] = []

    def at_once(self, message: RawRequestMessage, peer: str | None) -> bytes | None:
        self.peers.append(peer)
        self.heard.set()
        if message.path == "/now/large":
            return LARGE
        return HEAD % (message.path.encode(), b"at once") if message.path.startswith("/now") else None

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.started.set()
        self.heard.set()
        if request.path == "/held":
            await self.held.wait()
        await request.content.read()
        return web.Response(headers={"X-Path": request.path, "X-Way": "later"})


@pytest.fixture
async def mixed() -> AsyncIterator[tuple[Mixed, int, Server]]:
    made = Mixed()
    limits = Limits(url=1000, headers=4000, header_timeout=5, body_idle=5, keepalive=0.3)
    server = Server(
        made.handle, lambda _request, status: web.Response(status=status), Live(sample_snapshot(limits=limits)), lambda: None, made.at_once
    )
    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    yield made, listening.sockets[0].getsockname()[1], server
    made.held.set()
    listening.close()
    await server.drain(1.0)


async def said(port: int, *requests: bytes) -> list[tuple[str, str]]:
    """Path and way of every answer on one connection, in their order, until the server closes it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"".join(requests))
    answers = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return [(path.decode(), way.decode()) for path, way in re.findall(rb"X-Path: (\S+)\r\nX-Way: ([a-z ]+)", answers)]


def ask(path: str, *headers: str, version: str = "1.1") -> bytes:
    return "\r\n".join([f"GET {path} HTTP/{version}", "Host: x", *headers, "", ""]).encode()


async def test_one_alone_is_answered_at_once(mixed: tuple[Mixed, int, Server]):
    made, port, _ = mixed
    assert await said(port, ask("/now/1")) == [("/now/1", "at once")]
    assert made.peers == ["127.0.0.1"]


async def test_answers_keep_the_order_of_their_requests(mixed: tuple[Mixed, int, Server]):
    _, port, _ = mixed
    assert await said(port, ask("/later/1"), ask("/now/2"), ask("/now/3")) == [("/later/1", "later"), ("/now/2", "later"), ("/now/3", "later")]


async def test_nothing_overtakes_an_answer_that_is_still_to_come(mixed: tuple[Mixed, int, Server]):
    made, port, _ = mixed
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(ask("/held"))
    await made.started.wait()
    writer.write(ask("/now/behind"))
    await writer.drain()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.1)
    made.held.set()
    answers = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    assert re.findall(rb"X-Path: (\S+)", answers) == [b"/held", b"/now/behind"]


@pytest.mark.parametrize(
    "request_bytes",
    [
        ask("/now", "Connection: close"),
        ask("/now", version="1.0"),
        ask("/now", "Upgrade: websocket", "Connection: upgrade"),
        ask("/now", "Content-Length: 2") + b"ab",
    ],
    ids=["close", "1.0", "upgrade", "body"],
)
async def test_what_is_not_ordinary_goes_the_long_way(mixed: tuple[Mixed, int, Server], request_bytes: bytes):
    _, port, _ = mixed
    assert await said(port, request_bytes) == [("/now", "later")]


@pytest.mark.parametrize("fault", [ask("/now/" + "a" * 1100), ask("/now", "X: " + "a" * 5000), ask("/now").replace(b"GET", b"TRACE")])
async def test_what_is_at_fault_is_refused(mixed: tuple[Mixed, int, Server], fault: bytes):
    made, port, _ = mixed
    assert await said(port, fault) == []
    assert made.peers == []


async def test_a_connection_goes_on_after_both_ways(mixed: tuple[Mixed, int, Server]):
    _, port, _ = mixed
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for path, way in [("/now/1", b"at once"), ("/later", b"later"), ("/now/2", b"at once")]:
        writer.write(ask(path))
        assert way in await reader.readuntil(b"\r\n\r\n")
    assert await asyncio.wait_for(reader.read(), 10) == b""  # keepalive has passed since the last one
    writer.close()


async def test_answers_do_not_pile_up_for_a_client_that_takes_none(mixed: tuple[Mixed, int, Server]):
    """Each asked after the last one was answered, so that nothing but the client's slowness keeps one from being answered at once."""
    made, port, server = mixed
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(1000):
        made.heard.clear()
        writer.write(ask("/now/large"))
        await made.heard.wait()
        if made.started.is_set():
            break
    assert made.started.is_set(), "the handler waits for the client"
    [connection] = server.connections
    assert connection.transport is not None
    assert connection.transport.get_write_buffer_size() < 4 * len(LARGE)
    writer.transport.abort()


async def test_a_server_that_goes_says_so_with_its_last_answer(mixed: tuple[Mixed, int, Server]):
    made, port, server = mixed
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(ask("/held"))
    await made.started.wait()
    draining = asyncio.ensure_future(server.drain(5.0))
    await asyncio.sleep(0)
    made.held.set()
    assert b"Connection: close" in await reader.readuntil(b"\r\n\r\n")
    assert await draining
    writer.close()


async def test_both_ways_say_the_same(start_gateway: Callable[..., Gateway], redis_server: Redis):
    """A check whose session is at hand, asked on a connection that stays and on one that ends, which is never answered at once."""
    gateway = start_gateway(
        {
            "server": {"trusted_proxies": ["127.0.0.1"]},
            "session": {"store": redis_server.url, "key_prefix": "at-once:"},
            "routes": [{"name": "app", "host": "localhost", "path": "/", "access": "login"}],
        }
    )
    gateway.add_user("ann@example.com")
    async with Browser(gateway.url) as browser:
        page = await browser.get("/_auth/login")
        await browser.submit(page.form, email="ann@example.com", password=PASSWORD)
        cookie = browser.cookies.header(browser.url) or ""
    relayed = {"X-Forwarded-Method": "GET", "X-Forwarded-Proto": "http", "X-Forwarded-Host": f"localhost:{gateway.port}", "X-Forwarded-Uri": "/"}

    def check(dialect: str, connection: str) -> list[tuple[str, str]]:
        client = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
        client.request(
            "GET", f"/_auth/check/{dialect}", headers={**relayed, "Host": "localhost", "Cookie": f"a=1; {cookie}", "Connection": connection}
        )
        answer = client.getresponse()
        client.close()
        assert answer.status == 200
        return [(name, value) for name, value in answer.getheaders() if name not in ("Connection", "Date", "X-Request-Id")]

    for dialect in ("traefik", "caddy", "envoy/page"):
        check(dialect, "keep-alive")  # whatever was due is done
        assert check(dialect, "keep-alive") == check(dialect, "close")
