"""Answers that are bytes already, for what is answered most often; past aiohttp's response class, which costs more than all that decides.

Only answers without a body. Their heads have no line break in a value: status lines and names are constants, identity values are percent-encoded, and
what is quoted of a request comes from a parsed header.
"""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate
from typing import Final

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

_CLOSE: Final = b"Connection: close\r\n"
_STAY: Final = b"Connection: keep-alive\r\n"


class Closing:
    """The last lines of a head without a body, `Date` (RFC 9110 section 6.6.1) among them, made once a second. `clock` is seconds since 1970."""

    __slots__ = ("_clock", "_lines", "_second")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._second = -1
        self._lines = b""

    def lines(self) -> bytes:
        """With their line breaks, but for the empty line."""
        second = int(self._clock())
        if second != self._second:
            self._second = second
            self._lines = b"Server: gateway\r\nContent-Length: 0\r\nDate: %b\r\n" % formatdate(second, usegmt=True).encode("ascii")
        return self._lines


class Sent(web.StreamResponse):
    """An answer that its handler has sent; aiohttp is told of it afterwards, to decide what becomes of the connection."""


class Ready(web.StreamResponse):
    """A 200 without a body. `head` has all lines but those that tell what becomes of the connection, and no empty line at its end."""

    def __init__(self, head: bytes) -> None:
        super().__init__(status=200)
        self._head = head
        self._eof_sent = True  # aiohttp has nothing left to send

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send it."""
        if self._keep_alive is None:
            self._keep_alive = request.keep_alive
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client left")
        connection = _CLOSE if not self._keep_alive else _STAY if request.version < (1, 1) else b""
        transport.write(b"%b%b\r\n" % (self._head, connection))
        await request.writer.drain()
        return None
