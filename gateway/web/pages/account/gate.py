"""The way in and out of every account page: who is there, whether what they sent is theirs, and the cookie that the answer must bring."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from gateway.core.answer import RETRY_AFTER, Fail, Problem
from gateway.core.decide import Nobody
from gateway.services import StoreAway
from gateway.services.self_service import Vanished
from gateway.services.sessions import Found, Sessions, Started
from gateway.web.pages.account.words import DONE, TOO_MANY
from gateway.web.pages.answers import expire_planted, see_other
from gateway.web.pages.faults import Fault
from gateway.web.pages.fields import asked
from gateway.web.pages.forms import Distrust, distrust, read_form
from gateway.web.pages.problems import Problems, json_problem
from gateway.web.pages.render import Reader
from gateway.web.pages.visit import Visit

log = logging.getLogger("gateway.pages")

_PROBLEMS: Final = {403: Problem.FORM_REFUSED, 422: Problem.NOT_VALID, 429: Problem.THROTTLED}

Page = Callable[[Visit, Found], Awaitable[web.Response]]


@dataclass(frozen=True, slots=True)
class Sent:
    """A form that somebody who is logged in sent; `distrust` says why it is not believed, None when it is."""

    fields: dict[str, str]
    distrust: Distrust | None

    def field(self, name: str) -> str:
        """What was typed, '' where nothing was."""
        return self.fields.get(name, "")


Form = Callable[[Visit, Found, Sent], Awaitable[web.Response]]


class Gate:
    """Made once for all account pages."""

    def __init__(self, sessions: Sessions, problems: Problems) -> None:
        self._sessions = sessions
        self.problems = problems

    def shows(self, page: Page) -> Callable[[Visit], Awaitable[web.Response]]:
        """An endpoint that shows `page` to whoever is logged in."""

        async def show(visit: Visit) -> web.Response:
            return await self.let_in(visit, lambda found: page(visit, found))

        return show

    def takes(self, form: Form) -> Callable[[Visit], Awaitable[web.Response]]:
        """An endpoint that hands what was sent to `form`."""

        async def take(visit: Visit) -> web.Response:
            fields = await read_form(visit)
            if isinstance(fields, Fail):
                return self.problems.answer(fields, visit.facts, visit.snapshot, visit.request_id, close=True)
            why = distrust(visit, fields)
            if why is not None and not visit.facts.navigating:
                return json_problem(Fail(403, Problem.FORM_REFUSED, why.value), visit.request_id)
            return await self.let_in(visit, lambda found: form(visit, found, Sent(fields, why)))

        return take

    def page(self, visit: Visit, template: str, *, status: int = 200, **values: object) -> web.Response:
        """A page with a form of ours."""
        renderer, reader = self.problems.renderer, visit.reader if status < 400 else Reader(visit.language)
        response = renderer.page(template, visit.snapshot, visit.request_id, reader, status=status, form_scheme=None, csrf=visit.field(), **values)
        return visit.keep(response)

    def form(
        self,
        visit: Visit,
        template: str,
        *,
        status: int = 200,
        faults: Sequence[Fault] = (),
        notice: str | None = None,
        wait: float | None = None,
        **values: object,
    ) -> web.Response:
        """A page that shows a form, what is wrong with what was sent, and what was done before. `wait` (seconds) makes it a 429."""
        if wait is not None:
            status, notice = 429, TOO_MANY
        if status >= 400 and not visit.facts.navigating:
            detail = ", ".join(fault.field for fault in faults)
            response = json_problem(Fail(status, _PROBLEMS[status], f"not valid: {detail}" if detail else None), visit.request_id)
        else:
            done = DONE.get(asked(visit.facts.query, "done") or "") if status == 200 else None
            response = self.page(visit, template, status=status, faults=list(faults), notice=notice, done=done, **values)
        if wait is not None:
            response.headers["Retry-After"] = str(max(math.ceil(wait), 1))
        return response

    def go(self, visit: Visit, path: str) -> web.Response:
        """303 to an own page."""
        return see_other(visit, visit.snapshot.places.prefix + path)

    def begun_again(self, visit: Visit, response: web.Response, started: Started) -> web.Response:
        """`response` with the cookie of a session that replaces the present one."""
        response.headers.add("Set-Cookie", visit.snapshot.cookie.line(started.cookie, visit.facts.host, started.max_age))
        return visit.mark(response, visit.form_cookie.marked(visit.now))

    def logged_out(self, visit: Visit, response: web.Response) -> web.Response:
        """`response`, after which the browser has no session and no mark of a login."""
        response.headers.add("Set-Cookie", visit.snapshot.cookie.expiring(visit.facts.host))
        return visit.mark(response, visit.form_cookie.marked(0))

    def away(self, visit: Visit) -> web.Response:
        """503: a store is away."""
        fail = Fail(503, Problem.STORE_AWAY, retry_after=RETRY_AFTER)
        return self.problems.answer(fail, visit.facts, visit.snapshot, visit.request_id)

    async def let_in(self, visit: Visit, go_on: Callable[[Found], Awaitable[web.Response]]) -> web.Response:
        """The answer of `go_on` for whoever is logged in; a log-in, or 401, for nobody."""
        match await self._sessions.load(visit.snapshot, visit.facts):
            case Nobody.UNKNOWN:
                return self.away(visit)
            case Found() as found:
                visit.exchange.user_id = found.session.identity.user_id
            case _:
                return self._ask_login(visit)
        try:
            return self._renewed(visit, found, await go_on(found))
        except StoreAway as away:
            log.warning("request %s: an account page could not be served: %s", visit.request_id, away)
            return self.away(visit)
        except Vanished:
            return self._ask_login(visit)

    def _ask_login(self, visit: Visit) -> web.Response:
        facts, places = visit.facts, visit.snapshot.places
        if not facts.navigating:
            fail = Fail(401, Problem.LOGIN_REQUIRED)
        elif facts.method in ("GET", "HEAD"):
            return expire_planted(visit, see_other(visit, places.login_url(facts)))
        else:
            fail = Fail(401, Problem.NOT_SENT, login_url=places.login_url(facts, facts.raw_path))
        return expire_planted(visit, self.problems.answer(fail, facts, visit.snapshot, visit.request_id))

    def _renewed(self, visit: Visit, found: Found, response: web.Response) -> web.Response:
        """`response`; it brings the session's cookie where the browser has an older one, unless it sets or clears that cookie itself."""
        cookie = visit.snapshot.cookie
        if found.cookie is None or any(line.startswith(f"{cookie.name}=") for line in response.headers.getall("Set-Cookie", [])):
            return response
        line = cookie.line(found.cookie, visit.facts.host, self._sessions.max_age(visit.snapshot, found.session))
        response.headers.add("Set-Cookie", line)
        return response
