"""The assertion that an upstream can verify: who somebody is, for one audience and a short time. Signing costs more than all else in a request, so
whoever asks for one keeps it (introductions.py).
"""

from __future__ import annotations

from gateway.core.headers import IdentityHeaders
from gateway.core.identity import Identity
from gateway.crypto.assertion import sign
from gateway.crypto.tokens import new_request_id
from gateway.snapshot import Snapshot


def make_assertion(snapshot: Snapshot, identity: Identity, audience: str, headers: IdentityHeaders, now: float) -> tuple[bytes, float]:
    """A compact JWT for `audience` (a route's name), and until when it may be handed out: for half of its lifetime, so that it is valid for at least
    as long again."""
    claims: dict[str, str | int | list[str]] = {
        "iss": str(snapshot.places.public),
        "aud": audience,
        "sub": identity.user_id,
        "email": identity.email,
        "groups": list(identity.groups),
        "iat": int(now),
        "exp": int(now + headers.assertion_lifetime),
        "jti": new_request_id(),
    }
    return sign(snapshot.keys, claims).encode("ascii"), now + headers.assertion_lifetime / 2
