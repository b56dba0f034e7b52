"""The answer: a decision in the words that a surface understands (DESIGN 1.6). Pure; carrying it out is web's work.

nginx's auth_request knows only 2xx, 401 and 403 and makes a 500 of the rest, so its answers are bent to these; a store that is away stays 503
everywhere, because a 401 would look like a logout.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import assert_never

from gateway.core.decide import Allow, AskLogin, Decision, Malformed, NoRoute, Refuse, StoreAway, UnknownHost
from gateway.core.facts import Facts, Surface
from gateway.core.places import Places
from gateway.core.urls import Malformed as BadUrl
from gateway.core.urls import parse_authority

#: What a client should wait before it asks again while a store is away (seconds).
RETRY_AFTER = 5


class Problem(Enum):
    """What went wrong: the name of its page and of its JSON `error`."""

    MALFORMED = "malformed"
    LOGIN_REQUIRED = "login_required"
    NOT_SENT = "not_sent"
    WRONG_LOGIN = "wrong_login"
    UNVERIFIED = "unverified"
    BAD_TOKEN = "bad_token"  # noqa: S105 - the name of a problem
    NOT_VALID = "not_valid"
    REFUSED = "refused"
    FORM_REFUSED = "form_refused"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    TIMED_OUT = "request_timeout"
    TOO_LARGE = "too_large"
    URL_TOO_LONG = "url_too_long"
    UNSUPPORTED_TYPE = "unsupported_type"
    UNKNOWN_HOST = "unknown_host"
    THROTTLED = "throttled"
    HEADERS_TOO_LARGE = "headers_too_large"
    INTERNAL = "internal"
    BAD_GATEWAY = "bad_gateway"
    STORE_AWAY = "store_away"
    UNAVAILABLE = "unavailable"
    UPSTREAM_TIMEOUT = "upstream_timeout"


@dataclass(frozen=True, slots=True)
class Pass:
    """Forward it, or say 200."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """303 to `location`."""

    location: str


@dataclass(frozen=True, slots=True)
class Fail:
    """An error: a page for people, JSON for programs.

    `detail` is a sentence for people; `login_url` is where its page's link leads, or nginx's `Location`; `retry_after` is in seconds.
    """

    status: int
    problem: Problem
    detail: str | None = None
    login_url: str | None = None
    retry_after: int | None = None


Answer = Pass | Redirect | Fail


def answer(decision: Decision, facts: Facts, surface: Surface, places: Places) -> Answer:
    """What `surface` must hear of `decision`."""
    nginx = surface is Surface.NGINX
    match decision:
        case Allow():
            return Pass()
        case AskLogin():
            return _ask_login(facts, surface, places)
        case Refuse(reason=reason):
            return Fail(403, Problem.REFUSED, reason.value)
        case Malformed(detail=detail):
            return Fail(403 if nginx else 400, Problem.MALFORMED, detail)
        case UnknownHost():
            return Fail(403 if nginx else 421, Problem.UNKNOWN_HOST)
        case NoRoute():
            return Fail(403 if nginx else 404, Problem.NOT_FOUND)
        case StoreAway():
            return Fail(503, Problem.STORE_AWAY, retry_after=RETRY_AFTER)
        case _:
            assert_never(decision)


def _ask_login(facts: Facts, surface: Surface, places: Places) -> Answer:
    reads = facts.method in ("GET", "HEAD")
    absolute = surface is not Surface.PROXY
    if places.own(facts.path) == "/login":
        # Only a check comes here with that. To ask for login once more would lead the browser in circles.
        return Fail(403, Problem.REFUSED, "the proxy asks about the login page itself and has to lead there without a check")
    if facts.navigating and reads and not facts.upgrade:
        location = places.login_url(facts, absolute=absolute)
        return Fail(401, Problem.LOGIN_REQUIRED, login_url=location) if surface is Surface.NGINX else Redirect(location)
    if facts.navigating and not facts.upgrade:
        # A form posted after the session ended: what was typed is not lost silently, and a redirect would turn it into a GET (proxying.md F2).
        if surface is Surface.NGINX:
            return Fail(401, Problem.NOT_SENT)  # its page is not shown, and recipes redirect wherever there is a login_url
        return Fail(401, Problem.NOT_SENT, login_url=places.login_url(facts, _referring_path(facts), absolute=absolute))
    return Fail(401, Problem.LOGIN_REQUIRED)


def _referring_path(facts: Facts) -> str:
    """Path and query of the referring page if it is of the same origin, else `/`."""
    scheme, separator, rest = (facts.referer or "").partition("://")
    authority, slash, path = rest.partition("/")
    if not separator or not slash or scheme != facts.scheme:
        return "/"
    try:
        found = parse_authority(authority)
    except BadUrl:
        return "/"
    default = 443 if scheme == "https" else 80
    same = found.host == facts.host and (found.port or default) == facts.port
    return "/" + path.partition("#")[0] if same else "/"
