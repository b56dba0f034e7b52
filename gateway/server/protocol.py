"""A client's connection: aiohttp's protocol, made strict and given our limits and our answers.

Here is how it begins, how it answers and how it ends. How its bytes become requests within limits: arrivals.py; how it takes its turns: turns.py.
Host, target and headers are judged in web/request.py.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from aiohttp import web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.web_protocol import _ErrInfo

from gateway.server.arrivals import Arrivals, Gate
from gateway.server.faults import BUSY
from gateway.snapshot import Limits
from gateway.web.ready import Sent

log = logging.getLogger("gateway.server")

#: How long a new connection may take to ask something while the process drains (seconds): it was made in the belief that somebody listens.
FIRST_PATIENCE: Final = 1.0


class Connection(Arrivals):
    """One client connection. Its limits are those of the configuration when it was accepted."""

    __slots__ = ("_admitted", "recent")

    def __init__(self, server: web.Server, gate: Gate, limits: Limits, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(server, gate, limits, loop)
        self._admitted = False
        self.recent: object = None
        """What the handler keeps of the last request."""

    @property
    def peername(self) -> Any:
        """Who connected, as it was then: a client that resets its connection would have no address by the time its request is read, and pass for a
        peer on a unix socket."""
        return self._peer

    # ---------------------------------------------------------------- what the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Admit the connection, or turn it away with 503 when there are too many."""
        self._peer = _peer_of(transport)
        if self._peer is None:
            # It was reset before it was accepted: nobody is there to be answered, and nobody can be told apart from anybody.
            BaseProtocol.connection_made(self, transport)
            self._force_close = True
            cast(asyncio.Transport, transport).abort()
            return
        self._admitted = self._gate.admit()
        if not self._admitted:
            BaseProtocol.connection_made(self, transport)
            self._force_close = True
            assert self.transport is not None
            self.transport.write(BUSY)
            self.transport.close()
            return
        super().connection_made(transport)
        if self._gate.draining:
            self.drain(0)
        self._head_timer = self._loop.call_later(self._limits.header_timeout, self._head_is_late)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Give back what the connection held."""
        if self._admitted:
            self._admitted = False
            self._gate.dismiss()
        super().connection_lost(exc)

    # ---------------------------------------------------------------- answers

    async def finish_response(self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None) -> tuple[web.StreamResponse, bool]:
        """Send the answer. Bytes behind an upgrade that was declined are not read as a request (CVE-2026-69243)."""
        if self._upgraded and self._payload_parser is None and self._message_tail:
            self._message_tail = b""
            self._deaf = True
        if isinstance(resp, Sent) and not self._upgraded:
            outcome: tuple[web.StreamResponse, bool] = resp, False
        else:
            outcome = await self._send(request, resp, start_time)
        if self.ending:
            self._close = True
            if self._deaf:
                await self.linger()
        return outcome

    async def _send(self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None) -> tuple[web.StreamResponse, bool]:
        if not resp.prepared:
            resp.headers.setdefault("Server", "gateway")  # aiohttp would name itself and its version
            if self.ending:
                resp.force_close()
        return await super().finish_response(request, resp, start_time)

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """The last resort, where the front itself failed. Nothing of the request is logged: a parser's error quotes it."""
        log.error("a request failed before it reached a handler: %s", type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun already")
        response = web.Response(status=status, body=b'{"error": "internal"}', content_type="application/json", headers={"Cache-Control": "no-store"})
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """aiohttp's own remarks about a connection, without the request's bytes."""
        log.info("a connection ended early: %s", type(kw.get("exc_info")).__name__)

    def _make_error_handler(self, err_info: _ErrInfo) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
        async def refuse(request: web.BaseRequest) -> web.StreamResponse:
            response = self._gate.refuse(request, err_info.status)
            response.force_close()
            return response

        return refuse

    # ---------------------------------------------------------------- the end

    def drain(self, patience: float) -> None:
        """Serve what has begun, then close. One between two requests stays for `patience` seconds, as a request may be on its way; one that has not
        asked anything yet for a moment at least."""
        self.draining = True
        if not self._request_count:
            patience = max(patience, FIRST_PATIENCE)
        if patience:
            self._loop.call_later(patience, self._close_if_idle)
        else:
            self._close_if_idle()

    def _close_if_idle(self) -> None:
        if self._waiter is not None and not self._waiter.done() and not self._head:
            self.force_close()


def _peer_of(transport: asyncio.BaseTransport) -> Any:
    """An address, "" for a unix socket whatever name its client has bound, None where the client has gone already."""
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.family == socket.AF_UNIX:
        return ""
    return transport.get_extra_info("peername")
