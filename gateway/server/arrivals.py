"""What a client's bytes are: heads and bodies within their limits, and the end of what can be read as HTTP.

How long a head may take and how large it may be, which versions and methods there are, how long a body may stand still. After a fault nothing further
of the connection is read as HTTP, so no byte behind it can become a request (smuggling); the answer is sent, and what still comes in is thrown away
for a moment, because closing at once would reset the connection and lose the answer (RFC 9112 section 9.6).

Known wart: like turns.py, this leans on private parts of aiohttp 3.14's RequestHandler.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, cast

from aiohttp import web
from aiohttp.http import HttpVersion11
from aiohttp.http_parser import HttpRequestParserPy, RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import RequestPayloadError, _ErrInfo

from gateway.server.faults import LINE_ROOM, MOST_FIELDS, StrictParser, fault_of, line_limit, status_of
from gateway.server.turns import LINGER, MOST_DISCARDED, Arrived, Turns
from gateway.snapshot import Limits


class Gate(Protocol):
    """What a connection asks of whoever keeps all of them. `draining`: whether connections end with their next answer."""

    draining: bool

    def admit(self) -> bool:
        """Whether one more connection may be open; counts it."""

    def dismiss(self) -> None:
        """A connection that was admitted is gone."""

    @property
    def at_once(self) -> Callable[[RawRequestMessage, str | None], bytes | None] | None:
        """Answers what nobody has to be waited for; None from it, or in its place: the handler must be asked."""

    def refuse(self, request: web.BaseRequest, status: int, /) -> web.Response:
        """The answer to what could not be understood. `request` holds nothing but who asked."""


class Arrivals(Turns):
    """The reading half of a connection."""

    __slots__ = (
        "_body",
        "_body_timer",
        "_deaf",
        "_fed",
        "_gate",
        "_head",
        "_head_timer",
        "_limits",
        "_line_seen",
        "_linger_end",
        "_peer",
        "_to_discard",
        "draining",
    )

    def __init__(self, server: web.Server, gate: Gate, limits: Limits, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=limits.keepalive,
            access_log=cast(Any, None),
            max_line_size=line_limit(limits),
            max_field_size=limits.headers,
            max_headers=MOST_FIELDS,
            auto_decompress=False,
        )
        if isinstance(self._parser, HttpRequestParserPy):
            self._parser = StrictParser(self, self._parser)
        self._gate = gate
        self._limits = limits
        self._body: StreamReader = EMPTY_PAYLOAD
        self._body_timer: asyncio.TimerHandle | None = None
        self._fed = 0.0
        self._head = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._line_seen = False
        self._deaf = False
        self._to_discard = MOST_DISCARDED
        self._linger_end: asyncio.Future[None] | None = None
        self._peer: Any = None
        self.draining = False

    @property
    def ending(self) -> bool:
        """Whether the next answer is the connection's last."""
        return self.draining or self._deaf

    @property
    def peer(self) -> str | None:
        """The other end's address, None on a unix socket."""
        return self._peer[0] if self._peer else None

    def connection_lost(self, exc: BaseException | None) -> None:
        """Give back what the connection held."""
        for timer in (self._head_timer, self._body_timer):
            if timer is not None:
                timer.cancel()
        self._head_timer = self._body_timer = None
        self._end_linger()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Hand bytes to the parser and judge what came out; after a fault, throw them away."""
        if self._deaf:
            self._to_discard -= len(data)
            if self._to_discard < 0:
                self._end_linger()
            return
        if self._payload_parser is not None or self._upgraded:
            super().data_received(data)
            return
        if self._force_close or self._close:
            return
        in_body = not self._body.is_eof()
        arrived = self.parse(data)
        if arrived:
            self._judge(arrived, len(data))
        elif in_body:
            self._fed = self._loop.time()
        elif data:
            self._await_head(data)

    # ---------------------------------------------------------------- heads

    def _judge(self, arrived: list[Arrived], size: int) -> None:
        """Judge the messages that have just been parsed; the first one at fault becomes an error, what came after it does not exist."""
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        head, self._head = self._head + size, 0
        line_seen, self._line_seen = self._line_seen, False
        if len(arrived) == 1 and self._answers_at_once(*arrived[0], head):
            return
        for position, (message, payload) in enumerate(arrived):
            if not isinstance(message, _ErrInfo):
                status = fault_of(message, payload, self._limits, head)
            elif not self._body.is_eof():
                self._break_body(RequestPayloadError("the body is malformed"))
                arrived = arrived[:position]
                break
            else:
                status = status_of(message.exc, self._limits, line_seen=line_seen)
            if status:
                self.enqueue(arrived[:position])
                self._refuse(status)
                return
            self._body = payload
            if not isinstance(message, _ErrInfo) and message.upgrade and not self._upgraded:
                # An upgrade that nobody speaks goes on as plain HTTP, but the compiled parser drops what came behind it in the same read,
                # and would take what comes next for the start of a request.
                self.draining = True
        if not self._body.is_eof():
            self._fed = self._loop.time()
            if self._body_timer is None:
                self._body_timer = self._loop.call_later(self._limits.body_idle, self._check_body)
        self.enqueue(arrived)

    def _answers_at_once(self, message: RawRequestMessage | _ErrInfo, payload: StreamReader, head: int) -> bool:
        """Answer a request that nothing has to be waited for, if it is an ordinary one; whether that was done."""
        at_once = self._gate.at_once
        if at_once is None or payload is not EMPTY_PAYLOAD or isinstance(message, _ErrInfo) or not self.idle or self.draining or self._deaf:
            return False
        if message.upgrade or message.should_close or message.version != HttpVersion11 or fault_of(message, payload, self._limits, head):
            return False
        answer = at_once(message, self.peer)
        if answer is None:
            return False
        self.answered(answer)
        return True

    def _await_head(self, data: bytes) -> None:
        """Count and time a head that is not complete yet."""
        if not self._head and not data.strip(b"\r\n"):
            return  # RFC 9112 section 2.2: empty lines in front of a request are ignored
        self._head += len(data)
        self._line_seen = self._line_seen or b"\n" in data
        if not self._line_seen and self._head > self._limits.url + LINE_ROOM:
            self._refuse(414)
        elif self._head > self._limits.url + self._limits.headers:
            self._refuse(431)
        elif self._head_timer is None:
            self._head_timer = self._loop.call_later(self._limits.header_timeout, self._head_is_late)

    def _head_is_late(self) -> None:
        """A connection on which nothing was asked just closes (browsers open some in advance); half a head gets its answer."""
        self._head_timer = None
        if not self._head:
            self.force_close()
        elif self._waiter is not None and not self._waiter.done():
            self._refuse(408)
        else:
            self._deaf = True  # an answer is on its way: it will be the last

    def _refuse(self, status: int) -> None:
        """Put an error in the place of a request, and stop listening."""
        self._deaf = True
        self._request_count += 1
        self._messages.append((_ErrInfo(status=status, exc=ValueError(status), message=""), EMPTY_PAYLOAD))
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # ---------------------------------------------------------------- bodies

    def _check_body(self) -> None:
        """End a body of which nothing came for `limits.body_idle`, unless it was we who did not read."""
        self._body_timer = None
        if self._body.is_eof() or self.transport is None:
            return
        now = self._loop.time()
        if self._reading_paused or self._buffer_paused:
            self._fed = now
        left = self._fed + self._limits.body_idle - now
        if left > 0:
            self._body_timer = self._loop.call_later(left, self._check_body)
        else:
            self._break_body(TimeoutError("the body stopped coming"))

    def _break_body(self, error: Exception) -> None:
        """Tell whoever reads the body; the answer to its request is the connection's last."""
        self._deaf = True
        self._body.set_exception(error)
        self._body.feed_eof()

    async def linger(self) -> None:
        """Half-close, and read on until the client has closed too, or for as long and as much as is polite."""
        transport = self.transport
        if transport is None or self._to_discard < 0:
            return
        if transport.can_write_eof():
            transport.write_eof()
        self._linger_end = self._loop.create_future()
        try:
            async with asyncio.timeout(LINGER):
                await self._linger_end
        except TimeoutError:
            pass  # the client has had its time

    def _end_linger(self) -> None:
        if self._linger_end is not None and not self._linger_end.done():
            self._linger_end.set_result(None)
