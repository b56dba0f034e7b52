"""Connections to upstreams: kept, retried, timed, told apart (proxying.md section 5)."""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import replace

import pytest

from gateway.core.routes import RouteTable, Timeouts, UpstreamAddress, UpstreamTls
from tests.functional.proxy.stage import Stage, asked, listen, open_stage
from tests.upstreams import answer, read_body, read_head


async def tell(reader, writer):
    while head := await read_head(reader):
        await read_body(reader, head)
        writer.write(answer("200 OK", head.target.encode()))
        await writer.drain()


def opened(stage: Stage) -> int:
    return stage.pool.opened


async def test_connections_are_kept(play):
    """C1: as many as there are requests at a time."""
    stage = await play(tell)

    async def many(number: int) -> None:
        client = await stage.client()
        for turn in range(50):
            assert (await client.ask(f"GET /{number}/{turn} HTTP/1.1")).body == f"/{number}/{turn}".encode()

    await asyncio.gather(*(many(number) for number in range(8)))
    assert opened(stage) <= 8


@pytest.mark.parametrize(("method", "status", "tried"), [("GET", 200, 3), ("HEAD", 200, 3), ("PUT", 200, 3), ("POST", 502, 2)])
async def test_a_stale_connection(play, method, status, tried):
    """C2: it ends at the moment of reuse. What is safe to repeat is repeated once, the rest is not."""
    heads = []

    async def script(reader, writer):
        heads.append(await asked(reader))
        writer.write(answer("200 OK", b""))
        await writer.drain()
        if len(heads) == 1:
            heads.append(await asked(reader))  # and leaves, having read the second request

    stage = await play(script)
    client = await stage.client()
    assert (await client.ask("GET / HTTP/1.1")).status == 200
    assert (await client.ask(f"{method} / HTTP/1.1")).status == status
    assert len(heads) == tried


async def test_never_twice_with_a_body_or_after_a_byte(play):
    """C2, C3."""
    for request, partial in ((("PUT / HTTP/1.1", "Content-Length: 1"), b""), (("GET / HTTP/1.1",), b"HTTP/1.1 2")):
        count = 0

        async def script(reader, writer, partial=partial):
            nonlocal count
            count += 1
            await read_head(reader)
            writer.write(answer("200 OK", b""))
            head = await asked(reader)
            count += 1
            await read_body(reader, head)
            writer.write(partial)

        stage = await play(script)
        client = await stage.client()
        assert (await client.ask("GET / HTTP/1.1")).status == 200
        assert (await client.ask(*request, body=b"x" if len(request) > 1 else b"")).status == 502
        assert count == 2


async def test_a_fresh_connection_that_ends_is_502(play):
    """C3: only a kept connection can be stale."""
    count = 0

    async def script(reader, writer):
        nonlocal count
        count += 1
        await read_head(reader)

    stage = await play(script)
    assert (await stage.ask("GET / HTTP/1.1")).status == 502
    assert count == 1


async def test_bytes_on_a_resting_connection_end_it(play):
    """C16: they would be the next user's answer."""
    poison, sent = asyncio.Event(), asyncio.Event()

    async def script(reader, writer):
        head = await asked(reader)
        writer.write(answer("200 OK", head.target.encode()))
        await poison.wait()
        writer.write(answer("200 OK", b"POISON"))
        await writer.drain()
        sent.set()
        assert await reader.read() == b""  # nothing more is asked here

    stage = await play(script)
    client = await stage.client()
    assert (await client.ask("GET /1 HTTP/1.1")).body == b"/1"
    poison.set()
    await sent.wait()
    for number in range(2, 5):
        assert (await client.ask(f"GET /{number} HTTP/1.1")).body == f"/{number}".encode()


async def test_resting_connections_do_not_rest_forever(play):
    """C1: the idle limit closes them."""
    ended = asyncio.Event()

    async def script(reader, writer):
        await read_head(reader)
        writer.write(answer())
        assert await reader.read() == b""
        ended.set()

    stage = await play(script, idle_limit=0.05)
    assert (await stage.ask("GET / HTTP/1.1")).status == 200
    await ended.wait()


async def test_refused_is_502(stack):
    """C5, C6: and says nothing about the upstream."""
    stage = await open_stage(stack, UpstreamAddress("http", "127.0.0.1", 1))
    got = await stage.ask("GET / HTTP/1.1", "Accept: application/json")
    assert got.status == 502
    assert b"127.0.0.1" not in got.body
    assert b"bad_gateway" in got.body
    page = await stage.ask("GET / HTTP/1.1", "Accept: text/html")
    assert (page.status, page.get("Content-Type")) == (502, "text/html; charset=utf-8")


async def test_no_such_name_is_502(stack):
    """C5."""
    stage = await open_stage(stack, UpstreamAddress("http", "no-such-name.invalid", 80))
    assert (await stage.ask("POST / HTTP/1.1", "Content-Length: 1", body=b"x")).status == 502


async def test_no_socket_file_is_502(stack, tmp_path):
    stage = await open_stage(stack, UpstreamAddress("http", "localhost", 80, str(tmp_path / "none")))
    assert (await stage.ask("GET / HTTP/1.1")).status == 502


