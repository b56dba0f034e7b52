"""Logging in and out, and who is logged in: an account as its owner sees it.

Clients of the original read the one Set-Cookie of a login by position and send back name and value only; they never take a renewed cookie, which is
fine: a replaced secret works until its successor is presented (core/session.py).
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from aiohttp import web

from gateway.core.decide import Nobody
from gateway.core.identity import State
from gateway.services import StoreAway
from gateway.services.login import LoggedIn, Login, Throttled, Unverified, Wrong
from gateway.services.people import People, Person
from gateway.services.sessions import Found, Sessions
from gateway.web.api.body import Kind
from gateway.web.api.call import Call, refuse, refuse_for_now, say, store_away, tell
from gateway.web.api.handler import Endpoint

log = logging.getLogger("gateway.api")

#: Members are staff, whatever that means to the application.
STAFF = "staff"


class Users:
    """`/users/login`, `/users/logout`, `/users/current-user`."""

    def __init__(self, sessions: Sessions, login: Login, people: People) -> None:
        self._sessions = sessions
        self._login = login
        self._people = people

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Rows of the table."""
        return (
            Endpoint("POST", "/users/login", self.log_in, {"email": Kind.TEXT, "password": Kind.TEXT, "remember": Kind.FLAG}),
            Endpoint("POST", "/users/logout", self.log_out),
            Endpoint("GET", "/users/current-user", self.tell_current),
        )

    async def log_in(self, call: Call) -> web.Response:
        """The user object, and exactly one cookie."""
        email, password, remember = call.text("email").strip(), call.text("password"), call.values.get("remember") is True
        match await self._login.attempt(call.snapshot, call.facts, email=email, password=password, remember=remember):
            case LoggedIn(started=started, account=person):
                call.exchange.user_id = person.identity.user_id
                response = tell(call, told(person, call.snapshot.admin_group))
                response.headers.add("Set-Cookie", call.snapshot.cookie.line(started.cookie, call.facts.host, started.max_age))
                return response
            case Throttled(retry_after=seconds):
                return refuse_for_now(call, 429, "there were too many attempts to log in, wait before you try again", seconds)
            case Unverified():
                return refuse(call, 403, "verify your e-mail address first")
            case Wrong():
                return refuse(call, 401, "this e-mail address and password do not belong together")

    async def log_out(self, call: Call) -> web.Response:
        """End the sessions that are presented; without one the same answer."""
        try:
            await self._sessions.end(call.snapshot, call.facts)
        except StoreAway as away:
            log.warning("request %s: a session could not be ended: %s", call.exchange.request_id, away)
            return self._cleared(call, store_away(call))
        return self._cleared(call, say(call, "You are logged out."))

    async def tell_current(self, call: Call) -> web.Response:
        """The user object."""
        found = await self.present(call)
        return found if isinstance(found, web.Response) else self.told_to(call, *found)

    async def present(self, call: Call) -> tuple[Found, Person] | web.Response:
        """Whose session it is and the account as it is now, or the answer for somebody who is not logged in. Raises StoreAway."""
        found = await self.found(call)
        if isinstance(found, web.Response):
            return found
        person = await self._people.at_home(found.session.identity.user_id)
        return not_logged_in(call) if person is None else (found, person)

    async def found(self, call: Call) -> Found | web.Response:
        """The session, or the answer for somebody who is not logged in."""
        match await self._sessions.load(call.snapshot, call.facts):
            case Found() as found:
                call.exchange.user_id = found.session.identity.user_id
                return found
            case Nobody.UNKNOWN:
                return store_away(call)
            case _:
                return not_logged_in(call)

    def told_to(self, call: Call, found: Found, person: Person) -> web.Response:
        """The user object for its owner, with the session's cookie where it was renewed."""
        return self.renewed(call, found, tell(call, told(person, call.snapshot.admin_group)))

    def renewed(self, call: Call, found: Found, response: web.Response) -> web.Response:
        """`response`, bringing the session's cookie where that was renewed."""
        if found.cookie is not None and not call.facts.passive:
            age = self._sessions.max_age(call.snapshot, found.session)
            response.headers.add("Set-Cookie", call.snapshot.cookie.line(found.cookie, call.facts.host, age))
        return response

    def _cleared(self, call: Call, response: web.Response) -> web.Response:
        cookie, host = call.snapshot.cookie, call.facts.host
        planted = len(self._sessions.presented(call.snapshot, call.facts)) > 1
        for line in cookie.expiring_variants(host) if planted else (cookie.expiring(host),):
            response.headers.add("Set-Cookie", line)
        return response


def not_logged_in(call: Call) -> web.Response:
    """401."""
    return refuse(call, 401, "you are not logged in")


def told(person: Person, admin_group: str) -> dict[str, object]:
    """The user object."""
    who, profile = person.identity, person.profile
    return {
        "id": who.user_id,
        "email": who.email,
        "first_name": profile.first_name,
        "last_name": profile.last_name,
        "is_active": who.state is State.VERIFIED,
        "is_staff": STAFF in who.groups,
        "is_superuser": admin_group in who.groups,
        "thumbnail": None,
        "date_joined": datetime.fromtimestamp(person.created, UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "profile": {
            "id": who.user_id,
            "user_id": who.user_id,
            "phone_number": profile.phone,
            "birth_date": profile.birth_date,
            "github_link": profile.link,
        },
    }
