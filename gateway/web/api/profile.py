"""Changing what an account says of its owner, told by the JSON API: a key that is left out stays, null or "" clears it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from gateway.core.identity import State
from gateway.services.profiles import Unfit
from gateway.services.self_service import SelfService, Vanished
from gateway.web.api.body import Kind
from gateway.web.api.call import Call, refuse
from gateway.web.api.handler import Endpoint
from gateway.web.api.users import Users, not_logged_in

#: The API's names of the profile's fields.
_FIELDS: Final = {
    "first_name": "first_name",
    "last_name": "last_name",
    "phone_number": "phone",
    "birth_date": "birth_date",
    "github_link": "link",
}
_PHONE: Final = re.compile(r"\+[0-9]{8,18}")
_UNFIT: Final = {
    Unfit.NAME: "is too long, or has a character that no name may have",
    Unfit.PHONE: "must be + and 8 to 18 digits",
    Unfit.DATE: "must be a date written YYYY-MM-DD",
    Unfit.FUTURE: "must not lie in the future",
    Unfit.LINK: "must be an https address",
}


class Profiles:
    """`/users/update-user`."""

    def __init__(self, users: Users, self_service: SelfService) -> None:
        self._users = users
        self._self_service = self_service

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Rows of the table."""
        fields = dict.fromkeys((*_FIELDS, "thumbnail"), Kind.CLEARABLE)
        return (Endpoint("PATCH", "/users/update-user", self.update, fields),)

    async def update(self, call: Call) -> web.Response:
        """The user object as it is then."""
        present = await self._users.present(call)
        if isinstance(present, web.Response):
            return present
        found, person = present
        if person.identity.state is not State.VERIFIED:
            return refuse(call, 403, "this account has expired")
        faults: dict[str, str] = {}
        if call.text("thumbnail"):
            faults["thumbnail"] = "cannot be set here"
        phone = call.text("phone_number")
        if phone and not _PHONE.fullmatch(phone):
            faults["phone_number"] = _UNFIT[Unfit.PHONE]
        changes = {ours: call.text(theirs) for theirs, ours in _FIELDS.items() if theirs in call.values and theirs not in faults}
        try:
            if faults:
                return refuse(call, 422, faults | _told(await self._self_service.judge_profile(found, changes)))
            outcome = await self._self_service.set_profile(call.snapshot, call.facts, found, changes)
        except Vanished:
            return not_logged_in(call)
        if isinstance(outcome, dict):
            return refuse(call, 422, _told(outcome))
        return self._users.told_to(call, found, outcome)


def _told(unfit: Mapping[str, Unfit]) -> dict[str, str]:
    return {theirs: _UNFIT[unfit[ours]] for theirs, ours in _FIELDS.items() if ours in unfit}