async def test_no_head_in_time_is_504(play):
    """C4, C5: and a drip of interim answers does not buy time."""
    go = asyncio.Event()

    async def silent(reader, writer):
        await go.wait()

    async def dripping(reader, writer):
        while not go.is_set():
            writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            await asyncio.sleep(0.02)

    for script in (silent, dripping):
        stage = await play(script, timeouts=Timeouts(5.0, 0.15, 5.0))
        got = await stage.ask("GET / HTTP/1.1")
        assert got.status == 504
        assert b"upstream_timeout" in got.body
    go.set()


async def test_no_connection_in_time_is_504(stack):
    """C4: a listener that accepts no more."""
    reserve = await asyncio.get_running_loop().run_in_executor(None, _full_listener)
    stack.callback(lambda: [one.close() for one in reserve])
    port = reserve[0].getsockname()[1]
    stage = await open_stage(stack, UpstreamAddress("http", "127.0.0.1", port), timeouts=Timeouts(0.2, 5.0, 5.0))
    assert (await stage.ask("GET / HTTP/1.1")).status == 504


def _full_listener():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    waiting = []
    for _ in range(4):
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex(listener.getsockname())
        waiting.append(one)
    return [listener, *waiting]


async def test_a_unix_socket(play, tmp_path):
    """C8."""
    stage = await play(tell, unix_path=tmp_path / "app.sock", preserve_host=False)
    client = await stage.client()
    for _ in range(3):
        assert (await client.ask("GET /x HTTP/1.1")).body == b"/x"
    assert opened(stage) == 1


async def test_tls_is_verified(stack, authority):
    """C7, CVE-2025-66491: our authority, and the right name; nothing else but an explicit `verify: false` passes."""
    address = await listen(stack, tell, tls=authority.server_context("app.test"))
    cases = [
        (UpstreamTls(), 502),
        (UpstreamTls(ca_file=str(authority.file)), 502),
        (UpstreamTls(server_name="app.test"), 502),
        (UpstreamTls(ca_file=str(authority.file), server_name="app.test"), 200),
        (UpstreamTls(ca_file=str(authority.file) + ".missing"), 502),
        (UpstreamTls(verify=False), 200),
    ]
    for tls, status in cases:
        stage = await open_stage(stack, address, tls=tls)
        client = await stage.client()
        for _ in range(2):
            assert (await client.ask("GET /x HTTP/1.1")).status == status, tls


async def test_one_name_never_gets_anothers_connection(stack, authority):
    """CVE-2026-54275: the same address under another name is another upstream."""
    names: list[str | None] = []
    context = authority.server_context("one.test", "two.test")

    def note(_sock: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        names.append(name)

    context.sni_callback = note
    address = await listen(stack, tell, tls=context)
    stage = await open_stage(stack, address, tls=UpstreamTls(ca_file=str(authority.file), server_name="one.test"))
    one = stage.upstreams.pool(address, UpstreamTls(ca_file=str(authority.file), server_name="one.test"))
    two = stage.upstreams.pool(address, UpstreamTls(ca_file=str(authority.file), server_name="two.test"))
    assert one is not two
    for pool in (one, two):
        connection = await pool.connect(5.0)
        connection.transport.abort()
    assert names == ["one.test", "two.test"]


@pytest.mark.parametrize("scheme", ["Negotiate oRQwEqADCgEAoQsGCSqGSIb3EgECAg==", "NTLM TlRMTVNTUAAB", "ntlm x"])
async def test_credentials_that_bind_a_connection(play, scheme):
    """C15, CVE-2026-88007: no other request may ride on it, whether the client or the upstream brings the scheme up."""
    numbers = []

    async def script(reader, writer):
        number = object()
        while head := await read_head(reader):
            numbers.append(number)
            challenge = [("WWW-Authenticate", scheme)] if head.target == "/challenge" else []
            writer.write(answer("401 Unauthorized" if challenge else "200 OK", b"", *challenge))

    stage = await play(script)
    client = await stage.client()
    await client.ask("GET / HTTP/1.1", f"Authorization: {scheme}")
    await client.ask("GET / HTTP/1.1")
    await client.ask("GET /challenge HTTP/1.1")
    await client.ask("GET / HTTP/1.1")
    assert numbers[0] is not numbers[1]
    assert numbers[1] is numbers[2]
    assert numbers[2] is not numbers[3]


async def test_no_state_between_users(play):
    """C15: an upstream's cookie for one is not sent for another."""
    cookies = []

    async def script(reader, writer):
        while head := await read_head(reader):
            cookies.append(head.get("Cookie"))
            writer.write(answer("200 OK", b"", ("Set-Cookie", "app=ann")))

    stage = await play(script)
    assert (await stage.ask("GET / HTTP/1.1")).get("Set-Cookie") == "app=ann"
    await stage.ask("GET / HTTP/1.1")
    assert cookies == [None, None]


async def test_a_route_that_is_gone_gives_its_connections_back(play):
    """A new configuration: pools that no route uses are closed, requests go to the new route's upstream."""
    ended = asyncio.Event()

    async def script(reader, writer):
        await read_head(reader)
        writer.write(answer("200 OK", b"old"))
        assert await reader.read() == b""
        ended.set()

    async def new(reader, writer):
        while await read_head(reader):
            writer.write(answer("200 OK", b"new"))

    stage = await play(script)
    client = await stage.client()
    assert (await client.ask("GET / HTTP/1.1")).body == b"old"
    route = replace(stage.route, upstream=await listen(stage.stack, new))
    stage.snapshot = replace(stage.snapshot, places=replace(stage.snapshot.places, routes=RouteTable([route])))
    assert (await client.ask("GET / HTTP/1.1")).body == b"new"
    await ended.wait()
