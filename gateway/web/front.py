"""The front: the one handler behind every listener.

It makes facts, sends own paths to the API and the pages and the rest through the gatekeeper to the proxy, and writes one access line per request. No
middleware, no router: a proxied request passes through these few functions only.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Protocol, cast

from aiohttp import web
from aiohttp.http_parser import RawRequestMessage

from gateway.core.answer import Answer, Fail, Pass, Problem, Redirect
from gateway.core.decide import NoRoute
from gateway.core.facts import Facts, Surface
from gateway.core.urls import Malformed
from gateway.crypto.tokens import RequestIds
from gateway.services.gatekeeper import Admission, Gatekeeper
from gateway.snapshot import Live, Snapshot
from gateway.telemetry.access import AccessLog
from gateway.telemetry.metrics import Metrics
from gateway.web.api.handler import Api
from gateway.web.exchange import Exchange
from gateway.web.forward_auth.handler import ForwardAuth
from gateway.web.pages.handler import Pages
from gateway.web.pages.problems import Problems
from gateway.web.proxy.handler import Proxy
from gateway.web.request import Recent, read_facts, read_facts_again, read_little, to_remember

log = logging.getLogger("gateway.front")

_REFUSED: Final = {
    405: Problem.METHOD_NOT_ALLOWED,
    408: Problem.TIMED_OUT,
    414: Problem.URL_TOO_LONG,
    431: Problem.HEADERS_TOO_LARGE,
}


class Remembering(Protocol):
    """A connection, of which the peer and the scheme never change."""

    recent: Recent | None


class Front:
    """Constructed once; `handle` is what aiohttp calls. `monotonic` is in seconds."""

    def __init__(
        self,
        live: Live,
        gatekeeper: Gatekeeper,
        proxy: Proxy,
        pages: Pages,
        api: Api,
        forward_auth: ForwardAuth,
        problems: Problems,
        access_log: AccessLog,
        metrics: Metrics,
        request_ids: RequestIds,
        monotonic: Callable[[], float],
    ) -> None:
        self._live = live
        self._gatekeeper = gatekeeper
        self._proxy = proxy
        self._pages = pages
        self._api = api
        self._forward_auth = forward_auth
        self._problems = problems
        self._access_log = access_log
        self._metrics = metrics
        self._request_ids = request_ids
        self._monotonic = monotonic

    def at_once(self, message: RawRequestMessage, peer: str | None) -> bytes | None:
        """The whole answer to a request without a body, where nobody has to be waited for and it is asked often: a check of somebody who is logged
        in. None: ask `handle`, which answers everything."""
        snapshot = self._live.snapshot
        target = message.path
        checks = f"{snapshot.places.prefix}/check/"
        if not target.startswith(checks):
            return None
        exchange = Exchange(self._request_ids.next(), self._monotonic(), peer)
        answer = self._forward_auth.at_once(message.method, target[len(checks) :], message.raw_headers, snapshot, exchange)
        if answer is not None:
            self._metrics.received += 1
            exchange.status = 200
            self._note(exchange, message.method, target)
        return answer

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        snapshot = self._live.snapshot
        exchange = Exchange(self._request_ids.next(), self._monotonic(), request.remote or None)
        self._metrics.received += 1
        try:
            response = await self._answer(request, snapshot, exchange)
            exchange.status = response.status
            if isinstance(response, web.Response):
                if request.method != "HEAD":
                    exchange.sent = response.content_length or 0
                if not request.content.at_eof() and "Expect" in request.headers:
                    response.force_close()  # whoever asked first whether to send will not send: RFC 9110 section 10.1.1 wants that to be said
            return response
        except asyncio.CancelledError:
            exchange.status = exchange.status or 499  # the client left, nginx's number for it
            raise
        except Exception:
            log.exception("request %s failed", exchange.request_id)
            exchange.status = 500
            return self._problems.answer(Fail(500, Problem.INTERNAL), exchange.facts, snapshot, exchange.request_id, close=True)
        finally:
            self._note(exchange, request.method, request._message.path)

    def refuse(self, request: web.BaseRequest, status: int) -> web.Response:
        """The answer to bytes that were no request, with an access line of its own; `request` knows nothing but who sent them."""
        exchange = Exchange(self._request_ids.next(), self._monotonic(), request.remote or None)
        exchange.status = status
        self._metrics.received += 1
        self._access_log.line(exchange, "-", "-", 0.0)
        self._metrics.request(exchange.route, status, 0.0)
        fail = Fail(status, _REFUSED.get(status, Problem.MALFORMED))
        return self._problems.answer(fail, None, self._live.snapshot, exchange.request_id, close=True)

    def _note(self, exchange: Exchange, method: str, target: str) -> None:
        """The access line and the metrics of a request that has been answered."""
        duration = self._monotonic() - exchange.started
        self._access_log.line(exchange, method, target, duration)
        self._metrics.request(exchange.route, exchange.status, duration, answered=exchange.upstream is not None)

    async def _answer(self, request: web.BaseRequest, snapshot: Snapshot, exchange: Exchange) -> web.StreamResponse:
        target = request._message.path  # as it was sent: every public attribute has been through a URL parser
        checks = f"{snapshot.places.prefix}/check/"
        if target.startswith(checks):
            return await self._forward_auth.handle(request, target[len(checks) :], snapshot, exchange)
        try:
            facts = self._read_facts(request, target, snapshot, exchange)
        except Malformed as error:
            little = read_little(request.method, request.raw_headers, snapshot)
            return self._problems.answer(Fail(400, Problem.MALFORMED, str(error)), little, snapshot, exchange.request_id)
        exchange.facts = facts
        place = snapshot.api
        if place is not None and (asked := place.find(facts.host, facts.path)) is not None:
            return await self._api.handle(request, asked, place, facts, snapshot, exchange)
        own = snapshot.places.own(facts.path)
        if own is not None:
            if facts.encoded:
                return self._problems.answer(Fail(400, Problem.MALFORMED), facts, snapshot, exchange.request_id)
            return await self._pages.handle(request, own, facts, snapshot, exchange)
        admission = await self._gatekeeper.admit(snapshot, facts, Surface.PROXY)
        exchange.admitted(admission)
        return await self._carry_out(request, snapshot, exchange, facts, admission)

    def _read_facts(self, request: web.BaseRequest, target: str, snapshot: Snapshot, exchange: Exchange) -> Facts:
        connection = cast(Remembering, request.protocol)
        facts = read_facts_again(connection.recent, request.method, target, request.raw_headers, snapshot)
        if facts is None:
            facts = read_facts(request.method, target, request.raw_headers, exchange.peer, request.scheme, snapshot)
            # A tunnel lasts for days and asks nothing more.
            connection.recent = None if facts.upgrade else to_remember(request.raw_headers, snapshot, facts)
        return facts

    async def _carry_out(
        self, request: web.BaseRequest, snapshot: Snapshot, exchange: Exchange, facts: Facts, admission: Admission
    ) -> web.StreamResponse:
        if isinstance(admission.answer, Pass):
            return await self._proxy.handle(request, admission, snapshot, exchange)
        if isinstance(admission.decision, NoRoute) and admission.route is None and _asks_for_the_front_door(facts, snapshot):
            return self._said(Redirect(f"{snapshot.places.prefix}/account"), facts, snapshot, exchange)
        response = self._said(admission.answer, facts, snapshot, exchange)
        if admission.set_cookie is not None:
            response.headers.add("Set-Cookie", admission.set_cookie)
        return response

    def _said(self, answer: Answer, facts: Facts, snapshot: Snapshot, exchange: Exchange) -> web.Response:
        match answer:
            case Redirect(location=location):
                headers = {"Location": location, "Cache-Control": "no-store", "Vary": "Cookie", "X-Request-Id": exchange.request_id}
                return web.Response(status=303, headers=headers)
            case Fail() as fail:
                return self._problems.answer(fail, facts, snapshot, exchange.request_id)
            case Pass():
                raise AssertionError("a request that passes is the proxy's")


def _asks_for_the_front_door(facts: Facts, snapshot: Snapshot) -> bool:
    """Where no route takes `/` of public_url's host, it leads to the account page; a handshake is never redirected."""
    return facts.path == "/" and facts.host == snapshot.places.public.host and not facts.upgrade
