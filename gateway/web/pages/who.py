"""Who is logged in, for programs: `/session`. (For people: account/overview.py.)

It only looks, so that a script that asks every minute keeps nobody logged in, and tells an allow-list of fields: nothing of cookies, secrets or other
sessions (CVE-2024-39315).
"""

from __future__ import annotations

from datetime import UTC, datetime

from aiohttp import web

from gateway.core.answer import RETRY_AFTER, Fail, Problem
from gateway.core.decide import Nobody
from gateway.core.session import Session
from gateway.services.sessions import Found, Sessions
from gateway.web.pages.problems import Problems, json_answer
from gateway.web.pages.visit import Visit

_AWAY = Fail(503, Problem.STORE_AWAY, retry_after=RETRY_AFTER)


class WhoPage:
    """`/session`."""

    def __init__(self, sessions: Sessions, problems: Problems) -> None:
        self._sessions = sessions
        self._problems = problems

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
