"""What is said at start about a Redis that may lose sessions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from gateway.stores import StoreAway
from gateway.stores.redis import UnsupportedServer, check_server, open_redis
from gateway.stores.redis.connect import Client
from tests.servers import Redis, free_port, wait_until


@pytest.fixture
async def connect() -> AsyncIterator[Callable[..., Client]]:
    opened: list[Client] = []

    def make(url: str, password: str | None = None) -> Client:
        opened.append(open_redis(url, password))
        return opened[-1]

    yield make
    for client in opened:
        await client.aclose()


async def test_nothing_to_say_about_a_server_that_keeps_sessions(connect: Callable[..., Client]) -> None:
    with Redis(options=["--appendonly", "yes"]) as server:
        assert await check_server(connect(server.url)) == []


async def test_a_server_that_forgets_and_evicts(connect: Callable[..., Client], redis_url: str) -> None:
    (warning,) = await check_server(connect(redis_url))
    assert "appendonly" in warning
    with Redis() as server:
        client = connect(server.url)
        await client.execute_command("CONFIG SET", "maxmemory-policy", "allkeys-lru")
        warnings = await check_server(client)
    assert any("allkeys-lru" in warning and "noeviction" in warning for warning in warnings)


async def test_a_user_that_may_not_ask(connect: Callable[..., Client]) -> None:
    with Redis(acl=["user app on >pw ~gw:* -@all +ping +get"]) as server:
        warnings = await check_server(connect(f"redis://app@127.0.0.1:{server.port}/0", "pw"))
    assert len(warnings) == 2
    assert "INFO" in warnings[0]
    assert "CONFIG GET" in warnings[1]


async def test_replicas_are_named(connect: Callable[..., Client], own_redis: Redis) -> None:
    with Redis(replica_of=own_redis) as replica:
        assert any("is a replica" in warning for warning in await check_server(connect(replica.url)))
        wait_until(lambda: "Synchronization with replica" in own_redis.log() or "finished with success" in replica.log(), "the replica's copy")
        client = connect(own_redis.url)
        while not (await client.execute_command("ROLE"))[2]:  # noqa: ASYNC110 - another process's state can only be polled
            await asyncio.sleep(0)
        assert any("has replicas (1)" in warning for warning in await check_server(client))


async def test_an_outage_is_away_and_no_warning(connect: Callable[..., Client]) -> None:
    with pytest.raises(StoreAway):
        await check_server(connect(f"redis://127.0.0.1:{free_port()}/0"))


@pytest.mark.parametrize(("version", "supported"), [(b"6.0.16", False), (b"5.0.7", False), (b"6.2.0", True), (b"7.0.15", True), (b"8.2", True)])
async def test_an_old_server_is_refused(connect: Callable[..., Client], version: bytes, supported: bool) -> None:
    """A server that knows PING and INFO only."""
    info = b"# Server\r\nredis_version:" + version + b"\r\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await reader.read(1000):
            if b"PING" in request:
                writer.write(b"+PONG\r\n")
            elif b"INFO" in request:
                writer.write(b"$%d\r\n%s\r\n" % (len(info), info))
            else:
                writer.write(b"-ERR unknown command\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        client = connect(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0")
        if supported:
            await check_server(client)
        else:
            with pytest.raises(UnsupportedServer, match=r"6\.2"):
                await check_server(client)
        await client.aclose()
