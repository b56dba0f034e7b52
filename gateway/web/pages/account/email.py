"""Changing the e-mail address: asking, and the pages that the two mailed links lead to.

A link shows a button (mail scanners follow links), the button does it; nobody need be logged in for that, since letters are often read on another
device. Whatever is wrong with a link, one page says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from aiohttp import web

from gateway.core.answer import Fail, Problem
from gateway.services import StoreAway
from gateway.services.address_change import AddressChange, Asked, Bad, CalledOff, Moved, Same, Unusable
from gateway.services.login import Throttled, Wrong
from gateway.services.self_service import SelfService
from gateway.services.sessions import Found
from gateway.web.pages.account.gate import Gate, Sent
from gateway.web.pages.account.words import CURRENT_MISSING, CURRENT_WRONG, EMAIL_SAME, EMAIL_UNUSABLE
from gateway.web.pages.faults import NOT_BELIEVED, Fault
from gateway.web.pages.fields import asked
from gateway.web.pages.forms import distrust, read_form
from gateway.web.pages.problems import json_problem
from gateway.web.pages.visit import Visit


class EmailPage:
    """`/account/email`: GET shows the form, POST asks for the change."""

    def __init__(self, gate: Gate, service: SelfService, change: AddressChange) -> None:
        self._gate = gate
        self._service = service
        self._change = change

    async def show(self, visit: Visit, found: Found) -> web.Response:
        """The form, and the address that waits for its confirmation."""
        return await self._form(visit, found)

    async def ask(self, visit: Visit, found: Found, sent: Sent) -> web.Response:
        """The same answer for an address that is free and for one that is taken."""
        if visit.snapshot.mail is None:
            return self._gate.problems.answer(Fail(404, Problem.NOT_FOUND), visit.facts, visit.snapshot, visit.request_id)
        email, current = sent.field("email").strip(), sent.field("current_password")
        if sent.distrust is not None:
            return await self._form(visit, found, email, status=403, notice=NOT_BELIEVED[sent.distrust])
        faults = [fault for fault, typed in ((EMAIL_UNUSABLE, email), (CURRENT_MISSING, current)) if not typed]
        if faults:
            return await self._form(visit, found, email, status=422, faults=faults)
        outcome = await self._change.ask(visit.snapshot, visit.facts, found, current, email, visit.language)
        match outcome:
            case Asked():
                return self._gate.go(visit, "/account/email?done=asked")
            case Unusable():
                return await self._form(visit, found, email, status=422, faults=[EMAIL_UNUSABLE])
            case Same():
                return await self._form(visit, found, email, status=422, faults=[EMAIL_SAME])
            case Wrong():
                return await self._form(visit, found, email, status=422, faults=[CURRENT_WRONG])
            case Throttled(retry_after=seconds):
                return await self._form(visit, found, email, wait=seconds)
            case _:
                assert_never(outcome)

    async def _form(
        self,
        visit: Visit,
        found: Found,
        typed: str = "",
        *,
        status: int = 200,
        faults: Sequence[Fault] = (),
        notice: str | None = None,
        wait: float | None = None,
    ) -> web.Response:
        account = await self._service.account(found)
        return self._gate.form(
            visit,
            "account/email.html",
            status=status,
            faults=faults,
            notice=notice,
            wait=wait,
            email=account.identity.email,
            pending=account.pending_email,
            typed=typed,
            reachable=visit.snapshot.mail is not None,
        )


class LinkPages:
    """`/account/email/confirm` and `/account/email/cancel`."""

    def __init__(self, gate: Gate, change: AddressChange) -> None:
        self._gate = gate
        self._change = change

    async def ask_confirm(self, visit: Visit) -> web.Response:
        """The button behind the link that the new address was sent."""
        return await self._ask_confirm(visit, asked(visit.facts.query, "token") or "")

    async def confirm(self, visit: Visit) -> web.Response:
        """Make the new address the account's."""
        fields = await read_form(visit)
        if isinstance(fields, Fail):
            return self._gate.problems.answer(fields, visit.facts, visit.snapshot, visit.request_id, close=True)
        token = fields.get("token", "")
        if (why := distrust(visit, fields)) is not None:
            if not visit.facts.navigating:
                return json_problem(Fail(403, Problem.FORM_REFUSED, why.value), visit.request_id)
            return await self._ask_confirm(visit, token, status=403, notice=NOT_BELIEVED[why])
        try:
            outcome = await self._change.confirm(visit.snapshot, visit.facts, token)
        except StoreAway:
            return self._gate.away(visit)
        match outcome:
            case Moved(email=email):
                return self._gate.page(visit, "account/email_done.html", email=email)
            case Bad():
                return self._bad(visit)
            case _:
                assert_never(outcome)

    async def ask_cancel(self, visit: Visit) -> web.Response:
        """The button behind the link that the old address was sent."""
        return await self._ask_cancel(visit, asked(visit.facts.query, "token") or "")

    async def cancel(self, visit: Visit) -> web.Response:
        """Keep the old address: by the link, or, without one, by who is logged in."""
        fields = await read_form(visit)
        if isinstance(fields, Fail):
            return self._gate.problems.answer(fields, visit.facts, visit.snapshot, visit.request_id, close=True)
        token = fields.get("token", "")
        why = distrust(visit, fields)
        if why is not None and not visit.facts.navigating:
            return json_problem(Fail(403, Problem.FORM_REFUSED, why.value), visit.request_id)
        if not token:
            return await self._gate.let_in(visit, lambda found: self._withdraw(visit, found, Sent(fields, why)))
        if why is not None:
            return await self._ask_cancel(visit, token, status=403, notice=NOT_BELIEVED[why])
        try:
            outcome = await self._change.cancel(visit.snapshot, visit.facts, token)
        except StoreAway:
            return self._gate.away(visit)
        match outcome:
            case CalledOff():
                return self._gate.page(visit, "account/email_kept.html")
            case Bad():
                return self._bad(visit)
            case _:
                assert_never(outcome)

    async def _withdraw(self, visit: Visit, found: Found, sent: Sent) -> web.Response:
        if sent.distrust is not None:
            return self._refused(visit)
        await self._change.withdraw(visit.facts, found)
        return self._gate.go(visit, "/account/email?done=kept")

    async def _ask_confirm(self, visit: Visit, token: str, *, status: int = 200, notice: str | None = None) -> web.Response:
        try:
            email = await self._change.look(visit.snapshot, token)
        except StoreAway:
            return self._gate.away(visit)
        if email is None:
            return self._bad(visit) if notice is None else self._refused(visit)
        return self._gate.page(visit, "account/email_confirm.html", status=status, notice=notice, email=email, link_token=token)

    async def _ask_cancel(self, visit: Visit, token: str, *, status: int = 200, notice: str | None = None) -> web.Response:
        try:
            good = await self._change.may_cancel(visit.snapshot, token)
        except StoreAway:
            return self._gate.away(visit)
        if not good:
            return self._bad(visit) if notice is None else self._refused(visit)
        return self._gate.page(visit, "account/email_cancel.html", status=status, notice=notice, link_token=token)

    def _refused(self, visit: Visit) -> web.Response:
        return self._gate.problems.answer(Fail(403, Problem.FORM_REFUSED), visit.facts, visit.snapshot, visit.request_id)

    def _bad(self, visit: Visit) -> web.Response:
        if not visit.facts.navigating:
            return json_problem(Fail(400, Problem.BAD_TOKEN), visit.request_id)
        return self._gate.page(visit, "bad_link.html", status=400, again="/account/email")
