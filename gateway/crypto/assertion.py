"""The identity assertion: a JWT (RFC 7519) signed with Ed25519 (RFC 8037), by which an upstream can prove that a request passed the gateway.

Every configured key has its own signing key, derived for this purpose alone; `jwks` publishes all of them, those that do not seal yet included, so
that verifiers know a key before it is used.
"""

from __future__ import annotations

import json
from binascii import b2a_base64
from collections.abc import Mapping
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.crypto.keys import Key, KeyRing, Purpose


def sign(ring: KeyRing, claims: Mapping[str, str | int | list[str]]) -> str:
    """A compact JWT of `claims`, signed with the sealing key."""
    import jwt  # brings every algorithm there is: 2 MiB and 25 ms that nobody need wait for at the start

    key = ring.sealing
    return jwt.encode(dict(claims), _private(key), algorithm="EdDSA", headers={"kid": key.id})


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
    return b2a_base64(data, newline=False).rstrip(b"=").translate(bytes.maketrans(b"+/", b"-_")).decode("ascii")
