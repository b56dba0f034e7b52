"""Client tracking as a dialogue: with a scripted peer where the order of words matters, with a real Redis where its doing does."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest

from gateway.services.copies import Copies
from gateway.services.records import Records
from gateway.stores.redis.connect import open_redis, tracking_connections
from gateway.stores.redis.sessions import RedisSessionStore
from gateway.stores.redis.tracking import Tracking
from tests.samples import sample_snapshot
from tests.servers import Redis

#: Far longer than any test: where it ends, the test has moved the clock.
LEASE = 100.0


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Peer:
    """A Redis of few words. It answers PINGs when it is told to, and pushes what it is told to."""

    def __init__(self, *, canary: bool = True, hello: bytes = b"%1\r\n+proto\r\n:3\r\n") -> None:
        self.canary = canary
        self.hello = hello
        self.commands: list[list[bytes]] = []
        self.pings: asyncio.Queue[None] = asyncio.Queue()
        self.connections = 0
        self._conversations: set[asyncio.Task[None] | None] = set()
        self._writer: asyncio.StreamWriter | None = None
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Peer:
        self._server = await asyncio.start_server(self._converse, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.hang_up()
        await self._server.wait_closed()
        await asyncio.gather(*(task for task in self._conversations if task is not None))

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/0"

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._conversations.add(asyncio.current_task())
        self._writer = writer
        try:
            while head := await reader.readline():
                words = []
                for _ in range(int(head[1:])):
                    length = int((await reader.readline())[1:])
                    words.append((await reader.readexactly(length + 2))[:-2])
                self.commands.append(words)
                self._answer(words)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _answer(self, words: list[bytes]) -> None:
        match words[0]:
            case b"HELLO":
                self.say(self.hello)
            case b"PING":
                self.pings.put_nowait(None)
            case b"SET":
                self.say(b"+OK\r\n")
                if self.canary:
                    self.push(words[1])
            case _:
                self.say(b"+OK\r\n")

    def say(self, words: bytes) -> None:
        assert self._writer is not None
        self._writer.write(words)

    def push(self, *keys: bytes) -> None:
        self.say(b">2\r\n$10\r\ninvalidate\r\n*%d\r\n" % len(keys) + b"".join(b"$%d\r\n%s\r\n" % (len(key), key) for key in keys))

    async def pong(self) -> None:
        """Answer the next PING, when it has come."""
        await self.pings.get()
        self.say(b"+PONG\r\n")

    def hang_up(self) -> None:
        if self._writer is not None:
            self._writer.close()


@asynccontextmanager
async def running(tracking: Tracking) -> AsyncIterator[None]:
    task = asyncio.ensure_future(tracking.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - another connection's doing
            await asyncio.sleep(0.002)


class Dialogue:
    """A peer, tracking to it, and all that it said."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.clock = Clock()
        self.changes: list[Sequence[str] | None] = []
        self.tracking = Tracking(tracking_connections(peer.url), "gw:s:", LEASE, self.changes.append, self.clock)

    async def good(self) -> None:
        """One PING was answered."""
        await self.peer.pong()
        await until(lambda: self.tracking.good)
        self.changes.clear()


@pytest.fixture
async def dialogue() -> AsyncIterator[Dialogue]:
    async with Peer() as peer:
        dialogue = Dialogue(peer)
        async with running(dialogue.tracking):
            yield dialogue


async def test_it_is_good_after_hello_canary_and_pong_and_not_before(dialogue: Dialogue) -> None:
    await dialogue.peer.pings.get()
    first, second = dialogue.peer.commands[:2]
    assert (first, second) == ([b"HELLO", b"3"], [b"CLIENT", b"TRACKING", b"ON", b"BCAST", b"PREFIX", b"gw:s:"])
    assert not dialogue.tracking.good
    dialogue.peer.say(b"+PONG\r\n")
    await until(lambda: dialogue.tracking.good)


async def test_the_lease_counts_from_sending_the_ping(dialogue: Dialogue) -> None:
    await dialogue.peer.pings.get()
    dialogue.clock.now += 0.6 * LEASE
    dialogue.peer.say(b"+PONG\r\n")
    await until(lambda: dialogue.tracking.good)
    dialogue.clock.now += 0.39 * LEASE
    assert dialogue.tracking.good
    dialogue.clock.now += 0.02 * LEASE
    assert not dialogue.tracking.good


