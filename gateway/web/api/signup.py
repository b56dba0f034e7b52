"""Signing up and verifying an address, told by the JSON API.

One answer for every address, whoever it belongs to; what differs is in the mail. A code is worth five tries, whoever makes them, and one message is
given for one that is unknown, used, expired or another's.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from aiohttp import web

from gateway.core.password import Weakness
from gateway.core.profile import Profile
from gateway.crypto.mailed import typed_code
from gateway.services.login import Throttled
from gateway.services.profiles import full_name
from gateway.services.signup import Fault, Refused, SignUp
from gateway.services.verification import Bad, Verification, Verified
from gateway.web.api.body import Kind
from gateway.web.api.call import TOO_MANY, Call, refuse, refuse_for_now, say
from gateway.web.api.handler import Endpoint
from gateway.web.pages.words import weakness_words

#: What is wrong with a code, whatever it is.
BAD_CODE: Final = {"token": "is not valid, was used already, or has expired"}
_FAULTS: Final = {
    "missing": "is missing",
    "not_valid": "is not valid",
    "domain": "is not of a domain that may sign up here",
}
_NAMES: Final = ("first_name", "last_name")


class Joining:
    """`/users/register`, `/users/activate`, `/users/regenerate-token`."""

    def __init__(self, signup: SignUp, verification: Verification) -> None:
        self._signup = signup
        self._verification = verification

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Rows of the table."""
        named = dict.fromkeys(("email", *_NAMES, "password"), Kind.TEXT)
        return (
            Endpoint("POST", "/users/register", self.register, named),
            Endpoint("PUT", "/users/activate/:id", self.activate, {"token": Kind.TEXT}),
            Endpoint("POST", "/users/regenerate-token", self.send_again, {"email": Kind.TEXT}),
        )

    async def register(self, call: Call) -> web.Response:
        """202 for every address."""
        if not call.snapshot.signup.enabled:
            return refuse(call, 403, "nobody can sign up here")
        profile = Profile(call.text("first_name").strip(), call.text("last_name").strip())
        name, email, password = full_name(profile, ""), call.text("email"), call.text("password")
        missing = {field: _FAULTS["missing"] for field in _NAMES if not getattr(profile, field)}
        if faults := _told(call, self._signup.judge(call.snapshot, email, name, password)) | missing:
            return refuse(call, 422, faults)
        match await self._signup.begin(call.snapshot, call.facts, email, name, password, call.language, profile=profile):
            case Refused(faults=late):
                return refuse(call, 422, _told(call, late))
            case Throttled(retry_after=seconds):
                return refuse_for_now(call, 429, TOO_MANY, seconds)
        return say(call, "Look into your mail: what to do next is written there.", status=202)

    async def activate(self, call: Call) -> web.Response:
        """From created to verified, by a code."""
        code = code_in(call)
        if code is None:
            return refuse(call, 422, BAD_CODE)
        match await self._verification.verify_code(call.snapshot, call.facts, call.id, code):
            case Verified(user_id=user_id):
                call.exchange.user_id = user_id
                return say(call, "Your e-mail address is verified. You can log in now.")
            case Throttled(retry_after=seconds):
                return refuse_for_now(call, 429, TOO_MANY, seconds)
            case Bad():
                return refuse(call, 422, BAD_CODE)

    async def send_again(self, call: Call) -> web.Response:
        """202 for every address."""
        if not call.text("email").strip():
            return refuse(call, 422, {"email": _FAULTS["missing"]})
        outcome = await self._signup.resend(call.snapshot, call.facts, call.text("email"), call.language)
        if outcome is not None:
            return refuse_for_now(call, 429, TOO_MANY, outcome.retry_after)
        return say(call, "If an account waits for this address to be verified, a mail is on its way.", status=202)


def code_in(call: Call) -> str | None:
    """The code that was sent for the id in the path; None where one of them cannot be any."""
    try:
        known = str(UUID(call.id)) == call.id
    except ValueError:
        return None
    return typed_code(call.text("token")) if known else None


def _told(call: Call, faults: tuple[Fault, ...]) -> dict[str, str]:
    told: dict[str, str] = {}
    for fault in faults:
        if fault.field == "password" and fault.reason not in _FAULTS:
            told["password"] = weakness_words(Weakness(fault.reason), call.snapshot.password)
        elif fault.field == "name":
            told |= dict.fromkeys(_NAMES, _FAULTS[fault.reason])
        else:
            told[fault.field] = _FAULTS[fault.reason]
    return told
