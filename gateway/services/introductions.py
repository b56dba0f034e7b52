"""Introductions: the headers by which an upstream hears who somebody is, made once for a session and route as long as nothing of it changes.

What is kept is whom we speak of, never a decision (CVE-2021-32701), under a tuple, never a joined string (CVE-2026-33496). An introduction
counts only for an equal identity and no longer than its assertion is fresh; a reload forgets them all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from gateway.core.headers import Header
from gateway.core.identity import Identity
from gateway.core.routes import Route
from gateway.services.assertions import make_assertion
from gateway.services.bounded import Bounded
from gateway.services.sessions import Found
from gateway.snapshot import Snapshot

#: Introductions kept, and their lines' bytes (about 1 KiB each, more with many groups); the one used longest ago makes room.
_MOST_KEPT: Final = 10_000
_MOST_BYTES: Final = 32 << 20
_ALWAYS: Final = float("inf")


class Introduction(NamedTuple):
    """Complete identity headers, empty values included, and the same as the lines of a head."""

    headers: tuple[Header, ...]
    lines: bytes

    def __repr__(self) -> str:
        return "Introduction(…)"


#: Where nobody is to be introduced to: a request that goes no further.
NOBODY: Final = Introduction((), b"")


class _Kept(NamedTuple):
    introduction: Introduction
    identity: Identity | None
    fresh_until: float


class Introductions:
    """Makes them, and remembers what is still true. `clock` is seconds since 1970."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: Bounded[tuple[str, str], _Kept] = Bounded(_MOST_KEPT, _MOST_BYTES)
        self._snapshot: Snapshot | None = None

    def of(self, snapshot: Snapshot, route: Route, identity: Identity | None, found: Found | None) -> Introduction:
        """Who `identity` is, for the upstream of `route`; `found` is its session."""
        if snapshot is not self._snapshot:
            self._kept.clear()
            self._snapshot = snapshot
        key = (found.member if found is not None and identity is not None else "", route.name)
        kept = self._kept.get(key)
        if kept is not None and self._clock() < kept.fresh_until and (kept.identity is identity or kept.identity == identity):
            return kept.introduction
        kept = self._make(snapshot, route, identity, found)
        self._kept.keep(key, kept, 2 * len(kept.introduction.lines))
        return kept.introduction

    def _make(self, snapshot: Snapshot, route: Route, identity: Identity | None, found: Found | None) -> _Kept:
        headers = route.identity.values(identity)
        fresh_until = _ALWAYS
        if route.identity.assertion is not None:
            token = b""
            if identity is not None and found is not None:
                token, fresh_until = make_assertion(snapshot, identity, route.name, route.identity, self._clock())
            headers.append((route.identity.assertion.encode("ascii"), token))
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        return _Kept(Introduction(tuple(headers), lines), identity, fresh_until)
