"""Choosing a language: `/language`. What is chosen is kept in a cookie of this host, for a year; it says nothing about anybody, and nothing else uses
it."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from aiohttp import web

from gateway.core.answer import Fail, Problem
from gateway.core.cookies import format_cookie
from gateway.core.languages import LANGUAGE_COOKIE
from gateway.web.pages.answers import see_other
from gateway.web.pages.faults import NOT_BELIEVED
from gateway.web.pages.fields import asked
from gateway.web.pages.forms import distrust, read_form
from gateway.web.pages.problems import Problems, json_problem
from gateway.web.pages.table import Endpoint, Reach
from gateway.web.pages.visit import Visit

#: How long a choice is kept (seconds).
KEPT: Final = 365 * 86400
_PATH: Final = "/language"
_OWN: Final = re.compile(r"(?:/[a-z-]+)+")


class LanguagePage:
    """GET shows the languages, POST keeps one and goes back to where somebody came from."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Its rows of the table."""
        return Endpoint("GET", _PATH, Reach.KNOWN, self.show), Endpoint("POST", _PATH, Reach.KNOWN, self.choose)

    async def show(self, visit: Visit) -> web.Response:
        """A button for each."""
        return self._form(visit, asked(visit.facts.query, "next"))

    async def choose(self, visit: Visit) -> web.Response:
        """Keep what was chosen."""
        fields = await read_form(visit)
        if isinstance(fields, Fail):
            return self._problems.answer(fields, visit.facts, visit.snapshot, visit.request_id, close=True)
        if (why := distrust(visit, fields, for_nobody=True)) is not None:
            if not visit.facts.navigating:
                return json_problem(Fail(403, Problem.FORM_REFUSED, why.value), visit.request_id)
            return self._form(visit, fields.get("next"), status=403, notice=NOT_BELIEVED[why])
        language, snapshot = fields.get("language", ""), visit.snapshot
        if language not in snapshot.languages:
            return self._problems.answer(Fail(400, Problem.MALFORMED), visit.facts, snapshot, visit.request_id)
        response = see_other(visit, self._back(visit, fields.get("next")))
        line = format_cookie(LANGUAGE_COOKIE, language, KEPT, secure=snapshot.places.public.scheme == "https", same_site="lax", domain=None)
        response.headers.add("Set-Cookie", line)
        return response

    def _form(self, visit: Visit, back: str | None, *, status: int = 200, notice: str | None = None) -> web.Response:
        page = self._problems.renderer.page(
            "language.html",
            visit.snapshot,
            visit.request_id,
            visit.reader,
            status=status,
            csrf=visit.field(),
            next=self._back(visit, back),
            notice=notice,
        )
        return visit.keep(page)

    def _back(self, visit: Visit, asked_for: str | None) -> str:
        """Where to go on: an own page of this host, which is the one that the cookie is for."""
        places, host = visit.snapshot.places, visit.facts.host
        path, _, query = (asked_for or "").partition("?")
        own = places.own(path) or ""
        if _OWN.fullmatch(own) is None:
            own = "/account" if host == places.public.host else "/login"
        target = asked(query, "next") if own == "/login" else None
        return f"{places.prefix}{own}" + (f"?next={quote(places.safe_next(target, host), safe='/:')}" if target else "")
