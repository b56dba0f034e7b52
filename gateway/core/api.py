"""Where the JSON API is: its routes, the hosts that serve it, and the origins that may use it from elsewhere.

Below the gateway's own prefix everything under the API's folder is the API's. Moved elsewhere (`api.path`), only its exact paths win over routes,
with and without the slash at their end; everything else there belongs to whoever it belonged to before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

#: The largest body (bytes).
MOST_BYTES: Final = 1_048_576
#: Only there where `session.data` is enabled.
SESSION_DATA: Final = "/session/data"
#: Every route below the base, without the slash at its end; `:id` stands for one segment.
PATHS: Final = (
    "/healthcheck",
    "/metrics",
    "/users/register",
    "/users/login",
    "/users/logout",
    "/users/current-user",
    "/users/activate/:id",
    "/users/regenerate-token",
    "/users/password/request-password-change",
    "/users/password/change-user-password/:id",
    "/users/update-user",
    SESSION_DATA,
)


class Asked(NamedTuple):
    """A request for the API: the route as `PATHS` writes it, None where there is none, and what stands in its `:id`."""

    path: str | None
    id: str


@dataclass(frozen=True, slots=True)
class ApiPlace:
    """`base` has no slash at its end and is "" for `/`; `whole`: everything below it is the API's. `hosts` are exact, `*.example.com` or `*`;
    `origins` are what an Origin header says (RFC 6454 section 7), in lower case. `session_data`: that route is there."""

    base: str
    whole: bool
    hosts: tuple[str, ...]
    origins: frozenset[str] = frozenset()
    session_data: bool = False

    def find(self, host: str, path: str) -> Asked | None:
        """What a request for `path` (canonical) asks the API; None where it is not the API's."""
        if not path.startswith(self.base) or not any(host_matches(pattern, host) for pattern in self.hosts):
            return None
        rest = path[len(self.base) :]
        if self.whole and rest and not rest.startswith("/"):
            return None
        route, value = _route(rest.removesuffix("/"))
        if route == SESSION_DATA and not self.session_data:
            route = None
        return Asked(route, value) if route is not None or self.whole else None


def host_matches(pattern: str, host: str) -> bool:
    """Whether `pattern` (an exact host, `*.example.com` or `*`) names `host`."""
    return pattern in ("*", host) or (pattern.startswith("*.") and host.endswith(pattern[1:]))


def paths_of(session_data: bool) -> tuple[str, ...]:
    """Those of `PATHS` that are there."""
    return PATHS if session_data else tuple(path for path in PATHS if path != SESSION_DATA)


def taken_by(path: str, base: str, paths: Sequence[str]) -> str | None:
    """Which of the API's `paths`, as it would be written, a route's `path` is at or below when the API is at `base`."""
    segments = path.rstrip("/").split("/")
    for one in paths:
        wanted = f"{base}{one}".split("/")
        if len(segments) >= len(wanted) and all(ours in (theirs, ":id") for ours, theirs in zip(wanted, segments, strict=False)):
            return f"{base}{one}/"
    return None


def meets_folder(base: str, folder: str, paths: Sequence[str]) -> bool:
    """Whether one of the API's `paths`, when the API is at `base`, is `folder` or may be below it."""
    segments = folder.split("/")
    whole = (f"{base}{one}".split("/") for one in paths)
    return any(len(path) >= len(segments) and all(ours in (theirs, ":id") for ours, theirs in zip(path, segments, strict=False)) for path in whole)


def _route(rest: str) -> tuple[str | None, str]:
    if rest in _EXACT:
        return rest, ""
    folder, _, value = rest.rpartition("/")
    named = f"{folder}/:id"
    return (named, value) if named in _EXACT and value else (None, "")


_EXACT: Final = frozenset(PATHS)
