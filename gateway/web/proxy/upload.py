"""The request's body on its way to the upstream: read as the client sends it, written as the upstream takes it, never kept.

A body that is here already goes out in one write with the head. Otherwise one task pumps it, so that an answer which comes early is heard
(proxying.md B6). A fault of the body ends the connection to the upstream, which then cannot take half a body for a whole one; the client is told by
the handler.
"""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

from aiohttp import web
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestPayloadError

from gateway.web.proxy.connection import Connection
from gateway.web.proxy.faults import BadBody, BodyTimeout, BodyTooLarge, ClientGone, ProxyFault

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_LAST_CHUNK: Final = b"0\r\n\r\n"


class Framing(NamedTuple):
    """How the client frames its body: a length, or chunks. `length` is None for chunks; `line` is the header line for the upstream."""

    length: int | None
    line: bytes


NO_BODY: Final = Framing(0, b"")
_CHUNKED: Final = Framing(None, b"Transfer-Encoding: chunked")


def read_framing(request: web.BaseRequest) -> Framing:
    """The framing of the request's body. Raises BadBody where it is not beyond doubt (RFC 9112 section 6.1)."""
    lengths: list[bytes] = []
    codings: list[bytes] = []
    for name, value in request.raw_headers:
        size = len(name)
        if size == 14 and name.lower() == b"content-length":
            lengths.append(value)
        elif size == 17 and name.lower() == b"transfer-encoding":
            codings.append(value)
    if codings:
        if lengths or len(codings) > 1 or codings[0].strip().lower() != b"chunked" or request.version < (1, 1):
            raise BadBody("the body is framed in two ways, or in an unknown one")
        return _CHUNKED
    if not lengths:
        return NO_BODY
    if len(lengths) > 1 or not lengths[0].isdigit():
        raise BadBody("the length of the body is not valid")
    return Framing(int(lengths[0]), b"Content-Length: " + lengths[0])


def check_length(framing: Framing, most: int | None) -> None:
    """Refuse a body that announces to be too long, before a byte of it is read (B4). Raises BodyTooLarge."""
    if most is not None and framing.length is not None and framing.length > most:
        raise BodyTooLarge("the announced body is too long")


class Upload:
    """The body of one request. `most` and `idle` are bytes and seconds."""

    __slots__ = ("_chunked", "_content", "_idle", "_most", "_request", "_taken", "_task")

    def __init__(self, request: web.BaseRequest, framing: Framing, most: int | None, idle: float) -> None:
        self._request = request
        self._content: StreamReader = request.content
        self._chunked = framing.length is None
        self._most = most
        self._idle = idle
        self._taken = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def complete(self) -> bool:
        """Whether all of it has been handed to the upstream's connection."""
        return self._task.done() if self._task is not None else self._content.at_eof()

    def at_hand(self) -> bytes | None:
        """The whole body as it goes out if it is here already, None if it is not. Raises ProxyFault."""
        content = self._content
        if not content.is_eof():
            return None
        error = content.exception()
        if error is not None:
            raise _fault_of(error) from error
        data = b"" if content.at_eof() else content.read_nowait()
        self._count(data)
        return self._framed(data) + _LAST_CHUNK if self._chunked else data

    def start(self, connection: Connection, response_timeout: float) -> None:
        """Begin to pump; the answer's time begins to run when the body is out (seconds)."""
        self._task = asyncio.get_running_loop().create_task(self._run(connection, response_timeout))

    async def stop(self) -> None:
        """Let the rest be."""
        task = self._task
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait((task,))

    async def _run(self, connection: Connection, response_timeout: float) -> None:
        try:
            if await self._pump(connection, response_timeout):
                connection.expect_within(response_timeout)
        except ProxyFault as fault:
            connection.abandon(fault)

    async def _pump(self, connection: Connection, response_timeout: float) -> bool:
        """True when the whole body is out, False when the upstream takes no more of it: then only its answer, if any, counts."""
        self._invite()
        while True:
            connection.expect_within(float("inf"))  # waiting for the client is not the upstream's fault
            data = await self._read()
            if not data:
                break
            self._count(data)
            if connection.transport.is_closing():
                return False
            connection.transport.write(self._framed(data))
            if connection.writing_paused:
                connection.expect_within(response_timeout)
                await connection.drain()
        if self._chunked and not connection.transport.is_closing():
            connection.transport.write(_LAST_CHUNK)
        return True

    def _invite(self) -> None:
        """The one `100 Continue`, where the client waits for it and nothing of the body has come (RFC 9110 section 10.1.1; B5)."""
        expects = self._request.headers.get("Expect", "").lower() == "100-continue"
        transport = self._request.transport
        if expects and self._request.version >= (1, 1) and not self._content.total_bytes and transport is not None:
            transport.write(_CONTINUE)

    async def _read(self) -> bytes:
        try:
            async with asyncio.timeout(self._idle):
                return await self._content.readany()
        except (TimeoutError, RequestPayloadError, ConnectionError, RuntimeError) as error:
            raise _fault_of(error) from error

    def _count(self, data: bytes) -> None:
        self._taken += len(data)
        if self._most is not None and self._taken > self._most:
            raise BodyTooLarge("the body is too long")

    def _framed(self, data: bytes) -> bytes:
        return b"%x\r\n%b\r\n" % (len(data), data) if self._chunked and data else data


def _fault_of(error: BaseException) -> ProxyFault:
    """What the end of a body means: the connection's own time limit, bad framing, or a connection that has ended (aiohttp's word for it may be
    RuntimeError)."""
    if isinstance(error, TimeoutError):
        return BodyTimeout("the body stopped coming")
    if isinstance(error, RequestPayloadError):
        return BadBody("the body is malformed")
    return ClientGone("the client left within its body")
