"""Where somebody is logged in: the list, and the question before a session ends."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from gateway.core.browser import describe_browser
from gateway.services.self_service import Listed, SelfService
from gateway.services.sessions import Found
from gateway.web.pages.account.gate import Gate, Sent
from gateway.web.pages.account.moments import moment
from gateway.web.pages.faults import NOT_BELIEVED
from gateway.web.pages.fields import asked
from gateway.web.pages.visit import Visit

#: What the field `session` may say instead of a session's name.
OTHERS: Final = "others"
ALL: Final = "all"


class SessionsPage:
    """GET shows the list, or with `?session=` the question; POST ends what `session` names."""

    def __init__(self, gate: Gate, service: SelfService) -> None:
        self._gate = gate
        self._service = service

    async def show(self, visit: Visit, found: Found) -> web.Response:
        """The list, or the question."""
        return await self._show(visit, found, asked(visit.facts.query, "session") or "")

    async def end(self, visit: Visit, found: Found, sent: Sent) -> web.Response:
        """End one session, the others, or all."""
        name = sent.field("session")
        if sent.distrust is not None:
            return await self._show(visit, found, name, status=403, notice=NOT_BELIEVED[sent.distrust])
        if name == ALL:
            done = await self._service.end_all(visit.facts, found)
            left = self._gate.go(visit, "/signed-out") if done else self._gate.page(visit, "account/ending_later.html", status=503)
            return self._gate.logged_out(visit, left)
        if name == OTHERS:
            await self._service.end_others(visit.snapshot, visit.facts, found)
            return self._gate.go(visit, "/account/sessions?done=others")
        ended = await self._service.end(visit.snapshot, visit.facts, found, name)
        if ended and found.member.startswith(name):
            return self._gate.logged_out(visit, self._gate.go(visit, "/signed-out"))
        return self._gate.go(visit, f"/account/sessions?done={'ended' if ended else 'gone'}")

    async def _show(self, visit: Visit, found: Found, name: str, *, status: int = 200, notice: str | None = None) -> web.Response:
        listed = await self._service.sessions(visit.snapshot, found)
        if name in (OTHERS, ALL):
            return self._gate.form(visit, "account/end_sessions.html", status=status, notice=notice, which=name, one=None)
        if name:
            one = next((one for one in listed if one.name == name), None)
            if one is None:
                return self._gate.go(visit, "/account/sessions?done=gone")
            return self._gate.form(visit, "account/end_sessions.html", status=status, notice=notice, which=name, one=_row(one, visit))
        rows = [_row(one, visit) for one in listed]
        return self._gate.form(visit, "account/sessions.html", status=status, notice=notice, rows=rows)


def _row(one: Listed, visit: Visit) -> dict[str, object]:
    session = one.session
    return {
        "name": one.name,
        "own": one.own,
        "browser": describe_browser(session.user_agent),
        "address": session.address,
        "created": moment(session.created, visit.now),
        "last_seen": moment(visit.now if one.own else session.last_seen, visit.now),
        "remember": session.remember,
    }
