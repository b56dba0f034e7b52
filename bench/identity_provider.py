"""The smallest OpenID Connect provider that oauth2-proxy logs somebody in with: everybody is the same person, and no code is ever wrong.

Only for the benchmark, on 127.0.0.1. Discovery, token and key endpoints of OpenID Connect Core 1.0; the authorization endpoint is only a name, since
the benchmark makes the browser's way back by itself.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID = "bench"
CLIENT_SECRET = "bench-only-secret"  # noqa: S105 - of a client on loopback that lives for seconds
_KEY_ID = "bench"
_LIFETIME = 12 * 3600


class IdentityProvider:
    """As a context manager it serves from a thread of its own."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        answers = {"/.well-known/openid-configuration": self._discovery, "/keys": self._keys, "/token": self._token}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(answers))
        self._server.daemon_threads = True
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def _keys(self) -> dict[str, Any]:
        numbers = self._key.public_key().public_numbers()
        return {"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": _KEY_ID, "n": _number(numbers.n), "e": _number(numbers.e)}]}

    def _token(self) -> dict[str, Any]:
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "sub": "0190a000-0000-7000-8000-000000000000", "iat": now, "exp": now + _LIFETIME}
        person = {"email": "person0@example.com", "email_verified": True, "preferred_username": "person0", "groups": ["staff", "wiki-editors"]}
        id_token = jwt.encode({**claims, **person}, self._key, algorithm="RS256", headers={"kid": _KEY_ID})
        return {"access_token": "bench-only-token", "token_type": "Bearer", "expires_in": _LIFETIME, "id_token": id_token}


def _handler(answers: dict[str, Callable[[], dict[str, Any]]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """JSON for known paths, whatever the method."""

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = answers.get(self.path.partition("?")[0])
            body = json.dumps(answer() if answer else {"error": "not_found"}).encode()
            self.send_response(200 if answer else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - http.server's name

        def log_message(self, *_: object) -> None:
            """Nothing."""

    return Handler


def _number(value: int) -> str:
    """RFC 7518 section 2, Base64urlUInt."""
    return base64.urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()
