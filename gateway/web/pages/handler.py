"""Own paths: the table of endpoints, and which host serves what (DESIGN 1.4).

1. Keys and assets answer on any host. 2. public_url's host serves everything. 3. Other hosts that the configuration names serve what a login there
needs; another own page is a 303 to public_url, made of the configuration and never of a Host header. 4. A host that nobody named gets 421.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from aiohttp import web

from gateway.core.answer import Fail, Problem
from gateway.core.facts import Facts
from gateway.services.login import Login
from gateway.services.sessions import Sessions
from gateway.snapshot import Snapshot
from gateway.web.exchange import Exchange
from gateway.web.pages.answers import see_other
from gateway.web.pages.language import LanguagePage
from gateway.web.pages.login import LoginPage
from gateway.web.pages.logout import LogoutPage
from gateway.web.pages.policy import asset_headers
from gateway.web.pages.problems import Problems
from gateway.web.pages.table import Endpoint, Reach
from gateway.web.pages.visit import Visit, read_visit
from gateway.web.pages.who import WhoPage

_STATIC: Final = "/static/"


class Pages:
    """All own pages. `jwks` makes the body of `/jwks.json`; `clock` is seconds since 1970; `more` are rows of further groups of pages."""

    def __init__(
        self,
        sessions: Sessions,
        login: Login,
        problems: Problems,
        jwks: Callable[[Snapshot], bytes],
        clock: Callable[[], float],
        more: Sequence[Endpoint] = (),
    ) -> None:
        self._sessions = sessions
        self._problems = problems
        self._assets = problems.renderer.assets
        self._jwks = jwks
        self._clock = clock
        login_page, logout_page, who_page = LoginPage(sessions, login, problems), LogoutPage(sessions, problems), WhoPage(sessions, problems)
        self.endpoints: tuple[Endpoint, ...] = (
            Endpoint("GET", "/login", Reach.KNOWN, login_page.show),
            Endpoint("POST", "/login", Reach.KNOWN, login_page.attempt),
            Endpoint("GET", "/logout", Reach.KNOWN, logout_page.ask),
            Endpoint("POST", "/logout", Reach.KNOWN, logout_page.end),
            Endpoint("GET", "/signed-out", Reach.KNOWN, logout_page.signed_out),
            Endpoint("GET", "/session", Reach.KNOWN, who_page.tell),
            Endpoint("GET", "/jwks.json", Reach.ANY, self._tell_keys),
            Endpoint("GET", "/static/*", Reach.ANY, self._serve_asset),
            *LanguagePage(problems).endpoints(),
            *more,
        )
        self._by_path: dict[str, dict[str, Endpoint]] = {}
        for endpoint in self.endpoints:
            self._by_path.setdefault(endpoint.path, {})[endpoint.method] = endpoint

    async def handle(self, request: web.BaseRequest, own_path: str, facts: Facts, snapshot: Snapshot, exchange: Exchange) -> web.Response:
        """Answer a request for `own_path`, the path below the prefix (`/login`)."""
        facts = _looking(request, facts)
        visit = read_visit(request, facts, snapshot, exchange, tuple(self._sessions.presented(snapshot, facts)), self._clock())
        methods = self._by_path.get("/static/*" if own_path.startswith(_STATIC) and own_path != _STATIC else own_path, {})
        reach = next((endpoint.reach for endpoint in methods.values()), Reach.PUBLIC)
        if reach is not Reach.ANY and not snapshot.places.knows(facts.host):
            return self._fail(Fail(421, Problem.UNKNOWN_HOST), visit)
        if not methods:
            return self._fail(Fail(404, Problem.NOT_FOUND), visit)
        if reach is Reach.PUBLIC and facts.host != snapshot.places.public.host:
            query = "" if facts.query is None else f"?{facts.query}"
            return see_other(visit, snapshot.places.public_url(own_path) + query)
        allowed = _allowed(methods)
        if facts.method == "OPTIONS":
            return web.Response(status=204, headers={"Allow": allowed, "Cache-Control": "no-store", "X-Request-Id": exchange.request_id})
        endpoint = methods.get("GET" if facts.method == "HEAD" else facts.method)
        if endpoint is None:
            response = self._fail(Fail(405, Problem.METHOD_NOT_ALLOWED), visit)
            response.headers["Allow"] = allowed
            return response
        return await endpoint.answer(visit)

    async def _tell_keys(self, visit: Visit) -> web.Response:
        """A few minutes in caches: a new key is on all replicas before it signs."""
        headers = {"Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff", "Access-Control-Allow-Origin": "*"}
        return web.Response(body=self._jwks(visit.snapshot), content_type="application/json", headers=headers)

    async def _serve_asset(self, visit: Visit) -> web.Response:
        self._assets.of_mark(visit.snapshot.mark)
        asset = self._assets.find(visit.facts.path.removeprefix(visit.snapshot.places.prefix + _STATIC))
        if asset is None:
            return self._fail(Fail(404, Problem.NOT_FOUND), visit)
        return web.Response(body=asset.body, headers={"Content-Type": asset.media_type, **asset_headers()})

    def _fail(self, fail: Fail, visit: Visit) -> web.Response:
        return self._problems.answer(fail, visit.facts, visit.snapshot, visit.request_id)


def _allowed(methods: dict[str, Endpoint]) -> str:
    return ", ".join([*(["GET", "HEAD"] if "GET" in methods else []), "OPTIONS", *(["POST"] if "POST" in methods else [])])


def _looking(request: web.BaseRequest, facts: Facts) -> Facts:
    """`facts`, a form's POST by a browser that does not send `Sec-Fetch-Mode` (an old one; any on plain http) being a navigation too."""
    headers = request.headers
    if facts.method != "POST" or "Sec-Fetch-Mode" in headers or "X-Requested-With" in headers or "text/html" not in headers.get("Accept", ""):
        return facts
    return facts._replace(navigating=True)
