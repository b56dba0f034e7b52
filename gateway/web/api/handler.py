"""The API's table of routes, and what holds for all of them: who may change things, what a body must be, a store that is away.

Every answer is JSON, whoever asks. A path without its slash at the end gets the same answer, not a redirect.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

from aiohttp import web

from gateway.core.api import ApiPlace, Asked
from gateway.core.facts import Facts
from gateway.services import StoreAway
from gateway.snapshot import Snapshot
from gateway.web.api.body import BadBody, BadFields, Fields, read_values
from gateway.web.api.call import Call, refuse, store_away
from gateway.web.api.trust import SAFE, allow_methods, allow_origin, is_foreign
from gateway.web.exchange import Exchange


class Endpoint(NamedTuple):
    """A row of the table; `path` as core.api.PATHS writes it. `fields` None: no body is read."""

    method: str
    path: str
    answer: Callable[[Call], Awaitable[web.Response]]
    fields: Fields | None = None


class Api:
    """Constructed once, with every route there is."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self.endpoints = tuple(endpoints)
        self._by_path: dict[str, dict[str, Endpoint]] = {}
        for endpoint in self.endpoints:
            self._by_path.setdefault(endpoint.path, {})[endpoint.method] = endpoint

    async def handle(
        self, request: web.BaseRequest, asked: Asked, place: ApiPlace, facts: Facts, snapshot: Snapshot, exchange: Exchange
    ) -> web.Response:
        """Answer a request for `asked` at `place`."""
        exchange.facts = facts = facts._replace(navigating=False)  # what fails beyond here is told as JSON too
        response = await self._answer(Call(request, facts, snapshot, exchange, asked.id), asked, place)
        allow_origin(response, facts, place)
        return response

    async def _answer(self, call: Call, asked: Asked, place: ApiPlace) -> web.Response:
        request, facts = call.request, call.facts
        if facts.encoded:
            return refuse(call, 400, "the address is written in a way that programs read differently")
        methods = self._by_path.get(asked.path or "", {})
        if not methods:
            return refuse(call, 404, "there is nothing at this address")
        allowed = _allowed(methods)
        if facts.method == "OPTIONS":
            headers = {"Allow": allowed, "Cache-Control": "no-store", "X-Request-Id": call.exchange.request_id}
            response = web.Response(status=204, headers=headers)
            allow_methods(response, request, facts, place, allowed)
            return response
        endpoint = methods.get("GET" if facts.method == "HEAD" else facts.method)
        if endpoint is None:
            response = refuse(call, 405, f"this address knows {allowed}")
            response.headers["Allow"] = allowed
            return response
        if facts.method not in SAFE and is_foreign(request, facts, call.snapshot, place):
            return refuse(call, 403, "this was sent from another site, so it was not done")
        return await _try(endpoint, call)


async def _try(endpoint: Endpoint, call: Call) -> web.Response:
    try:
        if endpoint.fields is not None:
            values = await read_values(call.request, endpoint.fields, call.snapshot.limits.body_idle)
            call = replace(call, values=values)
        return await endpoint.answer(call)
    except BadBody as bad:
        response = refuse(call, bad.status, str(bad))
        if not call.request.content.at_eof():
            response.force_close()  # the rest of the body is not read
        return response
    except BadFields as bad:
        return refuse(call, 422, bad.faults)
    except StoreAway:
        return store_away(call)


def _allowed(methods: dict[str, Endpoint]) -> str:
    return ", ".join([*(["GET", "HEAD"] if "GET" in methods else []), "OPTIONS", *(name for name in sorted(methods) if name != "GET")])
