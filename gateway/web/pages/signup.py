"""Signing up: `/signup`. What is wrong with a field is said; whether the address has an account is not."""

from __future__ import annotations

from aiohttp import web

from gateway.core.password import Weakness
from gateway.services import StoreAway
from gateway.services.login import Throttled
from gateway.services.signup import Fault as Wrong
from gateway.services.signup import Refused, SignUp
from gateway.snapshot import Snapshot
from gateway.web.pages.faults import Fault
from gateway.web.pages.fields import fault, repeated, weak
from gateway.web.pages.problems import Problems
from gateway.web.pages.questions import Question, offered
from gateway.web.pages.table import Endpoint, Reach
from gateway.web.pages.visit import Visit
from gateway.web.pages.words import FAULTS


class SignUpPage:
    """GET shows the form, POST signs up."""

    def __init__(self, signup: SignUp, problems: Problems) -> None:
        self._signup = signup
        self._problems = problems
        self._form = Question(problems, "signup.html", email="", name="")
        self._sent = Question(problems, "sent.html", email="", forgot=False)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Its rows of the table."""
        show, begin = (offered(self._problems, lambda snapshot: snapshot.signup.enabled, answer) for answer in (self.show, self.begin))
        return Endpoint("GET", "/signup", Reach.PUBLIC, show), Endpoint("POST", "/signup", Reach.PUBLIC, begin)

    async def show(self, visit: Visit) -> web.Response:
        """The form."""
        return self._form.show(visit)

    async def begin(self, visit: Visit) -> web.Response:
        """Sign up with what was posted: one page for every address."""
        fields = await self._form.read(visit, _typed)
        if isinstance(fields, web.Response):
            return fields
        typed = _typed(fields)
        password = fields.get("password", "")
        wrong = self._signup.judge(visit.snapshot, typed["email"], typed["name"], password)
        if faults := [*(_words(one, visit.snapshot) for one in wrong), *repeated(fields)]:
            return self._form.refuse(visit, faults, **typed)
        try:
            outcome = await self._signup.begin(
                visit.snapshot, visit.facts, typed["email"], typed["name"], password, visit.language, browser=visit.browser
            )
        except StoreAway as why:
            return self._form.away(visit, why)
        match outcome:
            case Refused(faults=refused):
                return self._form.refuse(visit, [_words(one, visit.snapshot) for one in refused], **typed)
            case Throttled(retry_after=seconds):
                return self._form.throttle(visit, seconds, **typed)
        return self._sent.show(visit, email=typed["email"], verify=visit.snapshot.signup.require_verification)


def _typed(fields: dict[str, str]) -> dict[str, str]:
    return {"email": fields.get("email", "").strip(), "name": fields.get("name", "")}


def _words(wrong: Wrong, snapshot: Snapshot) -> Fault:
    if (wrong.field, wrong.reason) in FAULTS:
        return fault(wrong.field, wrong.reason)
    return weak(Weakness(wrong.reason), snapshot.password)
