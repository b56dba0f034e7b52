"""A stage for the proxy: a real HTTP server in front, the proxy with an admission that is always the same, and an upstream that follows a script.

Everything runs in the test's own event loop, so a script and its test can wait for each other with events instead of time. Requests are written as
bytes.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from aiohttp import web

from gateway.core.answer import Pass
from gateway.core.decide import Allow
from gateway.core.headers import Header
from gateway.core.routes import Route, Timeouts, UpstreamAddress
from gateway.core.urls import Malformed
from gateway.server.serving import Server
from gateway.services.audit import Audit
from gateway.services.gatekeeper import Admission
from gateway.services.introductions import Introduction
from gateway.services.records import Records
from gateway.services.renewal import Renewal
from gateway.services.sessions import Found, Sessions
from gateway.services.watch import Watch
from gateway.snapshot import Live, Snapshot
from gateway.stores.memory.sessions import MemorySessionStore
from gateway.web.exchange import Exchange
from gateway.web.pages.problems import Problems
from gateway.web.proxy.handler import Proxy
from gateway.web.proxy.pool import Pool, Upstreams
from gateway.web.request import read_facts
from tests.samples import PUBLIC, SettableClock, sample_route, sample_snapshot
from tests.upstreams import Head, read_head

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

IDENTITY: list[Header] = [(b"X-User-Id", b"0190a000-0000-7000-8000-000000000001"), (b"X-User-Email", b"ann@example.com")]
REQUEST_ID = "00000000000000000000000000000abc"


@dataclass
class Answer:
    """An answer as it came; `rest` is what followed it on the connection when it ended."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes = b""

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name: str) -> str | None:
        values = self.all(name)
        assert len(values) < 2, f"{name} came {len(values)} times"
        return values[0] if values else None


class Client:
    """One connection to the front."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, *lines: str, body: bytes = b"") -> None:
        """A request's head of these lines (a Host is added), and its body."""
        first, *rest = lines
        if not any(line.lower().startswith("host:") for line in rest):
            rest.insert(0, "Host: wiki.example.com")
        self.writer.write("\r\n".join([first, *rest, "", ""]).encode("latin-1") + body)
        await self.writer.drain()

    async def head(self) -> Answer:
        """The head of the next answer."""
        raw = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = raw[:-4].decode("latin-1").split("\r\n")
        version, status, reason = first.split(" ", 2)
        assert version in ("HTTP/1.1", "HTTP/1.0")
        return Answer(int(status), reason, [(name, value.strip(" ")) for name, _, value in (line.partition(":") for line in lines)])

    async def answer(self, method: str = "GET") -> Answer:
        """The next answer, whole. Raises IncompleteReadError where it breaks off."""
        answer = await self.head()
        if method == "HEAD" or answer.status in (204, 304):
            return answer
        length = answer.get("content-length")
        if length is not None:
            answer.body = await self.reader.readexactly(int(length))
        elif answer.get("transfer-encoding") == "chunked":
            answer.body = b"".join([chunk async for chunk in self.chunks()])
        else:
            answer.body = await self.reader.read()
        return answer

    async def chunks(self) -> Any:
        """Chunks one by one, the last one excluded."""
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            yield await self.reader.readexactly(size)
            assert await self.reader.readexactly(2) == b"\r\n"
        assert await self.reader.readexactly(2) == b"\r\n"

    async def ask(self, *lines: str, body: bytes = b"") -> Answer:
        """Send a request, get its answer."""
        await self.send(*lines, body=body)
        return await self.answer(lines[0].partition(" ")[0])

    def pause(self) -> None:
        """Take nothing more from the network."""
        cast(asyncio.Transport, self.writer.transport).pause_reading()

    def resume(self) -> None:
        cast(asyncio.Transport, self.writer.transport).resume_reading()

    def abort(self) -> None:
        self.writer.transport.abort()


class NotingSessions(Sessions):
    """Keeps whose use was noted."""

    used: list[str]

    def use(self, snapshot: Snapshot, member: str) -> None:
        self.used.append(member)
        super().use(snapshot, member)


