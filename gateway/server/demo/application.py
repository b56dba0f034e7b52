"""The demo application: an upstream that shows the headers it got, streams events and echoes a WebSocket.

It knows nothing of the gateway but header names, like any application behind one. It runs in the same process, on a unix socket that only its owner
can reach, because a program that trusts headers must not be reachable past the gateway.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from importlib import resources

from aiohttp import WSMsgType, web
from jinja2 import DictLoader, Environment, StrictUndefined

_HEADERS = {
    "Server": "demo",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
_ASSETS = {"/assets/demo.css": ("style.css", "text/css"), "/assets/demo.js": ("script.js", "text/javascript")}
_TICK = 1.0


class Demo:
    """The application. `identity` are the header names that tell who is asking, `own` is the path of the gateway's own pages."""

    def __init__(self, identity: Sequence[str], assertion: str | None, own: str) -> None:
        self._identity = tuple(identity)
        self._assertion = assertion
        self._own = own
        self._sockets: set[web.WebSocketResponse] = set()
        folder = resources.files(__package__)
        templates = Environment(
            loader=DictLoader({"page": (folder / "page.html").read_text("utf-8")}),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._page = templates.get_template("page")
        self._assets = {path: ((folder / name).read_bytes(), kind) for path, (name, kind) in _ASSETS.items()}

    def application(self) -> web.Application:
        """The routes."""
        application = web.Application()
        for path in self._assets:
            application.router.add_get(path, self._asset)
        application.router.add_get("/events", self._events)
        application.router.add_get("/echo", self._echo)
        application.router.add_get("/{path:.*}", self._show)
        application.on_shutdown.append(self._close_sockets)
        return application

    async def _show(self, request: web.Request) -> web.Response:
        sections = {"/": "home", "/public": "public", "/admin": "admin"}
        section = sections.get(request.path.rstrip("/") or "/")
        shown = {name.lower() for name in self._identity}
        page = self._page.render(
            section=section,
            path=request.path,
            own=self._own,
            identity=[(name, request.headers.get(name)) for name in self._identity],
            assertion=self._assertion,
            token=request.headers.get(self._assertion, "") if self._assertion else "",
            name=request.headers.get(self._identity[0], "") if self._identity else "",
            headers=[(name, value) for name, value in request.headers.items() if name.lower() not in shown],
            method=request.method,
        )
        return web.Response(status=200 if section else 404, text=page, content_type="text/html", headers=_HEADERS)

    async def _asset(self, request: web.Request) -> web.Response:
        body, kind = self._assets[request.path]
        return web.Response(body=body, content_type=kind, charset="utf-8", headers={"Cache-Control": "max-age=300"})

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: the time, each second, until the client leaves."""
        response = web.StreamResponse(headers={**_HEADERS, "Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            while True:
                await response.write(f"data: {time.strftime('%H:%M:%S')}\n\n".encode("ascii"))
                await asyncio.sleep(_TICK)
        except ConnectionError:
            return response  # the client left

    async def _echo(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=65536)
        await socket.prepare(request)
        self._sockets.add(socket)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await socket.send_str(message.data)
                elif message.type is WSMsgType.BINARY:
                    await socket.send_bytes(message.data)
        finally:
            self._sockets.discard(socket)
        return socket

    async def _close_sockets(self, _: web.Application) -> None:
        for socket in tuple(self._sockets):
            await socket.close()
