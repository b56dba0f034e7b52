"""What people say of themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from aiohttp import web

from gateway.services.profiles import FIELDS
from gateway.services.self_service import SelfService
from gateway.services.sessions import Found
from gateway.web.pages.account.gate import Gate, Sent
from gateway.web.pages.account.words import UNFIT
from gateway.web.pages.faults import NOT_BELIEVED, Fault
from gateway.web.pages.visit import Visit


class ProfilePage:
    """GET shows the form, POST saves it."""

    def __init__(self, gate: Gate, service: SelfService) -> None:
        self._gate = gate
        self._service = service

    async def show(self, visit: Visit, found: Found) -> web.Response:
        """The form, filled in."""
        account = await self._service.account(found)
        return self._form(visit, account.identity.email, asdict(account.profile))

    async def save(self, visit: Visit, found: Found, sent: Sent) -> web.Response:
        """All fields at once; one that is empty is cleared."""
        typed: dict[str, str | None] = {name: sent.fields[name] for name in FIELDS if name in sent.fields}
        email = found.session.identity.email
        if sent.distrust is not None:
            return self._form(visit, email, typed, status=403, notice=NOT_BELIEVED[sent.distrust])
        outcome = await self._service.set_profile(visit.snapshot, visit.facts, found, typed)
        if isinstance(outcome, dict):
            faults = [Fault(name, UNFIT[unfit], UNFIT[unfit]) for name, unfit in outcome.items()]
            return self._form(visit, email, typed, status=422, faults=faults)
        return self._gate.go(visit, "/account/profile?done=profile")

    def _form(
        self,
        visit: Visit,
        email: str,
        typed: Mapping[str, str | None],
        *,
        status: int = 200,
        faults: Sequence[Fault] = (),
        notice: str | None = None,
    ) -> web.Response:
        filled = {name: typed.get(name) or "" for name in FIELDS}
        return self._gate.form(visit, "account/profile.html", status=status, faults=faults, notice=notice, typed=filled, email=email)
