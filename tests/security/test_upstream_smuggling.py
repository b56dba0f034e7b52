"""Corpus S mirrored: a malicious upstream (advisories.md; proxying.md C16).

Oracle: the client gets 502 or one clean answer, the connection is thrown away, and the next user gets their own answer from another one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.web.proxy.answers import MOST_FIELDS, AnswerReader
from gateway.web.proxy.faults import Broken
from tests.functional.proxy.stage import listen, open_stage
from tests.upstreams import answer, read_head

OK = b"HTTP/1.1 200 OK\r\n"
NEXT = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

#: What no client may see anything of.
REFUSED = {
    "CL and TE": OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + NEXT,
    "TE and CL": OK + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + NEXT,
    "two different CL": OK + b"Content-Length: 5\r\nContent-Length: 0\r\n\r\nhello",
    "two equal CL": OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "a list of CL": OK + b"Content-Length: 5, 5\r\n\r\nhello",
    "CL +5": OK + b"Content-Length: +5\r\n\r\nhello",
    "CL -1": OK + b"Content-Length: -1\r\n\r\nhello",
    "CL 0x5": OK + b"Content-Length: 0x5\r\n\r\nhello",
    "CL 5 5": OK + b"Content-Length: 5 5\r\n\r\nhello",
    "CL empty": OK + b"Content-Length:\r\n\r\nhello",
    "CL overflow": OK + b"Content-Length: 99999999999999999999999\r\n\r\nhello",
    "CL with white space before the colon": OK + b"Content-Length : 5\r\n\r\nhello",
    "two TE": OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "TE list": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "xchunked": OK + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked with VT": OK + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "identity": OK + b"Transfer-Encoding: identity\r\n\r\nhello",
    "TE in HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "NUL in a value": OK + b"X: a\0b\r\nContent-Length: 0\r\n\r\n",
    "control in a value": OK + b"X: a\x01b\r\nContent-Length: 0\r\n\r\n",
    "DEL in a value": OK + b"X: a\x7fb\r\nContent-Length: 0\r\n\r\n",
    "bare CR in a value": OK + b"X: a\rSet-Cookie: x=1\r\nContent-Length: 0\r\n\r\n",
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "bare LF in the head": OK + b"X: a\nContent-Length: 0\r\n\r\n",
    "obs-fold": OK + b"X: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "NUL in a name": OK + b"X\0: a\r\n\r\n",
    "space in a name": OK + b"X Y: a\r\n\r\n",
    "no name": OK + b": a\r\n\r\n",
    "foreign byte in a name": OK + b"X\xe4: a\r\n\r\n",
    "NUL in the reason": b"HTTP/1.1 200 O\0K\r\nContent-Length: 0\r\n\r\n",
    "bare CR in the reason": b"HTTP/1.1 200 O\rK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/2.0": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/0.9": b"HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n",
    "RTSP": b"RTSP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "ICE": b"ICE/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "no HTTP": b"hello\r\n\r\n",
    "HTTP/0.9 body": b"<html>hello</html>",
    "status 20": b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
    "status 2000": b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
    "status 099": b"HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n",
    "status 999": b"HTTP/1.1 999 OK\r\nContent-Length: 0\r\n\r\n",
    "100 with a body": b"HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\nhello",
    "101 unasked": b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    "too many fields": OK + b"A: b\r\n" * (MOST_FIELDS + 1) + b"Content-Length: 0\r\n\r\n",
    "nothing": b"",
    "half a head": OK + b"Content-Length: 5\r\n",
}

#: Whose head is good: the answer must break off visibly.
BROKEN_OFF = {
    "LF in a chunk extension": CHUNKED + b"1;a=\nb\r\na\r\n0\r\n\r\n",
    "LF after a chunk size": CHUNKED + b"1\na\r\n0\r\n\r\n",
    "chunk size overflow": CHUNKED + b"fffffffffffffffff\r\na\r\n0\r\n\r\n",
    "chunk size with sign": CHUNKED + b"+1\r\na\r\n0\r\n\r\n",
    "chunk size with 0x": CHUNKED + b"0x1\r\na\r\n0\r\n\r\n",
    "chunk size with space": CHUNKED + b"1 \r\na\r\n0\r\n\r\n",
    "chunk longer than its size": CHUNKED + b"1\r\nab\r\n0\r\n\r\n",
    "chunk without its end": CHUNKED + b"1\r\na0\r\n\r\n",
    "negative chunk": CHUNKED + b"-1\r\na\r\n0\r\n\r\n",
    "trailers without end": CHUNKED + b"1\r\na\r\n0\r\n" + b"A: b\r\n" * (MOST_FIELDS + 1),
    "a body too short": OK + b"Content-Length: 50\r\n\r\nhello",
}

#: A clean answer with something behind it.
FOLLOWED = {
    "an answer behind a body": (OK + b"Content-Length: 2\r\n\r\nhi" + NEXT, b"hi"),
    "bytes behind a body": (OK + b"Content-Length: 2\r\n\r\nhiX", b"hi"),
    "an answer behind chunks": (CHUNKED + b"2\r\nhi\r\n0\r\n\r\n" + NEXT, b"hi"),
    "a body on 204": (b"HTTP/1.1 204 No Content\r\n\r\n" + NEXT, b""),
    "a length and a body on 204": (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", b""),
    "a body on 304": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello", b""),
    "chunks on 304": (b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", b""),
    "an answer behind Connection: close": (OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nhi" + NEXT, b"hi"),
}


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


class Liar:
    """Sends `data` to the first request, and honest answers on every later connection. What is asked behind a lie is kept in `trusted`."""

    def __init__(self, data: bytes, *, stays: bool, in_bytes: bool = False) -> None:
        self.data = data
        self.stays = stays
        self.pieces = [data[at : at + 1] for at in range(len(data))] if in_bytes and len(data) < 400 else [data]
        self.connections = 0
        self.trusted: list[object] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.connections > 1:
            while head := await read_head(reader):
                writer.write(answer("200 OK", head.target.encode()))
            return
        await read_head(reader)
        for piece in self.pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        if self.stays:
            again = await read_head(reader)
            if again is not None:
                self.trusted.append(again)


@pytest.mark.parametrize("in_bytes", [False, True])
@pytest.mark.parametrize("name", REFUSED)
async def test_malformed_answers_are_502(stack, name, in_bytes):
    liar = Liar(REFUSED[name], stays=name not in ("nothing", "half a head", "HTTP/0.9 body"), in_bytes=in_bytes)
    stage = await open_stage(stack, await listen(stack, liar))
    client = await stage.client()
    got = await client.ask("GET /first HTTP/1.1")
    assert got.status == 502
    assert b"POISON" not in got.body
    assert (await client.ask("GET /second HTTP/1.1")).body == b"/second"
    assert (await stage.ask("GET /third HTTP/1.1")).body == b"/third"
    assert not liar.trusted


@pytest.mark.parametrize("name", BROKEN_OFF)
async def test_malformed_bodies_break_off(stack, name):
    liar = Liar(BROKEN_OFF[name], stays=name != "a body too short")
    stage = await open_stage(stack, await listen(stack, liar))
    client = await stage.client()
    await client.send("GET /first HTTP/1.1")
    try:
        got = await client.answer()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    else:
        assert got.status == 502, "the answer looks whole"
    assert (await stage.ask("GET /second HTTP/1.1")).body == b"/second"
    assert not liar.trusted


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("name", FOLLOWED)
async def test_what_follows_an_answer_is_nobodys(stack, name, method):
    data, body = FOLLOWED[name]
    liar = Liar(data, stays=True)
    stage = await open_stage(stack, await listen(stack, liar))
    client = await stage.client()
    got = await client.ask(f"{method} /first HTTP/1.1")
    assert got.status in (200, 204, 304)
    assert got.body == (body if method == "GET" else b"")
    for path in ("/second", "/third"):
        assert (await client.ask(f"GET {path} HTTP/1.1")).body == path.encode()
    assert not liar.trusted


def read_all(data: bytes, cuts: list[int]) -> tuple[object, ...]:
    """What a reader makes of `data` cut into pieces there, and of the end of the connection."""
    reader = AnswerReader()
    body = b""
    try:
        borders = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
        for start, end in pairwise(borders):
            reader.feed(data[start:end])
            body += b"".join(reader.pieces)
            reader.pieces.clear()
        complete = reader.complete
        reader.end(clean=True)
    except Broken:
        return ("broken",)
    assert reader.head is not None
    return (reader.head.status, reader.head.headers, body, complete)


SAMPLES = [*REFUSED.values(), *BROKEN_OFF.values(), *(data for data, _ in FOLLOWED.values()), CHUNKED + b"3\r\nabc\r\n0\r\n\r\n"]


@settings(max_examples=400, deadline=None)
@given(data=st.sampled_from([sample for sample in SAMPLES if sample and len(sample) < 1000]), cuts=st.lists(st.integers(0, 300), max_size=6))
def test_how_bytes_are_cut_changes_nothing(data, cuts):
    """A reader that depends on packet borders can be made to read an answer in two ways."""
    assert read_all(data, cuts) == read_all(data, [])


@settings(max_examples=600, deadline=None)
@example(base=CHUNKED + b"3\r\nabc\r\n0\r\n\r\n", at=40, junk=b"\n")
@given(
    base=st.sampled_from([OK + b"Content-Length: 3\r\nX: y\r\n\r\nabc", CHUNKED + b"3;x=y\r\nabc\r\n0\r\n\r\n"]),
    at=st.integers(0, 70),
    junk=st.binary(max_size=4),
)
def test_a_damaged_answer_is_refused_or_clean(base, at, junk):
    """CVE-2026-69244: whatever is changed, the reader lives, and header values never hold what would split an answer."""
    damaged = base[:at] + junk + base[at + len(junk) :]
    read = read_all(damaged, [at])
    if read != ("broken",):
        for name, value in read[1]:  # type: ignore[attr-defined]
            assert not set(name + value) & set(b"\r\n\0"), (name, value)