async def test_pushes_extend_nothing(dialogue: Dialogue) -> None:
    await dialogue.good()
    dialogue.clock.now += 0.99 * LEASE
    dialogue.peer.push(b"gw:s:1")
    await until(lambda: ["gw:s:1"] in dialogue.changes)
    assert dialogue.tracking.good
    dialogue.clock.now += 0.02 * LEASE
    assert not dialogue.tracking.good


async def test_an_answer_that_comes_too_late_is_a_loss(dialogue: Dialogue) -> None:
    await dialogue.peer.pings.get()
    await until(lambda: bool(dialogue.changes))
    dialogue.changes.clear()
    dialogue.clock.now += 1.01 * LEASE
    dialogue.peer.say(b"+PONG\r\n")
    await until(lambda: dialogue.changes == [None])
    assert not dialogue.tracking.good


async def test_several_keys_and_the_whole_of_it(dialogue: Dialogue) -> None:
    await dialogue.good()
    dialogue.peer.push(b"gw:s:1", b"gw:s:2", b"\xff")
    dialogue.peer.say(b">2\r\n$10\r\ninvalidate\r\n_\r\n")
    await until(lambda: len(dialogue.changes) == 2)
    assert dialogue.changes == [["gw:s:1", "gw:s:2", "\udcff"], None]


@pytest.mark.parametrize(
    "words", [b"!7\r\nnothing\r\n", b"-ERR what\r\n", b"\x00\r\n", b">2\r\n$10\r\ninvalidate\r\n:1\r\n", b">1\r\n$10\r\ninvalidate\r\n"]
)
async def test_what_is_not_understood_is_a_loss(words: bytes) -> None:
    async with Peer() as peer:
        dialogue = Dialogue(peer)
        async with running(dialogue.tracking):
            await dialogue.good()
            peer.say(words)
            await until(lambda: peer.connections == 2)
            assert dialogue.changes[0] is None
            assert not dialogue.tracking.good


async def test_a_lost_connection_is_a_loss_and_another_one_has_to_prove_itself(dialogue: Dialogue) -> None:
    await dialogue.good()
    dialogue.peer.canary = False
    dialogue.peer.hang_up()
    await until(lambda: dialogue.peer.connections == 2)
    assert dialogue.changes == [None]
    assert not dialogue.tracking.good
    await until(lambda: [words[0] for words in dialogue.peer.commands].count(b"SET") == 2)
    assert not dialogue.tracking.good
    dialogue.peer.push(dialogue.peer.commands[-1][1])
    await dialogue.good()


async def test_no_ping_opens_a_connection_that_tracks_nothing(dialogue: Dialogue) -> None:
    """redis-py would connect anew, log in, and get its PONGs there."""
    connection = tracking_connections(dialogue.peer.url)()
    with pytest.raises(ConnectionError):
        await dialogue.tracking._ping(connection, deque())


async def refused(tracking: Tracking, caplog: pytest.LogCaptureFixture) -> str:
    """What was said of it, once."""
    with caplog.at_level(logging.INFO, "gateway.tracking"):
        async with running(tracking):
            await until(lambda: tracking.refused is not None)
            assert not tracking.good
    warned = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warned) == 1
    return warned[0].getMessage()


async def test_a_peer_that_pushes_nothing_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    async with Peer(canary=False) as peer:
        assert "pushes nothing" in await refused(Dialogue(peer).tracking, caplog)


