"""Who may change things, and which front ends elsewhere hear an answer (CORS: the Fetch standard, section 3.3).

A browser says where a request comes from, and no page can forge that: `Sec-Fetch-Site`, or `Origin` from older ones. A program that is no browser
sends neither, or the Origin of its own site. `api.origins` names sites besides our own.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from gateway.core.api import ApiPlace
from gateway.core.facts import Facts
from gateway.snapshot import Snapshot

#: Methods that change nothing (RFC 9110 section 9.2.1).
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
#: How long a browser may remember a preflight's answer (seconds).
_PREFLIGHT_AGE: Final = 600
_EXPOSED: Final = "ETag, Retry-After, X-Request-Id"


def is_foreign(request: web.BaseRequest, facts: Facts, snapshot: Snapshot, place: ApiPlace) -> bool:
    """Whether another site has a browser send this."""
    if is_named(facts, place):
        return False
    sites = request.headers.getall("Sec-Fetch-Site", [])
    if sites:
        return not all(site.strip().lower() in ("same-origin", "none") for site in sites)
    return facts.origin is not None and facts.origin.lower() not in snapshot.places.origins(facts)


def is_named(facts: Facts, place: ApiPlace) -> bool:
    """Whether the request's Origin is one of `api.origins`."""
    return facts.origin is not None and facts.origin.lower() in place.origins


def allow_origin(response: web.StreamResponse, facts: Facts, place: ApiPlace) -> None:
    """Let the named front end read `response`; who else asks hears nothing of it."""
    if not place.origins:
        return
    response.headers["Vary"] = "Cookie, Origin"
    if facts.origin is not None and is_named(facts, place):
        response.headers["Access-Control-Allow-Origin"] = facts.origin
        response.headers["Access-Control-Allow-Credentials"] = "true"
        response.headers["Access-Control-Expose-Headers"] = _EXPOSED


def allow_methods(response: web.StreamResponse, request: web.BaseRequest, facts: Facts, place: ApiPlace, allowed: str) -> None:
    """Answer a preflight of the named front end."""
    if is_named(facts, place) and "Access-Control-Request-Method" in request.headers:
        response.headers["Access-Control-Allow-Methods"] = allowed
        response.headers["Access-Control-Allow-Headers"] = "Content-Type, If-Match"
        response.headers["Access-Control-Max-Age"] = str(_PREFLIGHT_AGE)
