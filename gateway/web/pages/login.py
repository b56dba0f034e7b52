"""Logging in (DESIGN 1.5; 1.4 for `next`, 1.7 for cookies).

One message for every wrong login. `next` is judged when it comes in and again when it is used. A browser that has just logged in and comes back
without the session's cookie is told so, instead of being sent round and round. Where different sessions are presented (somebody planted one), nobody
is logged in and every variant of our cookie is expired.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from aiohttp import web

from gateway.core.answer import RETRY_AFTER, Fail, Problem
from gateway.core.decide import Nobody
from gateway.services import StoreAway
from gateway.services.login import LoggedIn, Login, Throttled, Unverified
from gateway.services.sessions import Found, Sessions
from gateway.web.languages import Phrase
from gateway.web.pages.answers import expire_planted, see_other
from gateway.web.pages.faults import Fault
from gateway.web.pages.fields import asked, in_words
from gateway.web.pages.forms import Distrust, distrust, read_form
from gateway.web.pages.problems import Problems, challenge, json_problem
from gateway.web.pages.visit import Visit

log = logging.getLogger("gateway.pages")

#: Asking for a login again so soon after one, without a session's cookie, is a loop (seconds).
LOOP_WITHIN: Final = 60


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the form, the password aside."""

    email: str = ""
    remember: bool = False
    next: str = "/"


_WRONG: Final = (
    Fault("email", "That e-mail address and password do not belong together.", "Check your e-mail address."),
    Fault("password", "", "Enter your password again."),
)
_DISTRUST: Final = {
    Distrust.NO_COOKIE: (
        "Your browser did not send back the cookie that this form needs.",
        "Allow cookies for this site in your browser, then log in again below.",
    ),
    Distrust.STALE: ("This form was open for too long, or belongs to another login.", "Nothing was sent. Please log in again below."),
    Distrust.CROSS_SITE: ("This form was sent from another site, so it was not used.", "If you want to log in, do it below."),
}


