"""A connection to an upstream and whoever takes its answers, on a pair of sockets."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Sequence

import pytest

from gateway.web.proxy.answers import AnswerReader, Piece
from gateway.web.proxy.connection import Connection
from gateway.web.proxy.faults import Broken, ProxyFault

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"


class Noting:
    """Takes an answer and notes it; `mistake` is raised on the way."""

    def __init__(self, mistake: Exception | None = None) -> None:
        self.mistake = mistake
        self.heard: list[object] = []
        self.begun = asyncio.Event()
        self.over = asyncio.Event()

    def answered(self, reader: AnswerReader) -> None:
        if self.mistake is not None:
            raise self.mistake
        self.heard.append("head")
        self.begun.set()
        if reader.complete:
            self.over.set()

    def take(self, pieces: Sequence[Piece], *, complete: bool) -> None:
        self.heard += map(bytes, pieces)
        if complete:
            self.over.set()

    def fail(self, fault: ProxyFault) -> None:
        self.heard.append(fault)
        self.over.set()


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Connection, socket.socket]]:
    ours, theirs = socket.socketpair()
    loop = asyncio.get_running_loop()
    connection = Connection(loop, lambda _: None)
    await loop.create_connection(lambda: connection, sock=ours)
    yield connection, theirs
    connection.transport.abort()
    theirs.close()
    await asyncio.sleep(0)


async def test_the_head_and_then_the_pieces_are_pushed(pair: tuple[Connection, socket.socket]) -> None:
    connection, upstream = pair
    sink = Noting()
    connection.ask(b"GET / HTTP/1.1\r\n\r\n", sink, 5)
    upstream.sendall(ANSWER)
    await sink.begun.wait()
    upstream.sendall(b"abc")
    await sink.over.wait()
    assert sink.heard == ["head", b"abc"]


async def test_a_mistake_of_who_takes_the_answer_leaves_nobody_waiting(
    pair: tuple[Connection, socket.socket], caplog: pytest.LogCaptureFixture
) -> None:
    """Events of a transport have no caller that could hear of it."""
    connection, upstream = pair
    sink = Noting(ZeroDivisionError())
    connection.ask(b"GET / HTTP/1.1\r\n\r\n", sink, 5)
    with caplog.at_level(logging.ERROR, "gateway.proxy"):
        upstream.sendall(ANSWER)
        await sink.over.wait()
    assert [type(heard) for heard in sink.heard] == [Broken]
    assert "could not be passed on" in caplog.text
    assert not connection.usable


async def test_bytes_that_nobody_asked_for_end_the_connection(pair: tuple[Connection, socket.socket]) -> None:
    connection, upstream = pair
    upstream.sendall(ANSWER)
    assert await asyncio.to_thread(upstream.recv, 1) == b""
    assert isinstance(connection.fault, Broken)
    assert not connection.usable
