"""The identity assertion: a JWT (RFC 7519) signed with Ed25519 (RFC 8037), by which an upstream can prove that a request passed the gateway.

Written out here, since it is one line of RFC 7515 section 7.1: a library that also verifies and brings every algorithm costs half as much again as
the signature, for each session in use, and 25 ms at the first one. Tests verify with such a library.

Every configured key has its own signing key, derived for this purpose alone; `jwks` publishes all of them, those that do not seal yet included, so
that verifiers know a key before it is used.
"""

from __future__ import annotations

import json
from binascii import b2a_base64
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.crypto.keys import Key, KeyRing, Purpose


def sign(ring: KeyRing, claims: Mapping[str, str | int | list[str]]) -> str:
    """A compact JWT of `claims`, signed with the sealing key."""
    key = ring.sealing
    head, payload = (json.dumps(part, separators=(",", ":")).encode("ascii") for part in ({"alg": "EdDSA", "kid": key.id, "typ": "JWT"}, claims))
    signed = f"{_base64url(head)}.{_base64url(payload)}"
    return f"{signed}.{_base64url(_private(key).sign(signed.encode('ascii')))}"


def jwks(ring: KeyRing) -> bytes:
    """The JSON Web Key Set (RFC 7517 section 5) that verifies what any of the keys signed."""
    keys = [
        {"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": key.id, "x": _base64url(_private(key).public_key().public_bytes_raw())}
        for key in ring.keys
    ]
    return json.dumps({"keys": keys}).encode("ascii")


def _private(key: Key) -> Ed25519PrivateKey:
    return _from_seed(key.derived[Purpose.ASSERTION])


@lru_cache(maxsize=64)
def _from_seed(seed: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(seed)


def _base64url(data: bytes) -> str:
    return b2a_base64(data, newline=False).rstrip(b"=").translate(_TO_URL).decode("ascii")


_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
