"""What is written out by hand says what the libraries say: HKDF, and a signed assertion."""

from __future__ import annotations

import json

import jwt
import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.crypto.assertion import jwks, sign
from gateway.crypto.keys import Key, KeyRing, derive


@pytest.mark.parametrize("info", [b"", b"gateway cookie", bytes(range(32)), b"x" * 300])
def test_keys_are_derived_by_hkdf(info: bytes) -> None:
    for secret in (bytes(32), b"\xff" * 32, bytes(range(32))):
        assert derive(secret, info) == HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secret)


def test_a_library_verifies_what_is_signed() -> None:
    ring = KeyRing([Key("new", bytes(range(32))), Key("old", bytes(range(1, 33)))])
    keys = {key.key_id: key for key in jwt.PyJWKSet.from_json(jwks(ring).decode()).keys}
    claims: dict[str, str | int | list[str]] = {"aud": "wiki", "sub": 'ö "x"', "groups": ["a", "b"], "iat": 1, "exp": 4_000_000_000}
    token = sign(ring, claims)
    assert jwt.decode(token, keys["new"], algorithms=["EdDSA"], audience="wiki") == claims
    assert jwt.get_unverified_header(token) == {"alg": "EdDSA", "kid": "new", "typ": "JWT"}
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, keys["old"], algorithms=["EdDSA"], audience="wiki")
    head, payload, signature = token.split(".")
    assert "=" not in token
    assert json.loads(jwt.utils.base64url_decode(payload)) == claims
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(f"{head}.{payload[:-2]}AA.{signature}", keys["new"], algorithms=["EdDSA"], audience="wiki")
