"""Redis away in every way: each call says StoreAway within a second, tells no secret, and works again when Redis is back."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial

import pytest

from gateway.stores import StoreAway
from gateway.stores.redis import RedisSessionStore, RedisThrottleStore, open_redis
from gateway.stores.sessions import Conflict, Gone, Swap, Swapped
from tests.certificates import Authority
from tests.servers import Redis, free_port

SECRET = "s3cret:/@%-ünlikely"
RECORD = b"\x01" + (1).to_bytes(8, "big") + b"sealed"
NEXT = b"\x01" + (2).to_bytes(8, "big") + b"sealed"
REVISION = RECORD[1:9]

Call = Callable[[RedisSessionStore, RedisThrottleStore], Awaitable[object]]


async def _scan(sessions: RedisSessionStore) -> list[str]:
    return [key async for key in sessions.scan("gw:s:")]


CALLS: dict[str, Call] = {
    "get": lambda sessions, _: sessions.get("gw:s:1"),
    "get_many": lambda sessions, _: sessions.get_many(["gw:s:1", "gw:s:2"]),
    "put": lambda sessions, _: sessions.put("gw:s:1", RECORD, 60),
    "swap": lambda sessions, _: sessions.swap("gw:s:1", REVISION, NEXT, 60),
    "swap_many": lambda sessions, _: sessions.swap_many([Swap("gw:s:1", REVISION, NEXT, 60)] * 2),
    "delete": lambda sessions, _: sessions.delete("gw:s:1"),
    "delete_revision": lambda sessions, _: sessions.delete_revision("gw:s:1", REVISION),
    "index_add": lambda sessions, _: sessions.index_add("gw:u:1", "aa", 100.0, 1.0),
    "index_remove": lambda sessions, _: sessions.index_remove("gw:u:1", "aa"),
    "index_members": lambda sessions, _: sessions.index_members("gw:u:1", 1.0),
    "scan": lambda sessions, _: _scan(sessions),
    "ping": lambda sessions, _: sessions.ping(),
    "take": lambda _, throttle: throttle.take("gw:t:1", 3, 60),
    "strike": lambda _, throttle: throttle.strike("gw:t:2", 5, 900, 3600, 1.0),
    "clear": lambda _, throttle: throttle.clear("gw:t:2"),
}


class Stores:
    """Both stores on one client, as the server wires them."""

    def __init__(self, url: str, password: str | None = None, timeout: float = 0.5) -> None:
        self.client = open_redis(url, password, timeout=timeout)
        self.sessions = RedisSessionStore(self.client)
        self.throttle = RedisThrottleStore(self.client)

    async def all_away(self) -> str:
        """Each call says StoreAway within a second; their texts."""
        return "\n".join(await asyncio.gather(*(away(partial(call, self.sessions, self.throttle), name) for name, call in CALLS.items())))

    async def all_work(self) -> None:
        for call in CALLS.values():
            await call(self.sessions, self.throttle)


async def away(call: Callable[[], Awaitable[object]], name: str = "call") -> str:
    """The text of the StoreAway that `call` raises within a second."""
    began = time.monotonic()
    with pytest.raises(StoreAway) as caught:
        await call()
    assert time.monotonic() - began < 1, name
    assert caught.value.__suppress_context__, "what Redis wrote may quote a command"
    return str(caught.value)


async def noticed(*several: Stores) -> None:
    """Let the event loop, which stood still while the server restarted, see that idle connections were closed."""
    for stores in several:
        for connection in stores.client.connection_pool._available_connections:
            while connection.is_connected and not await connection.can_read():  # noqa: ASYNC110 - redis-py has no event for it
                await asyncio.sleep(0)


@pytest.fixture
async def open_stores() -> AsyncIterator[Callable[..., Stores]]:
    opened: list[Stores] = []

    def make(url: str, password: str | None = None, timeout: float = 0.5) -> Stores:
        opened.append(Stores(url, password, timeout))
        return opened[-1]

    yield make
    for stores in opened:
        await stores.sessions.close()


async def test_nobody_listens(open_stores: Callable[..., Stores]) -> None:
    port = free_port()
    text = await open_stores(f"redis://127.0.0.1:{port}/0").all_away()
    assert f"redis://127.0.0.1:{port}/0" in text


async def test_a_host_that_has_no_address(open_stores: Callable[..., Stores]) -> None:
    await away(open_stores("redis://nowhere.invalid:6379/0").sessions.ping)


async def test_a_server_that_accepts_and_says_nothing(open_stores: Callable[..., Stores]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert "in time" in await open_stores(f"redis://127.0.0.1:{listener.getsockname()[1]}/3").all_away()


async def test_a_server_whose_queue_is_full(open_stores: Callable[..., Stores]) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(8)]
        try:
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(address)
            await away(open_stores(f"redis://127.0.0.1:{address[1]}/0").sessions.ping)
        finally:
            for one in waiting:
                one.close()


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"$-5\r\n",
        b"*99999999999999999999\r\n",
        b"\x00\x01\x02",
        b"-ERR unknown command with args beginning with: 'secret'\r\n",
        b"-LOADING Redis is loading the dataset in memory\r\n",
        b"-READONLY You can't write against a read only replica.\r\n",
        b"-MISCONF Redis is configured to save RDB snapshots secret\r\n",
        b"-OOM command not allowed when used memory > 'maxmemory'.\r\n",
        b"-MASTERDOWN Link with MASTER is down\r\n",
        b"-CLUSTERDOWN Hash slot not served\r\n",
        b"-MOVED 3999 127.0.0.1:6381\r\n",
        b"-NOAUTH Authentication required.\r\n",
        b"-WRONGPASS invalid username-password pair or user is disabled.\r\n",
        b"-NOPERM this user has no permissions to run the 'secret' command\r\n",
        b"-BUSY Redis is busy running a script.\r\n",
        b"-ERR max number of clients reached\r\n",
        b"-secret\r\n",
        b"",
    ],
)
async def test_a_server_that_answers_something_else(open_stores: Callable[..., Stores], reply: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(reply)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
        stores = open_stores(url)
        assert "secret" not in await stores.all_away()
        await stores.sessions.close()


async def test_killed_and_back(own_redis: Redis, open_stores: Callable[..., Stores]) -> None:
    stores = open_stores(own_redis.url)
    await stores.all_work()
    own_redis.kill()
    await stores.all_away()
    own_redis.start()
    await stores.all_work()


async def test_killed_under_load_all_say_so_within_a_second(own_redis: Redis, open_stores: Callable[..., Stores]) -> None:
    stores = open_stores(own_redis.url)
    await asyncio.gather(*(stores.sessions.get(f"gw:s:{number}") for number in range(200)))
    own_redis.kill()
    began = time.monotonic()
    outcomes = await asyncio.gather(*(stores.sessions.get(f"gw:s:{number}") for number in range(500)), return_exceptions=True)
    assert time.monotonic() - began < 2
    assert all(isinstance(outcome, StoreAway) for outcome in outcomes)
    own_redis.start()
    assert await asyncio.gather(*(stores.sessions.get(f"gw:s:{number}") for number in range(200))) == [None] * 200


async def test_hanging_and_back(own_redis: Redis, open_stores: Callable[..., Stores]) -> None:
    stores = open_stores(own_redis.url)
    await stores.sessions.put("gw:s:1", RECORD, 60)
    own_redis.pause()
    assert "in time" in await stores.all_away()
    own_redis.resume()
    await stores.all_work()


async def test_hanging_for_many_costs_each_no_more(own_redis: Redis, open_stores: Callable[..., Stores]) -> None:
    """Whoever finds no free connection waits no longer than whoever has one; and no more connections are opened than there are places."""
    stores = open_stores(own_redis.url)
    await stores.sessions.ping()
    own_redis.pause()

    async def timed(number: int) -> float:
        began = time.monotonic()
        with pytest.raises(StoreAway):
            await stores.sessions.get(f"gw:s:{number}")
        return time.monotonic() - began

    assert max(await asyncio.gather(*(timed(number) for number in range(400)))) < 1
    own_redis.resume()
    await stores.all_work()
    assert await stores.client.execute_command("DBSIZE") >= 0
    assert len((await stores.client.execute_command("CLIENT LIST", "TYPE", "normal")).splitlines()) <= 65


async def evaluations(stores: Stores) -> list[bytes]:
    """What the server counted of EVAL."""
    stats: bytes = await stores.client.execute_command("INFO", "commandstats")
    counted = [line for line in stats.splitlines() if line.startswith(b"cmdstat_eval:")]
    assert counted
    return counted


async def test_a_restart_forgets_scripts_and_they_are_sent_again(own_redis: Redis, open_stores: Callable[..., Stores]) -> None:
    stores = open_stores(own_redis.url)
    await stores.all_work()
    own_redis.restart()
    await noticed(stores)
    await stores.sessions.put("gw:s:1", RECORD, 60)
    assert await stores.sessions.swap("gw:s:1", REVISION, NEXT, 60) == Swapped()
    await stores.client.execute_command("SCRIPT FLUSH")
    assert await stores.sessions.swap("gw:s:1", REVISION, NEXT, 60) == Conflict(NEXT)
    await stores.client.execute_command("SCRIPT FLUSH")
    batch = [Swap("gw:s:1", REVISION, NEXT, 60), Swap("gw:s:none", REVISION, NEXT, 60), Swap("gw:s:1", NEXT[1:9], NEXT, 60)]
    assert await stores.sessions.swap_many(batch) == [Conflict(NEXT), Gone(), Swapped()]
    assert await stores.throttle.take("gw:t:1", 1, 60) == 0.0
    sent = await evaluations(stores)
    await stores.sessions.swap("gw:s:1", REVISION, NEXT, 60)
    await stores.sessions.swap_many(batch)
    assert await evaluations(stores) == sent, "what the server has is not sent again"


async def test_each_script_touches_one_key(redis_url: str, open_stores: Callable[..., Stores]) -> None:
    """As the server counts them: no key is reached that was not named, or a cluster would refuse the script."""
    stores = open_stores(redis_url)
    await stores.all_work()
    keys = {key.decode() for key in await stores.client.execute_command("KEYS", "*")}
    assert keys <= {"gw:s:1", "gw:u:1", "gw:t:1", "gw:t:2"}


async def test_full_memory_is_away_and_reading_goes_on(open_stores: Callable[..., Stores]) -> None:
    with Redis(options=["--maxmemory", "900kb"]) as server:
        stores = open_stores(server.url)
        assert "memory" in await away(lambda: stores.sessions.put("gw:s:1", RECORD, 60))
        await away(lambda: stores.throttle.take("gw:t:1", 3, 60))
        assert await stores.sessions.get("gw:s:1") is None


async def test_one_refused_write_of_many_is_away_and_the_others_are_made(redis_url: str, open_stores: Callable[..., Stores]) -> None:
    stores = open_stores(redis_url)
    await stores.client.execute_command("SADD", "gw:s:1", "no record")
    await stores.sessions.put("gw:s:2", RECORD, 60)
    assert "WRONGTYPE" in await away(lambda: stores.sessions.swap_many([Swap(key, REVISION, NEXT, 60) for key in ("gw:s:1", "gw:s:2")]))
    assert await stores.sessions.get("gw:s:2") == NEXT


async def test_a_replica_refuses_writes(own_redis: Redis, open_stores: Callable[..., Stores]) -> None:
    with Redis(replica_of=own_redis) as replica:
        stores = open_stores(replica.url)
        assert "replica" in await away(lambda: stores.sessions.put("gw:s:1", RECORD, 60))
        assert "replica" in await away(lambda: stores.throttle.take("gw:t:1", 3, 60))


@pytest.fixture(scope="module")
def guarded() -> Iterator[Redis]:
    """A Redis with a password, and a user that may touch our prefix only and run what the stores need only."""
    allowed = "+get +set +del +mget +scan +zadd +zrem +zremrangebyscore +zrangebyscore +zrevrange +pttl +pexpire +incr +hmget +hset"
    with Redis(acl=[f"user app on >{SECRET} resetkeys ~gw:* resetchannels -@all {allowed} +evalsha +eval +ping +select"]) as server:
        yield server


async def test_an_acl_user_limited_to_the_prefix(guarded: Redis, open_stores: Callable[..., Stores]) -> None:
    stores = open_stores(f"redis://app@127.0.0.1:{guarded.port}/5", SECRET)
    await stores.all_work()
    await stores.sessions.put("gw:s:1", RECORD, 60)
    assert await stores.sessions.get("gw:s:1") == RECORD
    assert "ACL" in await away(lambda: stores.sessions.get("other:1"))
    assert "ACL" in await away(lambda: stores.client.execute_command("FLUSHALL"))


@pytest.mark.parametrize("password", ["wrong", "", None, SECRET + " "])
async def test_a_wrong_password(guarded: Redis, open_stores: Callable[..., Stores], password: str | None) -> None:
    stores = open_stores(f"redis://app:{'x' if password is None else 'other'}@127.0.0.1:{guarded.port}/0", password)
    text = await stores.all_away()
    assert "password" in text
    assert "wrong" not in text
    assert "app" not in text


async def test_a_password_that_is_missing(open_stores: Callable[..., Stores]) -> None:
    with Redis(password=SECRET) as server:
        assert "password" in await open_stores(f"redis://127.0.0.1:{server.port}/0").all_away()
        await open_stores(f"redis://127.0.0.1:{server.port}/0", SECRET).all_work()


async def test_no_secret_in_any_text(guarded: Redis) -> None:
    for url in (f"redis://app@127.0.0.1:{guarded.port}/0", f"redis://app:{'%73ecretly'}@127.0.0.1:{guarded.port}/0"):
        client = open_redis(url, SECRET)
        await client.execute_command("PING")
        connection = client.connection_pool._available_connections[0]
        for thing in (client, client.connection_pool, connection, vars(client).get("_place")):
            for text in (repr(thing), str(thing)):
                assert SECRET not in text
                assert "ecretly" not in text
        await client.aclose()


async def test_database_numbers_are_apart(own_redis: Redis, open_stores: Callable[..., Stores]) -> None:
    first, second = open_stores(own_redis.url_of(1)), open_stores(own_redis.url_of(2))
    await first.sessions.put("gw:s:1", RECORD, 60)
    assert await second.sessions.get("gw:s:1") is None
    assert await open_stores(f"redis://127.0.0.1:{own_redis.port}?db=1").sessions.get("gw:s:1") == RECORD
    own_redis.restart()  # a connection made anew is in its database again
    await noticed(first, second)
    await second.sessions.put("gw:s:2", RECORD, 60)
    assert await first.sessions.get("gw:s:2") is None


async def test_a_database_that_is_not_there(redis_url: str, open_stores: Callable[..., Stores]) -> None:
    await away(open_stores(redis_url.rpartition("/")[0] + "/4000").sessions.ping)


async def test_a_unix_socket(open_stores: Callable[..., Stores]) -> None:
    with Redis(unix_socket=True) as server:
        stores = open_stores(f"unix://{server.socket}?db=3")
        await stores.all_work()
        await stores.sessions.put("gw:s:1", RECORD, 60)
        assert await open_stores(server.url_of(3)).sessions.get("gw:s:1") == RECORD
        server.pause()
        await stores.all_away()
        server.resume()
        server.stop()
        assert f"unix://{server.socket}" in await stores.all_away()


async def test_tls_with_a_certificate_of_our_authority(authority: Authority, open_stores: Callable[..., Stores]) -> None:
    with Redis(certificate=authority.issue("localhost", "127.0.0.1"), password=SECRET) as server:
        url = f"rediss://127.0.0.1:{server.tls_port}/2?ssl_ca_certs={authority.file}"
        stores = open_stores(url, SECRET)
        await stores.all_work()
        server.pause()
        await stores.all_away()
        server.resume()
        await stores.all_work()
        await away(open_stores(f"rediss://127.0.0.1:{server.tls_port}/2", SECRET).sessions.ping, "an authority that nobody named")
        await away(open_stores(f"rediss://127.0.0.1:{server.port}/2?ssl_ca_certs={authority.file}", SECRET).sessions.ping, "a port without TLS")
        await away(open_stores(f"redis://127.0.0.1:{server.tls_port}/2", SECRET).sessions.ping, "plain words on a TLS port")


async def test_tls_with_a_certificate_for_another_name(authority: Authority, open_stores: Callable[..., Stores]) -> None:
    with Redis(certificate=authority.issue("elsewhere.example.com")) as server:
        stores = open_stores(f"rediss://127.0.0.1:{server.tls_port}/0?ssl_ca_certs={authority.file}")
        assert "certificate" in (await stores.all_away()).lower()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/0",
        "redis+sentinel://127.0.0.1/0",
        "127.0.0.1:6379",
        "redis://:topsecret@127.0.0.1/zero",
        "redis://:topsecret@127.0.0.1/-1",
        "redis://:topsecret@127.0.0.1/0?socket_timeout=600",
        "redis://:topsecret@127.0.0.1/0?retry_on_timeout=1",
        "redis://:topsecret@127.0.0.1/0?password=x",
        "redis://:topsecret@127.0.0.1/0?decode_responses=1",
        "redis://:topsecret@127.0.0.1/0?db=x",
        "redis://:topsecret@127.0.0.1:99999/0",
        "redis://:topsecret@127.0.0.1:port/0",
        "unix://",
    ],
)
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(ValueError) as caught:
        assert open_redis(url) is None
    assert "topsecret" not in str(caught.value)
