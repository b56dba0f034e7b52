"""`/session/data`: what front ends keep with a session, there only where `session.data` is enabled.

The answer is always the whole object as it is then, with its revision as ETag; `If-Match` makes a change depend on that (RFC 9110 section 13.1.1).
"""

from __future__ import annotations

import re
from typing import Final

from aiohttp import web

from gateway.core.api import MOST_BYTES, SESSION_DATA
from gateway.core.identity import State
from gateway.core.session_data import MOST_DEPTH, MOST_KEY, MOST_KEYS, Content, Fault, faults, most_sent
from gateway.services.session_data import Condition, Contended, Ended, Kept, Outcome, SessionData, TooLarge, Unmet
from gateway.services.sessions import Found
from gateway.web.api.body import BadBody, BadFields, quoted, read_object
from gateway.web.api.call import Call, refuse, tell
from gateway.web.api.handler import Endpoint
from gateway.web.api.users import Users, not_logged_in

#: What RFC 7396 calls a patch; plain JSON is taken as well, like everywhere in the API.
_PATCH: Final = "application/merge-patch+json"
_TAG: Final = r'(?:W/)?"[\x21\x23-\x7e]*"'
_TAGS: Final = re.compile(rf"{_TAG}(?:[ \t]*,[ \t]*{_TAG})*")
_FAULTS: Final = {
    Fault.NUMBER: "has a number that is not whole, or beyond 2⁵³ − 1: write it as text",
    Fault.TEXT: "has a character that no text may have",
    Fault.DEPTH: f"is nested more than {MOST_DEPTH} deep",
    Fault.KEY: f"has a key of more than {MOST_KEY} characters, or with one that no text may have",
}


class KeptData:
    """Needs a session of a verified account, as an application does; its state is the session's, which every change of the account reaches."""

    def __init__(self, users: Users, data: SessionData) -> None:
        self._users = users
        self._data = data

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Rows of the table."""
        return (
            Endpoint("GET", SESSION_DATA, self.tell),
            Endpoint("PUT", SESSION_DATA, self.replace),
            Endpoint("PATCH", SESSION_DATA, self.merge),
            Endpoint("DELETE", SESSION_DATA, self.clear),
        )

    async def tell(self, call: Call) -> web.Response:
        """What is kept; {} where nothing is."""
        found = await self._allowed(call)
        if isinstance(found, web.Response):
            return found
        return self._told(call, found, await self._data.read(call.snapshot, found))

    async def replace(self, call: Call) -> web.Response:
        """The object that was sent is what is kept."""
        found = await self._allowed(call)
        if isinstance(found, web.Response):
            return found
        condition, content = _condition(call), await _sent(call)
        return self._told(call, found, await self._data.replace(call.snapshot, found, content, condition))

    async def merge(self, call: Call) -> web.Response:
        """What is kept, changed by the patch that was sent."""
        found = await self._allowed(call)
        if isinstance(found, web.Response):
            return found
        condition, patch = _condition(call), await _sent(call, _PATCH)
        return self._told(call, found, await self._data.merge(call.snapshot, found, patch, condition))

    async def clear(self, call: Call) -> web.Response:
        """Nothing is kept any more."""
        condition = _condition(call)
        found = await self._allowed(call)
        if isinstance(found, web.Response):
            return found
        return self._told(call, found, await self._data.replace(call.snapshot, found, {}, condition))

    async def _allowed(self, call: Call) -> Found | web.Response:
        """Who may; asked before a body is read, since judging one takes longer than anything that a stranger may ask for."""
        found = await self._users.found(call)
        if isinstance(found, Found) and found.session.identity.state is not State.VERIFIED:
            state = "is not verified" if found.session.identity.state is State.CREATED else "has expired"
            return self._users.renewed(call, found, refuse(call, 403, f"this account {state}"))
        return found

    def _told(self, call: Call, found: Found, outcome: Outcome) -> web.Response:
        if isinstance(outcome, Ended):
            return not_logged_in(call)
        return self._users.renewed(call, found, _answer(call, outcome))


def _answer(call: Call, outcome: Kept | Unmet | Contended | TooLarge) -> web.Response:
    match outcome:
        case Kept(content=content, revision=revision):
            response = tell(call, content)
            response.headers["ETag"] = f'"{revision}"'
            return response
        case Unmet():
            return refuse(call, 412, "the data have another revision than If-Match says, read them again")
        case Contended():
            return refuse(call, 409, "the data kept changing meanwhile, so nothing was changed, send it again")
        case TooLarge():
            most = call.snapshot.session_data
            return refuse(call, 413, f"a session may keep {most} bytes of JSON and {MOST_KEYS} keys, this would be more")


async def _sent(call: Call, *media: str) -> Content:
    """The object that was sent. Raises BadBody and BadFields."""
    assert call.snapshot.session_data is not None
    most = most_sent(call.snapshot.session_data, MOST_BYTES)
    content = await read_object(call.request, most, call.snapshot.limits.body_idle, *media)
    found = faults(content)
    if found:
        raise BadFields({quoted(key): _FAULTS[fault] for key, fault in found.items()})
    return content


def _condition(call: Call) -> Condition:
    """What `If-Match` says; without it a change may always be made, and `*` is always met, since {} is there too. Raises BadBody."""
    lines = call.request.headers.getall("If-Match", ["*"])
    text = ",".join(lines).strip(" \t")
    if text == "*":
        return lambda revision: True
    if _TAGS.fullmatch(text) is None:
        raise BadBody("If-Match must be an ETag as it was sent, in its quotation marks, or *")
    tags = re.findall(_TAG, text)
    return lambda revision: f'"{revision}"' in tags  # strong comparison: a weak one never fits
