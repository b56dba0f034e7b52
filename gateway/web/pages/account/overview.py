"""The account at a glance, and the way to everything that can be changed."""

from __future__ import annotations

from aiohttp import web

from gateway.core.identity import State
from gateway.services.self_service import SelfService
from gateway.services.sessions import Found
from gateway.web.pages.account.gate import Gate
from gateway.web.pages.account.moments import moment
from gateway.web.pages.visit import Visit


class OverviewPage:
    """GET only."""

    def __init__(self, gate: Gate, service: SelfService) -> None:
        self._gate = gate
        self._service = service

    async def show(self, visit: Visit, found: Found) -> web.Response:
        """Who somebody is, since when, and what waits."""
        account = await self._service.account(found)
        last = account.last_login
        return self._gate.page(
            visit,
            "account/overview.html",
            account=account,
            who=account.identity,
            expired=account.identity.state is State.EXPIRED,
            since=moment(found.session.authenticated, visit.now),
            created=moment(account.created, visit.now),
            last_login=None if last is None else moment(last, visit.now),
        )
