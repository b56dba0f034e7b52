"""A forgotten password: `/forgot` asks where a link is to go, `/reset` sets a new password with it.

Following the link shows the form and uses nothing up. Nobody is logged in by a reset.
"""

from __future__ import annotations

from aiohttp import web

from gateway.services import StoreAway
from gateway.services.login import Throttled
from gateway.services.recovery import Done, Recovery, Weak
from gateway.services.verification import Bad
from gateway.web.pages.faults import Fault
from gateway.web.pages.fields import asked, fault, repeated, weak
from gateway.web.pages.problems import Problems
from gateway.web.pages.questions import Question, by_mail
from gateway.web.pages.table import Endpoint, Reach
from gateway.web.pages.visit import Visit

_AGAIN = "/forgot"


class ForgotPage:
    """GET shows the form, POST mails a link."""

    def __init__(self, recovery: Recovery, problems: Problems) -> None:
        self._recovery = recovery
        self._problems = problems
        self._form = Question(problems, "forgot.html", email="")
        self._sent = Question(problems, "sent.html", email="", forgot=True, verify=False)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Its rows of the table."""
        return Endpoint("GET", _AGAIN, Reach.PUBLIC, by_mail(self._problems, self.show)), Endpoint(
            "POST", _AGAIN, Reach.PUBLIC, by_mail(self._problems, self.ask)
        )

    async def show(self, visit: Visit) -> web.Response:
        """The form."""
        return self._form.show(visit)

    async def ask(self, visit: Visit) -> web.Response:
        """Mail a link: one page for every address."""
        fields = await self._form.read(visit, _kept)
        if isinstance(fields, web.Response):
            return fields
        email = fields.get("email", "").strip()
        if not email:
            return self._form.refuse(visit, [fault("email", "missing")], email=email)
        try:
            outcome = await self._recovery.ask(visit.snapshot, visit.facts, email, visit.language)
        except StoreAway as why:
            return self._form.away(visit, why)
        if isinstance(outcome, Throttled):
            return self._form.throttle(visit, outcome.retry_after, email=email)
        return self._sent.show(visit, email=email)


class ResetPage:
    """GET shows the form for a link or a code, POST sets the password."""

    def __init__(self, recovery: Recovery, problems: Problems) -> None:
        self._recovery = recovery
        self._problems = problems
        self._form = Question(problems, "reset.html", ticket=None, whose=None, email="")

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Its rows of the table."""
        return Endpoint("GET", "/reset", Reach.PUBLIC, by_mail(self._problems, self.show)), Endpoint(
            "POST", "/reset", Reach.PUBLIC, by_mail(self._problems, self.reset)
        )

    async def show(self, visit: Visit) -> web.Response:
        """The form."""
        token = asked(visit.facts.query, "token")
        if token is None:
            return self._form.show(visit)
        try:
            whose = await self._recovery.look(visit.snapshot, token)
        except StoreAway as why:
            return self._form.away(visit, why)
        return self._form.bad_link(visit, _AGAIN) if whose is None else self._form.show(visit, ticket=token, whose=whose)

    async def reset(self, visit: Visit) -> web.Response:
        """Set the password. With `email` the field `token` holds a code."""
        fields = await self._form.read(visit, _kept)
        if isinstance(fields, web.Response):
            return fields
        email, token, password = fields.get("email"), fields.get("token", ""), fields.get("password", "")
        kept: dict[str, str | None] = {**_kept(fields)}
        try:
            if email is None:
                kept["whose"] = await self._recovery.look(visit.snapshot, token)
                if kept["whose"] is None:
                    return self._form.bad_link(visit, _AGAIN)
            if faults := _missing(email, token, password) or repeated(fields):
                return self._form.refuse(visit, faults, **kept)
            if email is None:
                outcome = await self._recovery.reset(visit.snapshot, visit.facts, token, password, visit.language)
            else:
                outcome = await self._recovery.reset_with_code(visit.snapshot, visit.facts, email, token, password, visit.language)
        except StoreAway as why:
            return self._form.away(visit, why)
        match outcome:
            case Done():
                return self._problems.renderer.page("reset_done.html", visit.snapshot, visit.request_id, visit.reader)
            case Weak(weakness=weakness):
                return self._form.refuse(visit, [weak(weakness, visit.snapshot.password)], **kept)
            case Throttled(retry_after=seconds):
                return self._form.throttle(visit, seconds, **kept)
            case Bad() if email is not None:
                return self._form.refuse(visit, [fault("token", "wrong")], **kept)
        return self._form.bad_link(visit, _AGAIN)


def _kept(fields: dict[str, str]) -> dict[str, str]:
    return {"email": fields["email"].strip()} if "email" in fields else {"ticket": fields.get("token", "")}


def _missing(email: str | None, code: str, password: str) -> list[Fault]:
    faults = []
    if email is not None and not email.strip():
        faults.append(fault("email", "missing"))
    if email is not None and not code.strip():
        faults.append(fault("token", "missing"))
    if not password:
        faults.append(fault("password", "missing"))
    return faults
