"""The answer on its way to the client: ready bytes, past aiohttp's response class.

aiohttp gets a response that has been sent already; it only decides, by `keep_alive`, what happens to the connection. The upstream's connection pushes
what it reads, and it is written at once: a body that came with its head goes out in one write with it. When the client is slow, the upstream is not
read (proxying.md B3). An answer that breaks off is never ended in a way that looks whole (B7).
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from aiohttp import web

from gateway.web.exchange import Exchange
from gateway.web.proxy.answers import Piece
from gateway.web.proxy.connection import Connection
from gateway.web.proxy.faults import ClientGone, ProxyFault
from gateway.web.ready import Sent

_STATUS_LINES: Final = {(status.value, status.phrase.encode()): b"HTTP/1.1 %d %b" % (status.value, status.phrase.encode()) for status in HTTPStatus}
_LAST_CHUNK: Final = b"0\r\n\r\n"
_NEVER: Final = float("inf")
#: Up to so many bytes are joined before they are written; copying more costs more than a second buffer.
_JOINED: Final = 32 * 1024
#: Closing sends RST: where only the end of the connection ends a body, a FIN would look like a whole one.
_RESET: Final = struct.pack("ii", 1, 0)


def status_line(status: int, reason: bytes) -> bytes:
    """The first line of an answer."""
    return _STATUS_LINES.get((status, reason)) or b"HTTP/1.1 %d %b" % (status, reason)


class Reply(Sent):
    """An answer that is written by us. `begin` once, then `take` until complete; `word` and `finish` wait for that.

    Framing: a body of known length, chunks (HTTP/1.1), or the end of the connection (HTTP/1.0).
    """

    # These are the class's, and StreamResponse's own initialiser is left out, because a reply is made for every request and most need none of it.
    # aiohttp looks at `status`, `prepared` and `keep_alive` of what has been sent.
    __http_exception__ = False
    _eof_sent = True
    _status = 0
    _keep_alive: bool | None = False
    _begun = False
    _chunk = False
    _complete = False
    _to_close = False
    _held = False
    _source: Connection | None = None
    _change: asyncio.Future[None] | None = None
    _fault: ProxyFault | None = None

    def __init__(self, request: web.BaseRequest, exchange: Exchange) -> None:
        self._request = request
        self._exchange = exchange

    def frame(self, length: int | None, *, bodyless: bool) -> bytes:
        """Choose the framing; the header lines that tell the client of it, and of what becomes of the connection."""
        lines = b""
        version = self._request.version
        if length is not None:
            lines = b"Content-Length: %d\r\n" % length
        elif not bodyless:
            if version >= (1, 1):
                self._chunk = True
                lines = b"Transfer-Encoding: chunked\r\n"
            else:
                self._to_close = True
                self._keep_alive = False
        if not self._keep_alive:
            lines += b"Connection: close\r\n"
        elif version < (1, 1):
            lines += b"Connection: keep-alive\r\n"
        return lines

    def begin(self, head: bytes, pieces: Sequence[Piece], *, complete: bool) -> None:
        """Send the head with what there is of the body. Raises ClientGone."""
        transport = self._transport()
        self._begun = True
        self._complete = complete
        before = self._exchange.sent
        framed = self._framed(pieces, complete=complete)
        if self._exchange.sent - before <= _JOINED:
            transport.write(b"".join((head, *framed)))
        else:
            transport.writelines((head, *framed))

    def word(self, source: Connection) -> asyncio.Future[None]:
        """Done when there is something to do, which mostly is nothing: the answer has been passed on, and it is `settled`."""
        self._source = source
        change = self._change = source.loop.create_future()
        if self._complete or self._fault is not None:
            self.notice()  # it came already
        return change

    @property
    def settled(self) -> bool:
        """Whether the answer is complete, and a slow client has taken most of it, so that answers do not pile up."""
        return self._complete and not self._request.protocol.writing_paused

    async def finish(self, idle: float) -> None:
        """After the first `word`: wait until it is settled, `idle` seconds at most without progress. Raises ProxyFault when there is no answer or it
        breaks off."""
        source = self._source
        assert source is not None
        while not self._complete:
            if self._fault is not None:
                raise self._fault
            if self._held:
                await self._flush(idle)  # returns at once where the client has caught up in the meantime
                self._held = False
                source.go_on()
                continue
            await self.word(source)
        if self._request.protocol.writing_paused:
            await self._flush(idle)

    def break_off(self) -> None:
        """End the client's connection in a way that shows that the answer is not whole."""
        self._keep_alive = False
        transport = self._request.transport
        if transport is None:
            return
        if self._to_close:
            sock = transport.get_extra_info("socket")
            if sock is not None and sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()

    # ---------------------------------------------------------------- what the upstream's connection calls (connection.Sink)

    def take(self, pieces: Sequence[Piece], *, complete: bool) -> None:
        """Pieces of the body."""
        if self._complete:
            return
        self._complete = complete
        try:
            transport = self._transport()
        except ClientGone as gone:
            self._fault = gone
        else:
            framed = self._framed(pieces, complete=complete)
            if len(framed) == 1:
                transport.write(framed[0])
            else:
                transport.writelines(framed)
        self.taken()

    def taken(self) -> None:
        """Something was passed on: go on, or wake who waits for the end, or stop the upstream while the client is slow."""
        if self._complete or self._fault is not None:
            self.notice()
        elif self._request.protocol.writing_paused and self._source is not None:
            self._held = True
            self._source.transport.pause_reading()
            self.notice()

    def fail(self, fault: ProxyFault) -> None:
        """The body broke off."""
        self._fault = fault
        if self._held:
            self.break_off()  # else a client that takes nothing would only hear of it when it does
        self.notice()

    def notice(self) -> None:
        """Let `finish` look again."""
        change, self._change = self._change, None
        if change is not None and not change.done():
            change.set_result(None)

    # ---------------------------------------------------------------- inside

    def _transport(self) -> asyncio.Transport:
        transport = self._request.transport
        if transport is None or transport.is_closing():
            raise ClientGone("the client left")
        return transport

    async def _flush(self, timeout: float) -> None:
        """Raises ClientGone after `timeout` seconds."""
        if self._request.protocol.writing_paused:
            try:
                async with asyncio.timeout(timeout if timeout != _NEVER else None):
                    await self._request.writer.drain()
            except (TimeoutError, ConnectionError) as error:
                raise ClientGone("the client did not take its answer") from error

    def _framed(self, pieces: Sequence[Piece], *, complete: bool) -> Sequence[Piece]:
        size = len(pieces[0]) if len(pieces) == 1 else sum(map(len, pieces))
        self._exchange.sent += size
        if not self._chunk:
            return pieces
        if not size:
            return (_LAST_CHUNK,) if complete else ()
        return (b"%x\r\n" % size, *pieces, b"\r\n0\r\n\r\n" if complete else b"\r\n")
