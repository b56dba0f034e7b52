"""Logging out (DESIGN 1.5): GET asks and changes nothing, POST does it.

The session ends in the store first; then the browser's cookie is cleared with the attributes it was set with, and the login mark with it. Where the
store is away the cookie is cleared all the same and the page says what that means. Without a session the same happens, so that nothing can be
learned from it. There is no `next`: after a logout one is on a page of ours (CVE-2021-29456).
"""

from __future__ import annotations

import logging

from aiohttp import web

from gateway.core.answer import RETRY_AFTER, Fail, Problem
from gateway.services import StoreAway
from gateway.services.sessions import Found, Sessions
from gateway.web.pages.answers import see_other
from gateway.web.pages.forms import Distrust, distrust, read_form
from gateway.web.pages.problems import Problems, json_problem
from gateway.web.pages.visit import Visit

log = logging.getLogger("gateway.pages")

_DISTRUST = {
    Distrust.NO_COOKIE: "Your browser did not send back the cookie that this form needs. Allow cookies for this site, then try again.",
    Distrust.STALE: "This page was open for too long, or belongs to another login. You can log out now.",
    Distrust.CROSS_SITE: "This came from another site, so it was not used. You can log out here if you want to.",
}


class LogoutPage:
    """GET asks, POST does."""

    def __init__(self, sessions: Sessions, problems: Problems) -> None:
        self._sessions = sessions
        self._problems = problems

    async def ask(self, visit: Visit) -> web.Response:
        """The question."""
        return await self._form(visit)

    async def end(self, visit: Visit) -> web.Response:
        """End the sessions that are presented."""
        fields = await read_form(visit)
        if isinstance(fields, Fail):
            return self._problems.answer(fields, visit.facts, visit.snapshot, visit.request_id, close=True)
        if (why := distrust(visit, fields)) is not None:
            if not visit.facts.navigating:
                return json_problem(Fail(403, Problem.FORM_REFUSED, why.value), visit.request_id)
            return await self._form(visit, status=403, notice=_DISTRUST[why])
        try:
            await self._sessions.end(visit.snapshot, visit.facts)
        except StoreAway as away:
            log.warning("request %s: a session could not be ended: %s", visit.request_id, away)
            return self._cleared(visit, self._store_away(visit))
        return self._cleared(visit, see_other(visit, f"{visit.snapshot.places.prefix}/signed-out"))

    async def signed_out(self, visit: Visit) -> web.Response:
        """Where a logout leads."""
        return self._problems.renderer.page("signed_out.html", visit.snapshot, visit.request_id, visit.reader)

    async def _form(self, visit: Visit, *, status: int = 200, notice: str | None = None) -> web.Response:
        found = await self._sessions.peek(visit.snapshot, visit.facts)
        response = self._problems.renderer.page(
            "logout.html",
            visit.snapshot,
            visit.request_id,
            visit.reader,
            status=status,
            field=visit.field(),
            who=found.session.identity if isinstance(found, Found) else None,
            notice=notice,
        )
        return visit.keep(response)

    def _cleared(self, visit: Visit, response: web.Response) -> web.Response:
        cookie, host = visit.snapshot.cookie, visit.facts.host
        lines = cookie.expiring_variants(host) if len(visit.presented) > 1 else (cookie.expiring(host),)
        for line in lines:
            response.headers.add("Set-Cookie", line)
        return visit.mark(response, visit.form_cookie.marked(0))

    def _store_away(self, visit: Visit) -> web.Response:
        if visit.facts.navigating:
            page = self._problems.renderer.page("not_ended.html", visit.snapshot, visit.request_id, visit.reader, status=503)
        else:
            page = json_problem(Fail(503, Problem.STORE_AWAY, "the cookie is cleared, but the session could not be ended"), visit.request_id)
        page.headers["Retry-After"] = str(RETRY_AFTER)
        return page
