"""All connections of one kind of listener: how many there are, and their end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import HttpVersion11
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import ERROR, RequestHandler

from gateway.server.protocol import Connection
from gateway.snapshot import Live

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
#: Answers what could not be understood, with a status.
Refuse = Callable[[web.BaseRequest, int], web.Response]
#: The whole answer to a message from a peer, None where `Handler` must be asked.
AtOnce = Callable[[RawRequestMessage, str | None], bytes | None]


#: Stands for what could not be read. Answered in our own version (RFC 9110 section 6.2), where aiohttp would take 1.0.
_UNREADABLE = ERROR._replace(version=HttpVersion11)


class Request(web.BaseRequest):
    """A request whose answer closes the connection when the server is going away."""

    @property
    def keep_alive(self) -> bool:
        """Whether another request may follow."""
        protocol = self._protocol
        return not self._message.should_close and not (isinstance(protocol, Connection) and protocol.ending)


class Server(web.Server):
    """Makes connections, counts them and ends them. `refused` hears of those beyond `limits.connections`."""

    def __init__(self, handler: Handler, refuse: Refuse, live: Live, refused: Callable[[], None], at_once: AtOnce | None = None) -> None:
        super().__init__(handler, handler_cancellation=True)
        self.open = 0
        self.draining = False
        self.at_once = at_once
        self._refuse = refuse
        self._empty = asyncio.Event()
        self._live = live
        self._refused = refused

    def __call__(self) -> RequestHandler:
        """A protocol for a new connection."""
        return Connection(self, self, self._live.snapshot.limits, self._loop)

    def admit(self) -> bool:
        """Whether one more connection may be open; counts it."""
        if self.open >= self._live.snapshot.limits.connections:
            self._refused()
            return False
        self.open += 1
        return True

    def dismiss(self) -> None:
        """A connection that was admitted is gone."""
        self.open -= 1
        if not self.open:
            self._empty.set()

    def refuse(self, request: web.BaseRequest, status: int, /) -> web.Response:
        """The answer to what could not be understood."""
        return self._refuse(request, status)

    async def drain(self, grace: float, patience: float = 0) -> bool:
        """Finish what has begun, for at most `grace` seconds, then end the rest; whether everything finished. For `patience` seconds connections
        between two requests stay, and whoever is still shaking hands is waited for."""
        self.draining = True
        await asyncio.sleep(0)  # connections that were accepted in this turn of the loop are made in the next
        for connection in self.connections:
            if isinstance(connection, Connection):
                connection.drain(patience)
        self._empty.clear()
        try:
            async with asyncio.timeout(grace):
                await asyncio.sleep(patience)
                while self.open:
                    await self._empty.wait()
                    self._empty.clear()
        except TimeoutError:
            pass  # what is left is ended below
        finished = not self.open
        await self.shutdown(0.1)
        return finished

    def _make_request(
        self, message: RawRequestMessage, payload: StreamReader, protocol: RequestHandler, writer: AbstractStreamWriter, task: asyncio.Task[None]
    ) -> web.BaseRequest:
        if message is ERROR:
            message = _UNREADABLE
        return Request(message, payload, protocol, writer, task, self._loop)
