"""The provider that oauth2-proxy is shown: its token can be checked with what it publishes."""

from __future__ import annotations

import json
import urllib.request

import jwt

from bench.identity_provider import CLIENT_ID, IdentityProvider


def fetch(url, body=None):
    with urllib.request.urlopen(url, data=body, timeout=5) as answer:
        return json.load(answer)


def test_a_token_verifies_by_discovery():
    with IdentityProvider() as provider:
        found = fetch(f"{provider.issuer}/.well-known/openid-configuration")
        token = fetch(found["token_endpoint"], b"grant_type=authorization_code&code=bench")["id_token"]
        [key] = fetch(found["jwks_uri"])["keys"]
        claims = jwt.decode(token, jwt.PyJWK(key), algorithms=["RS256"], audience=CLIENT_ID, issuer=found["issuer"])
    assert found["issuer"] == provider.issuer
    assert claims["email_verified"] is True
    assert jwt.get_unverified_header(token)["kid"] == key["kid"]
