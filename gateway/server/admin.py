"""The admin listener: health, readiness and metrics for machines. Never on the public listener, and nothing here changes anything."""

from __future__ import annotations

import json

from aiohttp import web

from gateway.server.readiness import Readiness
from gateway.telemetry.metrics import CONTENT_TYPE, Metrics

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class Admin:
    """The handler of the admin listener."""

    def __init__(self, readiness: Readiness, metrics: Metrics) -> None:
        self._readiness = readiness
        self._metrics = metrics

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        if request.method not in ("GET", "HEAD"):
            return web.Response(status=405, headers={**_HEADERS, "Allow": "GET, HEAD"})
        path, _, query = request._message.path.partition("?")
        match path:
            case "/healthz":
                return _say(200, {"status": "alive"})
            case "/readyz":
                report = await self._readiness.report()
                return _say(200 if report.ready(strict=_asks_strict(query)) else 503, report.fields())
            case "/metrics":
                return web.Response(body=self._metrics.render(), headers={**_HEADERS, "Content-Type": CONTENT_TYPE})
            case _:
                return _say(404, {"error": "not_found"})

    @staticmethod
    def refuse(request: web.BaseRequest, status: int, /) -> web.Response:
        """The answer to what could not be understood."""
        return _say(status, {"error": "malformed"})


def _asks_strict(query: str) -> bool:
    return any(part.partition("=")[0] == "strict" for part in query.split("&"))


def _say(status: int, fields: dict[str, str]) -> web.Response:
    return web.Response(status=status, body=json.dumps(fields).encode("ascii"), content_type="application/json", headers=_HEADERS)
