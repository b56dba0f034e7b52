"""Who is logged in: a page for people, `/session` for programs.

The page is a use of the session like any other; `/session` only looks, so that a script that asks every minute keeps nobody logged in. Both tell an
allow-list of fields: nothing of cookies, secrets or other sessions (CVE-2024-39315).
"""

from __future__ import annotations

from datetime import UTC, datetime

from aiohttp import web

from gateway.core.answer import RETRY_AFTER, Fail, Problem
from gateway.core.decide import Nobody
from gateway.core.session import Session
from gateway.services.sessions import Found, Sessions
from gateway.web.pages.answers import see_other
from gateway.web.pages.problems import Problems, json_answer
from gateway.web.pages.visit import Visit

_AWAY = Fail(503, Problem.STORE_AWAY, retry_after=RETRY_AFTER)


class WhoPage:
    """`/account` until there is more to an account, and `/session`."""

    def __init__(self, sessions: Sessions, problems: Problems) -> None:
        self._sessions = sessions
        self._problems = problems

    async def show(self, visit: Visit) -> web.Response:
        """The page; nobody is asked to log in first."""
        facts, snapshot = visit.facts, visit.snapshot
        match await self._sessions.load(snapshot, facts):
            case Found() as found:
                return self._page(visit, found)
            case Nobody.UNKNOWN:
                return self._problems.answer(_AWAY, facts, snapshot, visit.request_id)
        if facts.navigating:
            return see_other(visit, snapshot.places.login_url(facts))
        return self._problems.answer(Fail(401, Problem.LOGIN_REQUIRED), facts, snapshot, visit.request_id)

    async def tell(self, visit: Visit) -> web.Response:
        """JSON: who, since when, and the seconds left; never a page."""
        facts = visit.facts._replace(navigating=False)
        match await self._sessions.peek(visit.snapshot, facts):
            case Found(session=session):
                visit.exchange.user_id = session.identity.user_id
                return json_answer(_told(session, visit), visit.request_id)
            case Nobody.UNKNOWN:
                return self._problems.answer(_AWAY, facts, visit.snapshot, visit.request_id)
        return self._problems.answer(Fail(401, Problem.LOGIN_REQUIRED), facts, visit.snapshot, visit.request_id)

    def _page(self, visit: Visit, found: Found) -> web.Response:
        session, snapshot = found.session, visit.snapshot
        visit.exchange.user_id = session.identity.user_id
        since = datetime.fromtimestamp(session.authenticated, UTC)
        response = self._problems.renderer.page(
            "who.html",
            snapshot,
            visit.request_id,
            who=session.identity,
            since=since.strftime("%-d %B %Y, %H:%M UTC"),
            since_exact=since.isoformat(timespec="seconds"),
            expired=session.identity.state.value == "expired",
            field=visit.field(),
        )
        if found.cookie is not None:
            line = snapshot.cookie.line(found.cookie, visit.facts.host, self._sessions.max_age(snapshot, session))
            response.headers.add("Set-Cookie", line)
        return visit.keep(response)


def _told(session: Session, visit: Visit) -> dict[str, object]:
    who, life, now = session.identity, visit.snapshot.life, visit.now
    absolute = session.absolute_end(life)
    return {
        "user": {"id": who.user_id, "email": who.email, "name": who.name, "groups": list(who.groups), "state": who.state.value},
        "since": datetime.fromtimestamp(session.authenticated, UTC).isoformat(timespec="seconds"),
        "idle_seconds_left": None if session.remember else _left(min(session.end(life), absolute), now),
        "absolute_seconds_left": _left(absolute, now),
    }


def _left(end: float, now: float) -> int:
    return max(int(end - now), 0)
