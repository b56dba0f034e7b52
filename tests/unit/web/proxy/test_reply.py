"""An answer on its way to a client that takes it or does not, from a connection on a pair of sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from aiohttp import web

from gateway.web.exchange import Exchange
from gateway.web.proxy.answers import AnswerReader, Piece
from gateway.web.proxy.connection import Connection
from gateway.web.proxy.faults import AnswerTimeout, Broken, ClientGone, ProxyFault
from gateway.web.proxy.reply import Reply

EVENTS = float("inf")


class Client:
    """All that a reply asks of a request: `taking` is whether the client takes its answer."""

    def __init__(self) -> None:
        self.protocol = self.transport = self.writer = self
        self.version = (1, 1)
        self.taking = asyncio.Event()
        self.taking.set()
        self.got = b""
        self.held = asyncio.Event()

    @property
    def writing_paused(self) -> bool:
        return not self.taking.is_set()

    def is_closing(self) -> bool:
        return False

    def write(self, data: bytes) -> None:
        self.got += data

    def writelines(self, pieces: Sequence[Piece]) -> None:
        self.got += b"".join(pieces)

    async def drain(self) -> None:
        self.held.set()
        await self.taking.wait()

    def get_extra_info(self, name: str) -> Any:
        return None

    def abort(self) -> None:
        pass


class Passing(Reply):
    """Passes on what comes in chunks; `idle` seconds may pass between two pieces."""

    def __init__(self, client: Client, idle: float = 5.0) -> None:
        super().__init__(cast(web.BaseRequest, client), Exchange("0" * 32, 0.0, None))
        self.idle = idle
        self.begun = asyncio.Event()
        self.more = asyncio.Event()

    def take(self, pieces: Sequence[Piece], *, complete: bool) -> None:
        super().take(pieces, complete=complete)
        self.more.set()

    def answered(self, reader: AnswerReader) -> None:
        pieces, reader.pieces = reader.pieces, []
        self.begin(self.frame(None, bodyless=False) + b"\r\n", pieces, complete=reader.complete)
        if not self._complete and self._source is not None:
            self._source.expect_pieces(self.idle)
        self.begun.set()
        self.taken()


class Waiting:
    """Hears of nothing but a fault."""

    def __init__(self) -> None:
        self.failed = asyncio.Event()

    def answered(self, reader: AnswerReader) -> None:
        raise AssertionError

    def take(self, pieces: Sequence[Piece], *, complete: bool) -> None:
        raise AssertionError

    def fail(self, fault: ProxyFault) -> None:
        assert isinstance(fault, AnswerTimeout)
        self.failed.set()


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[Connection, socket.socket]]:
    ours, theirs = socket.socketpair()
    loop = asyncio.get_running_loop()
    connection = Connection(loop, lambda _: None)
    await loop.create_connection(lambda: connection, sock=ours)
    try:
        yield connection, theirs
    finally:
        connection.transport.abort()
        theirs.close()
        await asyncio.sleep(0)


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Connection, socket.socket]]:
    async with connected() as both:
        yield both


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


async def test_nothing_is_written_behind_an_answer_that_is_complete(pair: tuple[Connection, socket.socket]) -> None:
    """What a faulty upstream sends behind its last chunk would end the client's answer a second time, and be read as the next one."""
    connection, upstream = pair
    client = Client()
    reply = Passing(client)
    connection.ask(b"GET / HTTP/1.1\r\n\r\n", reply, 5)
    upstream.sendall(CHUNKED + b"1\r\na\r\n0\r\n\r\n")
    await reply.word(connection)
    assert reply.settled
    whole = client.got
    assert whole.endswith(b"1\r\na\r\n0\r\n\r\n")
    upstream.sendall(b"0\r\n\r\n")
    await reply.more.wait()
    assert client.got == whole


async def test_a_word_that_came_before_it_was_waited_for_is_noticed(pair: tuple[Connection, socket.socket]) -> None:
    """Both of them: the whole answer, and a fault. Nothing would wake whoever waits."""
    connection, upstream = pair
    reply = Passing(Client())
    connection.ask(b"GET / HTTP/1.1\r\n\r\n", reply, 5)
    upstream.sendall(CHUNKED + b"0\r\n\r\n")
    await reply.begun.wait()
    assert reply.word(connection).done()
    connection.rest(5)
    broken = Passing(Client())
    connection.ask(b"GET / HTTP/1.1\r\n\r\n", broken, 5)
    connection.abandon(Broken("gone"))
    assert broken.word(connection).done()
    with pytest.raises(Broken):
        await broken.finish(5)


@pytest.mark.parametrize(("idle", "goes_on"), [(EVENTS, True), (0.05, False)])
async def test_only_events_may_be_silent_after_their_client_was_slow(pair: tuple[Connection, socket.socket], idle: float, goes_on: bool) -> None:
    connection, upstream = pair
    client = Client()
    reply = Passing(client, idle)
    connection.ask(b"GET / HTTP/1.1\r\n\r\n", reply, 5)
    word = reply.word(connection)
    upstream.sendall(CHUNKED)
    await reply.begun.wait()
    client.taking.clear()
    upstream.sendall(b"1\r\na\r\n")
    await word
    finishing = asyncio.ensure_future(reply.finish(0.05))
    await client.held.wait()
    client.taking.set()
    async with connected() as (other, _):
        clock = Waiting()
        other.ask(b"GET / HTTP/1.1\r\n\r\n", clock, 0.1)
        await clock.failed.wait()  # twice what other bodies have
    if goes_on:
        upstream.sendall(b"0\r\n\r\n")
        await finishing
        assert client.got.endswith(b"1\r\na\r\n0\r\n\r\n")
    else:
        with pytest.raises(AnswerTimeout):
            await finishing


async def test_a_client_that_takes_nothing_is_given_up(pair: tuple[Connection, socket.socket]) -> None:
    connection, upstream = pair
    client = Client()
    reply = Passing(client, EVENTS)
    connection.ask(b"GET / HTTP/1.1\r\n\r\n", reply, 5)
    word = reply.word(connection)
    upstream.sendall(CHUNKED)
    await reply.begun.wait()
    client.taking.clear()
    upstream.sendall(b"1\r\na\r\n")
    await word
    with pytest.raises(ClientGone):
        await reply.finish(0.01)
