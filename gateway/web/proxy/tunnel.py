"""A tunnel: after an upstream's 101, bytes are copied both ways, and none of them is understood (DESIGN 2.5).

So no advisory about frames can occur here, and memory stays flat: whichever side is slow pauses the reading of the other. A tunnel ends with either
side, with the session that opened it, or at shutdown, by closing both connections.

The client's bytes are taken over through `RequestHandler.set_parser`, the seam that aiohttp's own WebSocket uses: it hands over what came early,
and from then on everything that comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast

from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy

from gateway.services.watch import Watch
from gateway.web.exchange import Exchange
from gateway.web.proxy.connection import Connection

#: A session is said to be in use at most once in so many seconds.
USE_EVERY: Final = 1.0
_NO_HEADERS: Final[CIMultiDictProxy[str]] = CIMultiDictProxy(CIMultiDict())


class Tunnel:
    """One WebSocket. `use` is called when the client sent something, but not for every piece."""

    def __init__(self, request: web.BaseRequest, source: Connection, exchange: Exchange, use: Callable[[], None] | None) -> None:
        self._request = request
        self._source = source
        self._exchange = exchange
        self._use = use
        self._next_use = 0.0
        self._loop = asyncio.get_running_loop()
        self._over = False
        self._held = False
        self._change: asyncio.Future[None] | None = None

    async def run(self, early: bytes) -> None:
        """Copy until one side, or `end`, ends it. `early` is what the upstream sent behind its 101."""
        request, source = self._request, self._source
        try:
            source.go_raw(self)
            if early:
                self.from_upstream(early)
            request.protocol.set_parser(cast(Any, self))  # aiohttp names its own reader's type; it calls feed_data and feed_eof only
            _forget_headers(request)
            while not self._over:
                if self._held:
                    await request.writer.drain()  # returns at once where the client has caught up in the meantime
                    self._held = False
                    source.transport.resume_reading()
                    continue
                self._change = self._loop.create_future()
                await self._change
        except ConnectionError:
            pass  # the client left while it was slow
        finally:
            self._over = True
            source.transport.abort()

    def end(self) -> None:
        """Close both connections now."""
        self._finish()
        transport = self._request.transport
        if transport is not None:
            transport.abort()

    # ---------------------------------------------------------------- the client's side (as aiohttp's RequestHandler calls a parser)

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Bytes from the client."""
        source = self._source
        if self._over or source.transport.is_closing():
            return True, b""
        source.transport.write(data)
        if source.writing_paused and self._request.transport is not None:
            self._request.transport.pause_reading()
        if self._use is not None and self._loop.time() >= self._next_use:
            self._next_use = self._loop.time() + USE_EVERY
            self._use()
        return False, b""

    def feed_eof(self) -> None:
        """The client has left."""
        self._finish()

    # ---------------------------------------------------------------- the upstream's side (connection.Raw)

    def from_upstream(self, data: bytes) -> None:
        """Bytes from the upstream."""
        transport = self._request.transport
        if transport is None or transport.is_closing():
            self._finish()
            return
        transport.write(data)
        self._exchange.sent += len(data)
        if self._request.protocol.writing_paused:
            self._held = True
            self._source.transport.pause_reading()
            self._notice()

    def drained(self) -> None:
        """The upstream takes more: read on from the client."""
        transport = self._request.transport
        if transport is not None and not transport.is_closing():
            transport.resume_reading()

    def ended(self) -> None:
        """The upstream has left."""
        self._finish()

    # ---------------------------------------------------------------- inside

    def _finish(self) -> None:
        self._over = True
        self._notice()

    def _notice(self) -> None:
        change, self._change = self._change, None
        if change is not None and not change.done():
            change.set_result(None)


def _forget_headers(request: web.BaseRequest) -> None:
    """Let go of the client's headers, three KiB and more, for as long as the tunnel lasts. The access line needs method and target only."""
    request._message = request._message._replace(headers=_NO_HEADERS, raw_headers=())
    request._headers = _NO_HEADERS


class Tunnels:
    """The tunnels that are open."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._open: set[Tunnel] = set()

    def __len__(self) -> int:
        return len(self._open)

    async def run(self, request: web.BaseRequest, source: Connection, exchange: Exchange, member: str | None, early: bytes) -> None:
        """A tunnel from beginning to end; `member` names the session that it ends with, None is nobody's."""
        watch = self._watch
        tunnel = Tunnel(request, source, exchange, None if member is None else lambda: watch.use(member))
        forget = None if member is None else watch.add(member, tunnel.end)
        self._open.add(tunnel)
        try:
            await tunnel.run(early)
        finally:
            self._open.discard(tunnel)
            if forget is not None:
                forget()

    def close(self) -> int:
        """End every tunnel; how many there were."""
        tunnels = list(self._open)
        for tunnel in tunnels:
            tunnel.end()
        return len(tunnels)
