"""One request after the other: how a connection takes its turns.

The handler runs in the connection's own task; aiohttp 3.14 would make another one for every request, which costs more than deciding does. What needs
no waiting (`Gate.at_once`) never reaches the task: it is answered while its bytes are being read, and only where nothing else is under way on the
connection, so answers keep the order of their requests (RFC 9112 section 9.3.2).

Known wart: this leans on private parts of aiohttp 3.14's RequestHandler (`_messages`, `_waiter`, `_request_in_progress`, `_keepalive_handle`);
tests/functional/server pins them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import RawRequestMessage
from aiohttp.http_writer import StreamWriter
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import ERROR, RequestHandler, RequestPayloadError, _ErrInfo

log = logging.getLogger("gateway.server")

#: How long, and how much, is still read after an answer of what nobody has asked for (seconds, bytes).
LINGER: Final = 2.0
MOST_DISCARDED: Final = 4 * 1024 * 1024
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
#: What a parser makes of bytes: a message or what was wrong with it, and its body.
Arrived = tuple[RawRequestMessage | _ErrInfo, StreamReader]


class Turns(RequestHandler):
    """aiohttp's connection with a loop of its own. Subclasses say what is wrong with a message."""

    __slots__ = ()

    async def start(self) -> None:
        """Answer what was asked, in its order, until the connection ends."""
        try:
            while not self._force_close and await self._turn():
                self._wait_for_more()
        except asyncio.CancelledError:
            self.force_close()
            raise
        except ConnectionError:
            log.debug("a client left before its answer was written")
        except Exception as error:  # noqa: BLE001 - a mistake of ours: what state the connection is in is unknown, so it ends
            log.error("a connection failed: %s", type(error).__name__)
            self.force_close()
        if not self._force_close:
            self._task_handler = None
            if self.transport is not None:
                self.transport.close()

    async def _turn(self) -> bool:
        """One request; whether another one may follow."""
        if not self._messages:
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        message, payload = self._messages.popleft()
        if self._parser is not None:
            self._parser.message_consumed()
        if self._buffer_paused and len(self._messages) <= self._msg_queue_resume_size:
            self._resume_reading_if_drained()
        handler, task = self._request_handler, self._task_handler
        if self._request_factory is None or handler is None or task is None:
            return False  # the connection is gone
        if isinstance(message, _ErrInfo):
            handler = self._make_error_handler(message)
            message = ERROR
        request = self._request_factory(message, payload, self, StreamWriter(self, self._loop), task)
        del message  # the request has it, and lets go of its headers where it becomes a tunnel
        response, gone = await self._answer(request, handler)
        if gone:
            return False
        self._keepalive = bool(response.keep_alive)
        if not payload.is_eof() and not await self.rest_of(payload):
            self.close()
        return self._keepalive and not self._close and not self._force_close

    async def _answer(self, request: web.BaseRequest, handler: Handler) -> tuple[web.StreamResponse, bool]:
        """Let the handler answer, and send what it has not sent itself; the answer, and whether the client has left. What aiohttp's shutdown asks of
        a request under way is kept."""
        self._request_in_progress = True
        self._current_request = request
        try:
            try:
                response = await handler(request)
            except Exception as error:  # noqa: BLE001 - whatever it was, it is answered; handlers log their own
                response = self.handle_error(request, 500, error)
            finally:
                self._current_request = None
            return await self.finish_response(request, response, None)
        finally:
            self._request_in_progress = False
            if self._handler_waiter is not None:
                self._handler_waiter.set_result(None)

    async def rest_of(self, body: StreamReader) -> bool:
        """Get rid of what nobody has read of a body, for as long and as much as is polite; whether all of it came."""
        left = MOST_DISCARDED
        try:
            async with asyncio.timeout(LINGER):
                while left > 0 and not body.is_eof():
                    left -= len(await body.readany())
        except (TimeoutError, RequestPayloadError):
            return False
        return body.is_eof()

    def set_parser(self, parser: Any, data_received_cb: Callable[[], None] | None = None) -> None:
        """From here on all bytes are a tunnel's, which is the connection's last: what only HTTP needs goes, since a tunnel may last for days."""
        super().set_parser(parser, data_received_cb)
        self._parser = None
        if self._keepalive_handle is not None:
            self._keepalive_handle.cancel()
            self._keepalive_handle = None

    def _wait_for_more(self) -> None:
        """Close the connection when nothing comes for `keepalive` seconds. One timer serves many requests: it looks again when it is early."""
        self._next_keepalive_close_time = self._loop.time() + self.keepalive_timeout
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(self._next_keepalive_close_time, self._process_keepalive)

    # ---------------------------------------------------------------- what comes in

    def parse(self, data: bytes) -> list[Arrived]:
        """The messages that `data` completes, the first that is malformed last."""
        assert self._parser is not None
        try:
            messages, self._upgraded, tail = self._parser.feed_data(data)
        except HttpProcessingError as error:
            self._upgraded = False
            return [(_ErrInfo(status=400, exc=error, message=""), EMPTY_PAYLOAD)]
        if self._upgraded and tail:
            self._message_tail = tail
        return list(messages)

    def enqueue(self, arrived: Sequence[Arrived]) -> None:
        """Let the connection's task answer these; stop reading while many wait."""
        self._request_count += len(arrived)
        self._messages.extend(arrived)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        if not self._buffer_paused and len(self._messages) >= self._max_msg_queue_size:
            self._pause_reading_for_buffer()

    @property
    def idle(self) -> bool:
        """Whether nothing is under way: all that was asked has been answered, and the client has taken it."""
        return self._waiter is not None and not self._waiter.done() and not self._messages and not self._paused

    def answered(self, answer: bytes) -> None:
        """Send the whole answer to the only message there is."""
        assert self.transport is not None
        assert self._parser is not None
        self._parser.message_consumed()
        self._request_count += 1
        self.transport.write(answer)
        self._wait_for_more()