@dataclass
class Stage:
    """What `open_stage` made. `seen` are the exchanges, complete or not."""

    snapshot: Snapshot
    route: Route
    proxy: Proxy
    upstreams: Upstreams
    sessions: NotingSessions
    store: MemorySessionStore
    watch: Watch
    clock: SettableClock
    stack: AsyncExitStack
    found: Found | None = None
    set_cookie: str | None = None
    identity: list[Header] = field(default_factory=lambda: list(IDENTITY))
    passed: list[Exchange] = field(default_factory=list)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0

    @property
    def pool(self) -> Pool:
        """The one route's upstream's."""
        assert self.route.upstream is not None
        return self.upstreams.pool(self.route.upstream, self.route.tls)

    async def client(self) -> Client:
        """A new connection to the front."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
        client = Client(reader, writer)
        self.stack.callback(client.abort)
        return client

    async def ask(self, *lines: str, body: bytes = b"") -> Answer:
        """A request on a connection of its own."""
        return await (await self.client()).ask(*lines, body=body)

    async def front(self, request: web.BaseRequest) -> web.StreamResponse:
        exchange = Exchange(REQUEST_ID, time.monotonic(), request.remote)
        self.passed.append(exchange)
        try:
            facts = read_facts(request.method, request._message.path, request.raw_headers, exchange.peer, request.scheme, self.snapshot)
        except Malformed:
            return web.Response(status=400)
        route = self.snapshot.routes.find(facts.host, facts.path)
        assert route is not None
        exchange.facts, exchange.route = facts, route.name
        introduction = Introduction(tuple(self.identity), b"".join(b"%b: %b\r\n" % header for header in self.identity))
        cookie = None if facts.passive else self.set_cookie
        admission = Admission(facts, Allow(None, PUBLIC), Pass(), route, self.found, introduction, cookie)
        try:
            response = await self.proxy.handle(request, admission, self.snapshot, exchange)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        exchange.status = response.status
        return response


async def asked(reader: asyncio.StreamReader) -> Head:
    """The next request's head, where there must be one."""
    head = await read_head(reader)
    if head is None:
        raise ConnectionResetError("the gateway left")
    return head


async def settle() -> None:
    """Let connections that were closed end: their ends are callbacks of the loop."""
    for _ in range(5):
        await asyncio.sleep(0)


async def listen(stack: AsyncExitStack, script: Script, *, unix_path: Path | None = None, tls: ssl.SSLContext | None = None) -> UpstreamAddress:
    """An upstream that follows `script` on every connection, until the stack ends."""
    tasks: set[asyncio.Task[None]] = set()
    writers: list[asyncio.StreamWriter] = []
    failures: list[BaseException] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        writers.append(writer)
        try:
            await script(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the gateway left, or the test is over
        except BaseException as error:
            failures.append(error)
        finally:
            tasks.discard(task)
            writer.close()

    async def stop() -> None:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in writers:
            if tls is None and writer.transport.get_write_buffer_size():
                writer.transport.abort()  # nobody reads what is still to be written
        await settle()
        if failures:
            raise failures[0]

    if unix_path is not None:
        server = await asyncio.start_unix_server(serve, unix_path, limit=2**20)
        address = UpstreamAddress("http", "localhost", 80, str(unix_path))
    else:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls, limit=2**20)
        port = server.sockets[0].getsockname()[1]
        address = UpstreamAddress("http" if tls is None else "https", "127.0.0.1", port)
    stack.push_async_callback(stop)
    return address


async def open_stage(stack: AsyncExitStack, address: UpstreamAddress, *, idle_limit: float = 60.0, limits: Any = None, **changes: Any) -> Stage:
    """A front on a free port whose one route leads to `address`; `changes` are the route's."""
    changes.setdefault("timeouts", Timeouts(5.0, 5.0, 5.0))
    route = sample_route(upstream=address, **changes)
    snapshot = sample_snapshot(route)
    if limits is not None:
        snapshot = replace(snapshot, limits=limits)
    clock = SettableClock()
    store = MemorySessionStore(clock)
    records = Records(store, "gw:")
    sessions = NotingSessions(records, Renewal(records, clock, gathered=0), Audit(lambda line: None, clock), clock)
    sessions.used = []
    live = Live(snapshot)
    watch = Watch(sessions, live)
    upstreams = Upstreams(idle_limit=idle_limit)
    proxy = Proxy(upstreams, watch, Problems())
    stage = Stage(snapshot, route, proxy, upstreams, sessions, store, watch, clock, stack)
    server = Server(stage.front, lambda request, status: web.Response(status=status), live, lambda: None)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    stage.port = listener.sockets[0].getsockname()[1]

    async def stop() -> None:
        listener.close()
        proxy.close_tunnels()
        await server.shutdown(1.0)
        upstreams.close()
        await settle()

    stack.push_async_callback(stop)
    return stage