class LoginPage:
    """GET shows the form, POST logs in."""

    def __init__(self, sessions: Sessions, login: Login, problems: Problems) -> None:
        self._sessions = sessions
        self._login = login
        self._problems = problems

    async def show(self, visit: Visit) -> web.Response:
        """The form; where somebody is logged in already, on to `next`."""
        facts, snapshot = visit.facts, visit.snapshot
        target = snapshot.places.safe_next(asked(facts.query, "next"), facts.host)
        match await self._sessions.peek(snapshot, facts):
            case Found(session=session):
                visit.exchange.user_id = session.identity.user_id
                return see_other(visit, target)
            case Nobody.UNKNOWN:
                return self._store_away(visit)
        if not facts.cookies and 0 <= visit.now - visit.form_cookie.login < LOOP_WITHIN:
            return self._explain_loop(visit, target)
        return self._form(visit, Typed(next=target))

    async def attempt(self, visit: Visit) -> web.Response:
        """Log in with what was posted."""
        fields = await read_form(visit)
        if isinstance(fields, Fail):
            return self._problems.answer(fields, visit.facts, visit.snapshot, visit.request_id, close=True)
        facts, snapshot = visit.facts, visit.snapshot
        target = snapshot.places.safe_next(fields.get("next"), facts.host)
        typed = Typed(fields.get("email", "").strip(), fields.get("remember") == "1", target)
        password = fields.get("password", "")
        if (why := distrust(visit, fields, for_nobody=True)) is not None:
            return self._distrusted(visit, typed, why)
        if faults := _missing(typed.email, password):
            return self._form(visit, typed, status=401, problem=Problem.WRONG_LOGIN, faults=faults)
        try:
            outcome = await self._login.attempt(snapshot, facts, email=typed.email, password=password, remember=typed.remember)
        except StoreAway as away:
            log.warning("request %s: a login could not be tried: %s", visit.request_id, away)
            return self._store_away(visit)
        match outcome:
            case LoggedIn():
                return self._logged_in(visit, outcome, target)
            case Throttled(retry_after=seconds):
                return self._throttled(visit, typed, seconds)
            case Unverified():
                return self._unverified(visit, typed)
        return self._form(visit, typed, status=401, problem=Problem.WRONG_LOGIN, faults=_WRONG)

    def _logged_in(self, visit: Visit, outcome: LoggedIn, target: str) -> web.Response:
        host, cookie = visit.facts.host, visit.snapshot.cookie
        visit.exchange.user_id = outcome.started.session.identity.user_id
        response = see_other(visit, target)
        # The other variant goes first: clients that know cookies by name alone then keep the one that counts.
        if (other := cookie.expiring_other(host)) is not None:
            response.headers.add("Set-Cookie", other)
        response.headers.add("Set-Cookie", cookie.line(outcome.started.cookie, host, outcome.started.max_age))
        return visit.mark(response, visit.form_cookie.marked(visit.now))

    def _distrusted(self, visit: Visit, typed: Typed, why: Distrust) -> web.Response:
        happened, now = _DISTRUST[why]
        return self._form(visit, typed, status=403, problem=Problem.FORM_REFUSED, notice=(happened, now), detail=why.value)

    def _throttled(self, visit: Visit, typed: Typed, seconds: float) -> web.Response:
        wait = max(math.ceil(seconds), 1)
        notice = ("There were too many attempts to log in.", Phrase("Wait %(wait)s, then try again.", {"wait": in_words(wait)}))
        response = self._form(visit, typed, status=429, problem=Problem.THROTTLED, notice=notice)
        response.headers["Retry-After"] = str(wait)
        return response

    def _unverified(self, visit: Visit, typed: Typed) -> web.Response:
        if not visit.facts.navigating or visit.snapshot.mail is None:
            return self._problems.answer(Fail(403, Problem.UNVERIFIED), visit.facts, visit.snapshot, visit.request_id)
        page = self._problems.renderer.page(
            "unverified.html", visit.snapshot, visit.request_id, visit.reader, status=403, email=typed.email, csrf=visit.field()
        )
        return expire_planted(visit, visit.keep(page))

    def _store_away(self, visit: Visit) -> web.Response:
        fail = Fail(503, Problem.STORE_AWAY, retry_after=RETRY_AFTER)
        return self._problems.answer(fail, visit.facts, visit.snapshot, visit.request_id)

    def _explain_loop(self, visit: Visit, target: str) -> web.Response:
        public = visit.snapshot.places.public
        response = self._problems.renderer.page(
            "loop.html",
            visit.snapshot,
            visit.request_id,
            visit.reader,
            target=target,
            host=visit.facts.host,
            public=str(public) if visit.facts.scheme != public.scheme else None,
        )
        return expire_planted(visit, visit.keep(response))

    def _form(
        self,
        visit: Visit,
        typed: Typed,
        *,
        status: int = 200,
        problem: Problem | None = None,
        faults: Sequence[Fault] = (),
        notice: tuple[str, str | Phrase] | None = None,
        detail: str | None = None,
    ) -> web.Response:
        places = visit.snapshot.places
        if problem is not None and not visit.facts.navigating:
            response = json_problem(Fail(status, problem, detail), visit.request_id)
        else:
            response = self._problems.renderer.page(
                "login.html",
                visit.snapshot,
                visit.request_id,
                visit.reader._replace(here=_here(visit, typed)),
                status=status,
                form_scheme=places.public.scheme,
                typed=typed,
                field=visit.field(),
                summaries=[fault for fault in faults if fault.summary],
                beside={fault.field: fault.beside for fault in faults},
                notice=notice,
                destination=_destination(typed.next, visit),
                signup=visit.snapshot.signup.enabled,
                forgot=visit.snapshot.mail is not None,
                remember_for=in_words(int(visit.snapshot.life.remember)),
            )
            visit.keep(response)
        if status == 401:
            response.headers["WWW-Authenticate"] = challenge(visit.snapshot)
        return expire_planted(visit, response)


def _missing(email: str, password: str) -> list[Fault]:
    faults = []
    if not email:
        faults.append(Fault("email", "Enter your e-mail address.", "Enter your e-mail address."))
    if not password:
        faults.append(Fault("password", "Enter your password.", "Enter your password."))
    return faults


def _here(visit: Visit, typed: Typed) -> str:
    """The form's own address, for whoever comes back to it."""
    return f"{visit.snapshot.places.prefix}/login" + ("" if typed.next == "/" else f"?next={quote(typed.next, safe='')}")


def _destination(target: str, visit: Visit) -> str | None:
    """The host that somebody will go on to, where that is not the gateway's own."""
    _, separator, rest = target.partition("://")
    host = rest.partition("/")[0].partition("?")[0].partition("#")[0] if separator and not target.startswith("/") else visit.facts.host
    return None if host == visit.snapshot.places.public.host else host
