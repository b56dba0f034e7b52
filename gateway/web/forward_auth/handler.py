"""The checks: what a proxy hears. The decision is the gatekeeper's, as for a proxied request; only the words differ (core/answer.py).

Exactly 200 allows. Every identity header stands on every 200, empty where there is nothing (CVE-2026-30851). The body of a check is never read, its
Content-Length and Upgrade are ignored, but a connection on which a body is still to come ends with the answer. Two proxies cannot cut a cookie out of
a header: they are told what to put in its place. A 200 is written by us, in the one form that both ways of answering send.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
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
from gateway.web.ready import Closing, Ready
from gateway.web.request import Asked, Check, Untrusted, read_check, read_little

log = logging.getLogger("gateway.forward_auth")

_OK: Final = b"HTTP/1.1 200 OK\r\n"
_COOKIE: Final = len("cookie")
#: Traefik and Envoy: their recipes exchange the application's Cookie header for the one of a 200. The others cut for themselves.
_TOLD_COOKIES: Final = frozenset({Surface.TRAEFIK, Surface.ENVOY})


class ForwardAuth:
    """Answers `/check/<dialect>`."""

    def __init__(self, gatekeeper: Gatekeeper, problems: Problems, closing: Closing) -> None:
        self._gatekeeper = gatekeeper
        self._problems = problems
        self._closing = closing

    def at_once(self, method: str, below: str, headers: Headers, snapshot: Snapshot, exchange: Exchange) -> bytes | None:
        """The whole 200 for a check of somebody whose session is at hand; None: ask `handle`, which says everything else. Never raises for what a
        client can send."""
        sought = snapshot.cookie.name.encode("ascii")
        for name, value in headers:
            if len(name) == _COOKIE and sought in value:
                break
        else:
            return None  # nobody is logged in: no 200, or one that costs nothing
        dialect, rest = _dialect(below)
        if dialect is None:
            return None
        surface, ask = dialect
        try:
            facts = read_check(ask, method, rest, headers, exchange.peer, snapshot)
        except (Untrusted, Malformed):
            return None
        admission = self._gatekeeper.admit_now(snapshot, facts, surface)
        if admission is None or not isinstance(admission.answer, Pass):
            return None
        exchange.facts = facts
        exchange.admitted(admission)
        return self._allowed(admission, surface, headers, snapshot, exchange) + b"\r\n"

    async def handle(self, request: web.BaseRequest, below: str, snapshot: Snapshot, exchange: Exchange) -> web.StreamResponse:
        """`below` is the raw target behind `/check/`: the dialect, and for Envoy what was asked."""
        response = await self._answer(request, below, snapshot, exchange)
        if not request.content.is_eof():
            # The proxy passed on the length of a client's body, but not the body: the client would choose how much of the next check on this
            # connection is taken for it, and so what that one asks.
            response.force_close()
        return response

    async def _answer(self, request: web.BaseRequest, below: str, snapshot: Snapshot, exchange: Exchange) -> web.StreamResponse:
        dialect, rest = _dialect(below)
        if dialect is None:
            return self._refused(Fail(404, Problem.NOT_FOUND), request, snapshot, exchange)
        surface, ask = dialect
        try:
            facts = read_check(ask, request.method, rest, request.raw_headers, exchange.peer, snapshot)
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

    def _said(
        self, admission: Admission, surface: Surface, facts: Facts, headers: Headers, snapshot: Snapshot, exchange: Exchange
    ) -> web.StreamResponse:
        response: web.Response
        match admission.answer:
            case Pass():
                return Ready(self._allowed(admission, surface, headers, snapshot, exchange))
            case Redirect(location=location):
                response = web.Response(status=303, headers={"Location": location, "Cache-Control": "no-store", "Vary": "Cookie"})
            case Fail() as fail:
                response = self._problems.answer(fail, facts, snapshot, exchange.request_id)
                if fail.login_url is not None and fail.problem is Problem.LOGIN_REQUIRED:
                    response.headers["Location"] = fail.login_url
        if admission.set_cookie is not None:
            response.headers.add("Set-Cookie", admission.set_cookie)
        return response

    def _allowed(self, admission: Admission, surface: Surface, headers: Headers, snapshot: Snapshot, exchange: Exchange) -> bytes:
        """The head of a 200, but for its empty line."""
        introduction = admission.introduction
        lines = [_OK, introduction.lines]
        cookie = _foreign_cookies(headers, snapshot.own_cookies) if surface in _TOLD_COOKIES else b""
        if cookie:
            lines += (b"Cookie: ", cookie, b"\r\n")
        if surface is Surface.ENVOY:
            # Envoy overwrites headers but keeps empty ones; what is empty must be gone, or it would be the client's.
            empty = [name for name, value in introduction.headers if not value]
            lines += (b"X-Envoy-Auth-Headers-To-Remove: ", b",".join(empty if cookie else [*empty, b"Cookie"]), b"\r\n")
            if admission.set_cookie is not None:
                lines.append(b"Cache-Control: private, no-store\r\n")  # joins the application's on its way to the browser
        if admission.set_cookie is not None:
            lines += (b"Set-Cookie: ", admission.set_cookie.encode("ascii"), b"\r\n")
        lines += (b"X-Request-Id: ", exchange.request_id.encode("ascii"), b"\r\n", self._closing.lines())
        return b"".join(lines)


def _dialect(below: str) -> tuple[tuple[Surface, Callable[[Check], Asked]] | None, str]:
    """The dialect that a check is asked in, None where there is none, and the rest of its target (Envoy's question)."""
    known = DIALECTS.get(below)
    if known is not None:
        return known, ""
    name, slash, rest = below.partition("/")
    known = DIALECTS.get(name.partition("?")[0])
    if known is None or (slash and known[0] is not Surface.ENVOY):
        # `/check/traefik/../../login` is `/login` to a proxy that keeps checks from outside by the path as it understands it.
        return None, ""
    return known, f"{slash}{rest}"


def _foreign_cookies(headers: Headers, own: frozenset[bytes]) -> bytes:
    """What an application may see of the cookies that were sent (DESIGN 1.8): all but ours. Empty when nothing is left."""
    kept = [cut_cookies(value, own) for name, value in headers if len(name) == _COOKIE and name.lower() == b"cookie"]
    return kept[0] if len(kept) == 1 else b"; ".join([value for value in kept if value])
