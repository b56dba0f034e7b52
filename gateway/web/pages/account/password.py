"""Changing the password: the present one is asked for, and every session but this one ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from aiohttp import web

from gateway.services.login import Throttled, Wrong
from gateway.services.self_service import PasswordChanged, SelfService, TooWeak
from gateway.services.sessions import Found
from gateway.web.pages.account.gate import Gate, Sent
from gateway.web.pages.account.words import CURRENT_MISSING, CURRENT_WRONG, NEW_MISSING, NOT_THE_SAME
from gateway.web.pages.faults import NOT_BELIEVED, Fault
from gateway.web.pages.visit import Visit
from gateway.web.pages.words import weakness_phrase


class PasswordPage:
    """GET shows the form, POST changes it."""

    def __init__(self, gate: Gate, service: SelfService) -> None:
        self._gate = gate
        self._service = service

    async def show(self, visit: Visit, found: Found) -> web.Response:
        """The form."""
        return self._form(visit, found)

    async def change(self, visit: Visit, found: Found, sent: Sent) -> web.Response:
        """What was typed is never shown again."""
        if sent.distrust is not None:
            return self._form(visit, found, status=403, notice=NOT_BELIEVED[sent.distrust])
        current, new = sent.field("current_password"), sent.field("new_password")
        if faults := _missing(current, new, sent.field("new_password_confirm")):
            return self._form(visit, found, status=422, faults=faults)
        snapshot = visit.snapshot
        outcome = await self._service.change_password(snapshot, visit.facts, found, current, new, visit.language)
        match outcome:
            case PasswordChanged(started=None):
                return self._gate.logged_out(visit, self._gate.page(visit, "account/password_saved.html"))
            case PasswordChanged(started=started):
                assert started is not None
                return self._gate.begun_again(visit, self._gate.go(visit, "/account/password?done=password"), started)
            case TooWeak(weakness=weakness):
                words = weakness_phrase(weakness, snapshot.password)
                return self._form(visit, found, status=422, faults=[Fault("new_password", words, words)])
            case Wrong():
                return self._form(visit, found, status=422, faults=[CURRENT_WRONG])
            case Throttled(retry_after=seconds):
                return self._form(visit, found, wait=seconds)
            case _:
                assert_never(outcome)

    def _form(
        self, visit: Visit, found: Found, *, status: int = 200, faults: Sequence[Fault] = (), notice: str | None = None, wait: float | None = None
    ) -> web.Response:
        return self._gate.form(
            visit,
            "account/password.html",
            status=status,
            faults=faults,
            notice=notice,
            wait=wait,
            email=found.session.identity.email,
            shortest=visit.snapshot.password.min_length,
        )


def _missing(current: str, new: str, again: str) -> list[Fault]:
    faults = []
    if not current:
        faults.append(CURRENT_MISSING)
    if not new:
        faults.append(NEW_MISSING)
    elif new != again:
        faults.append(NOT_THE_SAME)
    return faults
