"""A forgotten password, told by the JSON API: ask for a code, and set a new password with it."""

from __future__ import annotations

from aiohttp import web

from gateway.services.login import Throttled
from gateway.services.recovery import Done, Recovery, Weak
from gateway.services.verification import Bad
from gateway.web.api.body import Kind
from gateway.web.api.call import TOO_MANY, Call, refuse, refuse_for_now, say
from gateway.web.api.handler import Endpoint
from gateway.web.api.signup import BAD_CODE, code_in
from gateway.web.pages.words import weakness_words


class Forgotten:
    """`/users/password/request-password-change`, `/users/password/change-user-password`."""

    def __init__(self, recovery: Recovery) -> None:
        self._recovery = recovery

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Rows of the table."""
        sent = {"token": Kind.TEXT, "password": Kind.TEXT}
        return (
            Endpoint("POST", "/users/password/request-password-change", self.ask, {"email": Kind.TEXT}),
            Endpoint("PUT", "/users/password/change-user-password/:id", self.reset, sent),
        )

    async def ask(self, call: Call) -> web.Response:
        """202 for every address."""
        if not call.text("email").strip():
            return refuse(call, 422, {"email": "is missing"})
        outcome = await self._recovery.ask(call.snapshot, call.facts, call.text("email"), call.language)
        if outcome is not None:
            return refuse_for_now(call, 429, TOO_MANY, outcome.retry_after)
        return say(call, "If this address has an account, a mail is on its way.", status=202)

    async def reset(self, call: Call) -> web.Response:
        """A new password; every session of the account ends, and nobody is logged in by it."""
        code, password = code_in(call), call.text("password")
        if not password:
            return refuse(call, 422, {"password": "is missing"})
        if code is None:
            return refuse(call, 422, BAD_CODE)
        match await self._recovery.reset_by_code(call.snapshot, call.facts, call.id, code, password, call.language):
            case Done():
                return say(call, "Your password is changed. You can log in with it now.")
            case Weak(weakness=weakness):
                return refuse(call, 422, {"password": weakness_words(weakness, call.snapshot.password)})
            case Throttled(retry_after=seconds):
                return refuse_for_now(call, 429, TOO_MANY, seconds)
            case Bad():
                return refuse(call, 422, BAD_CODE)
