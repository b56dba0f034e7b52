"""Verifying an address: `/verify` and `/verify/resend`.

Following the link changes nothing, since programs that look into mail follow links too; its button does. Who opens it in another browser than the one
that signed up gives the password of that attempt, and who asked for the link anew chooses one. The code does what the link does.
"""

from __future__ import annotations

from aiohttp import web

from gateway.services import StoreAway
from gateway.services.login import Throttled
from gateway.services.signup import SignUp
from gateway.services.verification import Bad, Link, NeedsPassword, Ready, Verification, Verified
from gateway.web.pages.faults import Fault
from gateway.web.pages.fields import asked, fault, repeated, weak
from gateway.web.pages.problems import Problems
from gateway.web.pages.questions import Question, by_mail
from gateway.web.pages.table import Endpoint, Reach
from gateway.web.pages.visit import Visit

_AGAIN = "/verify/resend"


class VerifyPage:
    """GET shows what is left to do, POST does it."""

    def __init__(self, verification: Verification, signup: SignUp, problems: Problems) -> None:
        self._verification = verification
        self._signup = signup
        self._problems = problems
        self._link = Question(problems, "verify.html", whose=None, needs=None)
        self._code = Question(problems, "verify_code.html", email="")
        self._resend = Question(problems, "resend.html", email="")
        self._sent = Question(problems, "sent.html", email="", forgot=False, verify=True)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Their rows of the table."""
        return (
            Endpoint("GET", "/verify", Reach.PUBLIC, by_mail(self._problems, self.show)),
            Endpoint("POST", "/verify", Reach.PUBLIC, by_mail(self._problems, self.verify)),
            Endpoint("GET", _AGAIN, Reach.PUBLIC, by_mail(self._problems, self.show_resend)),
            Endpoint("POST", _AGAIN, Reach.PUBLIC, by_mail(self._problems, self.resend)),
        )

    async def show(self, visit: Visit) -> web.Response:
        """What is left to do with a link, or the form for a code."""
        token = asked(visit.facts.query, "token")
        if token is None:
            return self._code.show(visit)
        try:
            return self._left(visit, token, await self._verification.look(visit.snapshot, token, visit.browser))
        except StoreAway as why:
            return self._link.away(visit, why)

    async def verify(self, visit: Visit) -> web.Response:
        """Use a link or a code."""
        fields = await self._link.read(visit, _kept, self._code)
        if isinstance(fields, web.Response):
            return fields
        try:
            if "email" in fields:
                return await self._use_code(visit, fields["email"].strip(), fields.get("token", ""))
            return await self._use_link(visit, fields)
        except StoreAway as why:
            return self._link.away(visit, why)

    async def show_resend(self, visit: Visit) -> web.Response:
        """The form that asks where the message is to go."""
        return self._resend.show(visit)

    async def resend(self, visit: Visit) -> web.Response:
        """Mail it once more: one page for every address."""
        fields = await self._resend.read(visit, _kept)
        if isinstance(fields, web.Response):
            return fields
        email = fields.get("email", "").strip()
        if not email:
            return self._resend.refuse(visit, [fault("email", "missing")], email=email)
        try:
            outcome = await self._signup.resend(visit.snapshot, visit.facts, email, visit.language)
        except StoreAway as why:
            return self._resend.away(visit, why)
        if isinstance(outcome, Throttled):
            return self._resend.throttle(visit, outcome.retry_after, email=email)
        return self._sent.show(visit, email=email)

    async def _use_link(self, visit: Visit, fields: dict[str, str]) -> web.Response:
        token, password = fields.get("token", ""), fields.get("password")
        left = await self._verification.look(visit.snapshot, token, visit.browser)
        if isinstance(left, Bad):
            return self._left(visit, token, left)
        if isinstance(left, NeedsPassword) and password is not None:
            faults = [fault("password", "missing")] if not password else repeated(fields) if left.new else []
            if faults:
                return self._link.refuse(visit, faults, ticket=token, whose=left.email, needs=left)
        outcome = await self._verification.verify(visit.snapshot, visit.facts, token, password, browser=visit.browser)
        match outcome:
            case Verified():
                return self._problems.renderer.page("verified.html", visit.snapshot, visit.request_id, visit.reader)
            case Throttled(retry_after=seconds):
                needs = left if isinstance(left, NeedsPassword) else None
                return self._link.throttle(visit, seconds, ticket=token, whose=None if needs is None else needs.email, needs=needs)
        return self._left(visit, token, outcome)

    async def _use_code(self, visit: Visit, email: str, code: str) -> web.Response:
        faults = [fault("email", "missing")] if not email else []
        if not code.strip():
            faults.append(fault("token", "missing"))
        if faults:
            return self._code.refuse(visit, faults, email=email)
        match await self._verification.trade_code(visit.snapshot, visit.facts, email, code):
            case Throttled(retry_after=seconds):
                return self._code.throttle(visit, seconds, email=email)
            case Bad():
                return self._code.refuse(visit, [fault("token", "wrong")], email=email)
            case Link(token=token):
                return await self._use_link(visit, {"token": token})

    def _left(self, visit: Visit, token: str, left: Ready | NeedsPassword | Bad) -> web.Response:
        if isinstance(left, Bad):
            return self._link.bad_link(visit, _AGAIN)
        needs = left if isinstance(left, NeedsPassword) else None
        faults: list[Fault] = []
        if needs is not None and needs.weakness is not None:
            faults.append(weak(needs.weakness, visit.snapshot.password))
        if needs is not None and needs.wrong:
            faults.append(fault("password", "wrong"))
        if faults:
            return self._link.refuse(visit, faults, ticket=token, whose=left.email, needs=needs)
        return self._link.show(visit, ticket=token, whose=left.email, needs=needs)


def _kept(fields: dict[str, str]) -> dict[str, str]:
    return {"email": fields["email"].strip()} if "email" in fields else {"ticket": fields.get("token", "")}
