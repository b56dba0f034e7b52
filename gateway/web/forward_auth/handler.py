"""The checks: what a proxy hears. The decision is the gatekeeper's, as for a proxied request; only the words differ (core/answer.py).

Exactly 200 allows. Every identity header stands on every 200, empty where there is nothing (CVE-2026-30851). The body of a check is never read, its
Content-Length and Upgrade are ignored, but a connection on which a body is still to come ends with the answer. Two proxies cannot cut a cookie out of
a header: they are told what to put in its place.
"""

from __future__ import annotations

import logging
from typing import Final

from aiohttp import web

from gateway.core.answer import Fail, Pass, Problem, Redirect
from gateway.core.facts import Facts, Surface
from gateway.core.headers import Headers, cut_cookies
from gateway.core.urls import Malformed
from gateway.services.gatekeeper import Admission, Gatekeeper
from gateway.snapshot import Snapshot
from gateway.web.exchange import Exchange
from gateway.web.forward_auth.dialects import DIALECTS
from gateway.web.pages.problems import Problems
from gateway.web.request import Untrusted, read_check, read_little

log = logging.getLogger("gateway.forward_auth")

#: Traefik and Envoy: their recipes exchange the application's Cookie header for the one of a 200. The others cut for themselves.
_TOLD_COOKIES: Final = frozenset({Surface.TRAEFIK, Surface.ENVOY})


class ForwardAuth:
    """Answers `/check/<dialect>`."""

    def __init__(self, gatekeeper: Gatekeeper, problems: Problems) -> None:
        self._gatekeeper = gatekeeper
        self._problems = problems

    async def handle(self, request: web.BaseRequest, below: str, snapshot: Snapshot, exchange: Exchange) -> web.StreamResponse:
        """`below` is the raw target behind `/check/`: the dialect, and for Envoy what was asked."""
        response = await self._answer(request, below, snapshot, exchange)
        if not request.content.is_eof():
            # The proxy passed on the length of a client's body, but not the body: the client would choose how much of the next check on this
            # connection is taken for it, and so what that one asks.
            response.force_close()
        return response

    async def _answer(self, request: web.BaseRequest, below: str, snapshot: Snapshot, exchange: Exchange) -> web.StreamResponse:
        name, slash, rest = below.partition("/")
        name = name.partition("?")[0]
        dialect = DIALECTS.get(name)
        if dialect is None or (slash and dialect[0] is not Surface.ENVOY):
            # `/check/traefik/../../login` is `/login` to a proxy that keeps checks from outside by the path as it understands it.
            return self._refused(Fail(404, Problem.NOT_FOUND), request, snapshot, exchange)
        surface, ask = dialect
        try:
            facts = read_check(ask, request.method, f"{slash}{rest}", request.raw_headers, exchange.peer, snapshot)
        except Untrusted as error:
            # Behind nginx nobody sees the page that says so.
            log.warning("request %s: %s; %s is not in server.trusted_proxies", exchange.request_id, error, exchange.peer or "a unix socket")
            return self._refused(Fail(403, Problem.REFUSED, str(error)), request, snapshot, exchange)
        except Malformed as error:
            status = 403 if surface is Surface.NGINX else 400
            return self._refused(Fail(status, Problem.MALFORMED, str(error)), request, snapshot, exchange)
        exchange.facts = facts
        admission = await self._gatekeeper.admit(snapshot, facts, surface)
        exchange.admitted(admission)
        return self._said(admission, surface, facts, request.raw_headers, snapshot, exchange)

    def _refused(self, fail: Fail, request: web.BaseRequest, snapshot: Snapshot, exchange: Exchange) -> web.Response:
        """The answer to a check that was not understood."""
        return self._problems.answer(fail, read_little(request.method, request.raw_headers, snapshot), snapshot, exchange.request_id)

    def _said(self, admission: Admission, surface: Surface, facts: Facts, headers: Headers, snapshot: Snapshot, exchange: Exchange) -> web.Response:
        response: web.Response
        match admission.answer:
            case Pass():
                response = web.Response(status=200)
                for name, value in admission.identity_headers:
                    response.headers.add(name.decode("ascii"), value.decode("ascii"))
                cookie = _foreign_cookies(headers, snapshot.own_cookies) if surface in _TOLD_COOKIES else ""
                if cookie:
                    response.headers["Cookie"] = cookie
                if surface is Surface.ENVOY:
                    # Envoy overwrites headers but keeps empty ones; what is empty must be gone, or it would be the client's.
                    empty = [name.decode("ascii") for name, value in admission.identity_headers if not value]
                    response.headers["X-Envoy-Auth-Headers-To-Remove"] = ",".join(empty if cookie else [*empty, "Cookie"])
                    if admission.set_cookie is not None:
                        response.headers["Cache-Control"] = "private, no-store"  # joins the application's on its way to the browser
                response.headers["X-Request-Id"] = exchange.request_id
            case Redirect(location=location):
                response = web.Response(status=303, headers={"Location": location, "Cache-Control": "no-store", "Vary": "Cookie"})
            case Fail() as fail:
                response = self._problems.answer(fail, facts, snapshot, exchange.request_id)
                if fail.login_url is not None and fail.problem is Problem.LOGIN_REQUIRED:
                    response.headers["Location"] = fail.login_url
        if admission.set_cookie is not None:
            response.headers.add("Set-Cookie", admission.set_cookie)
        return response


def _foreign_cookies(headers: Headers, own: frozenset[bytes]) -> str:
    """What an application may see of the cookies that were sent (DESIGN 1.8): all but ours. Empty when nothing is left."""
    kept = [cut_cookies(value, own) for name, value in headers if name.lower() == b"cookie"]
    return "; ".join(value.decode("utf-8", "replace") for value in kept if value)