@pytest.mark.parametrize("hello", [b"-ERR unknown command 'HELLO', with args beginning with: '3' secret\r\n", b"-NOPROTO unsupported\r\n"])
async def test_a_peer_without_resp3_is_refused(hello: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with Peer(hello=hello) as peer:
        said = await refused(Dialogue(peer).tracking, caplog)
        assert "RESP3" in said
        assert "secret" not in said


async def test_redis_spoken_to_in_resp2_is_refused(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """Everything is answered with OK there, and nothing ever pushed."""
    client = open_redis(redis_url)
    tracking = Tracking(client.connection_pool.make_connection, "gw:s:", LEASE, lambda keys: None, Clock())
    assert "pushes nothing" in await refused(tracking, caplog)
    await client.aclose()


async def test_a_user_without_client_is_refused_and_asked_again_in_silence(caplog: pytest.LogCaptureFixture) -> None:
    with Redis(acl=["user app on >secret ~gw:* resetchannels +@all -client"]) as server:
        tracking = Tracking(tracking_connections(f"redis://app@127.0.0.1:{server.port}/0", "secret"), "gw:s:", LEASE, lambda keys: None, Clock())
        assert "CLIENT" in await refused(tracking, caplog)
        client = open_redis(server.url)

        async def asked() -> int:
            stats: bytes = await client.execute_command("INFO", "commandstats")
            counted = re.search(rb"^cmdstat_client\|tracking:.*rejected_calls=(\d+)", stats, re.MULTILINE)
            assert counted
            return int(counted[1])

        assert await asked() == 1
        async with running(tracking):
            while await asked() == 1:  # noqa: ASYNC110 - another connection's doing
                await asyncio.sleep(0.01)
        await client.aclose()
        assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 1


async def test_a_user_who_may_do_no_more_than_docs_say() -> None:
    with Redis(acl=["user app on >secret resetkeys ~gw:* resetchannels -@all +client|tracking +set +ping"]) as server:
        tracking = Tracking(tracking_connections(f"redis://app@127.0.0.1:{server.port}/0", "secret"), "gw:s:", LEASE, lambda keys: None, Clock())
        async with running(tracking):
            await until(lambda: tracking.good)


async def test_a_redis_that_is_away_is_lost_and_not_refused(own_redis: Redis, caplog: pytest.LogCaptureFixture) -> None:
    own_redis.stop()
    tracking = Tracking(tracking_connections(own_redis.url), "gw:s:", 0.5, lambda keys: None, time.monotonic)
    with caplog.at_level(logging.INFO, "gateway.tracking"):
        async with running(tracking):
            own_redis.start()
            await until(lambda: tracking.good)
            own_redis.stop()
            await until(lambda: not tracking.good)
            own_redis.start()
            await until(lambda: tracking.good)
    assert tracking.refused is None
    assert [record.levelname for record in caplog.records] == ["INFO"] * 3, "on, lost, on: no line for each attempt"


async def test_expiry_eviction_and_other_databases_are_told(own_redis: Redis) -> None:
    heard: list[str] = []
    tracking = Tracking(tracking_connections(own_redis.url), "gw:s:", 0.5, lambda keys: heard.extend(keys or ()), time.monotonic)
    async with running(tracking), AsyncExitStack() as stack:
        await until(lambda: tracking.good)
        client = open_redis(own_redis.url)
        elsewhere = open_redis(own_redis.url_of(7))
        for one in (client, elsewhere):
            stack.push_async_callback(one.aclose)
        await client.execute_command("SET", "gw:s:expires", "1", "PX", 1)
        while await client.execute_command("EXISTS", "gw:s:expires"):
            pass
        await until(lambda: heard.count("gw:s:expires") == 2)
        await elsewhere.execute_command("SET", "gw:s:elsewhere", "1")
        await until(lambda: "gw:s:elsewhere" in heard)
        await client.execute_command("SET", "other", "1")
        await client.execute_command("SET", "gw:u:other", "1")
        await client.execute_command("SET", "gw:s:last", "1")
        await until(lambda: "gw:s:last" in heard)
    assert not {"other", "gw:u:other"} & set(heard)


async def test_the_canary_is_no_session(own_redis: Redis) -> None:
    tracking = Tracking(tracking_connections(own_redis.url), "gw:s:", 0.5, lambda keys: None, time.monotonic)
    client = open_redis(own_redis.url)
    await client.execute_command("SET", "gw:s:canary:of another process", "")
    records = Records(RedisSessionStore(client), "gw:", Copies("gw:s:"))
    async with running(tracking):
        await until(lambda: tracking.good)
        assert [found async for found in records.everything(sample_snapshot(), 0.0)] == []
        assert await client.execute_command("KEYS", "gw:s:*")
    await client.aclose()
