"""Assertions for upstreams, signed once per session, epoch, audience and half of their lifetime: signing costs more than everything else in a
request.

What is kept is an identity, never a decision (CVE-2021-32701), under a tuple, never a joined string (CVE-2026-33496).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from gateway.core.headers import IdentityHeaders
from gateway.core.identity import Identity
from gateway.crypto.assertion import sign
from gateway.crypto.keys import Purpose
from gateway.crypto.tokens import new_request_id
from gateway.services.sessions import Found
from gateway.snapshot import Snapshot

_MOST_KEPT = 10_000


class Assertion(NamedTuple):
    """A compact JWT, and until when it is handed out (seconds since 1970; it is valid for longer)."""

    token: bytes
    fresh_until: float

    def __repr__(self) -> str:
        return "Assertion(…)"


class Assertions:
    """Signs, and remembers what is still fresh."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: OrderedDict[tuple[str, int, str, bytes, str, float], Assertion] = OrderedDict()

    def now(self) -> float:
        """What `fresh_until` is compared with."""
        return self._clock()

    def token(self, snapshot: Snapshot, found: Found, identity: Identity, audience: str, headers: IdentityHeaders) -> Assertion:
        """A token for `audience` (a route's name) that is valid for at least half of its lifetime yet, or until the session's absolute end."""
        issuer = str(snapshot.places.public)
        lifetime = headers.assertion_lifetime
        key = (found.member, found.session.epoch, audience, snapshot.keys.sealing.derived[Purpose.ASSERTION], issuer, lifetime)
        now = self._clock()
        kept = self._kept.get(key)
        if kept is not None and now < kept.fresh_until:
            self._kept.move_to_end(key)
            return kept
        token = sign(
            snapshot.keys,
            {
                "iss": issuer,
                "aud": audience,
                "sub": identity.user_id,
                "email": identity.email,
                "groups": list(identity.groups),
                "iat": int(now),
                "exp": int(now + lifetime),
                "jti": new_request_id(),
            },
        ).encode("ascii")
        kept = self._kept[key] = Assertion(token, now + lifetime / 2)
        if len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return kept
