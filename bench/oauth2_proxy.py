"""oauth2-proxy as its documentation recommends it for production: sessions in Redis, OpenID Connect, one person logged in through it for real.

Its log of requests is on, into a file, as the gateway's access line is. It is found on PATH, never fetched.
"""

from __future__ import annotations

import base64
import http.client
import os
from collections.abc import Mapping, Sequence
from typing import Self
from urllib.parse import parse_qs, urlencode, urlsplit

from bench.identity_provider import CLIENT_ID, CLIENT_SECRET, IdentityProvider
from tests.servers import Process, Redis, free_port

#: Where it answers checks: 202 or 401.
CHECK = "/oauth2/auth"
#: A numbered database of its own, so that nobody's keys mix.
_DATABASE = 1


class OAuth2Proxy(Process):
    """`cookie` is that of the person who is logged in. Raises RuntimeError where the login did not work."""

    name = "oauth2-proxy"

    def __init__(self, program: str, redis: Redis, upstream: int) -> None:
        super().__init__()
        self.port = free_port()
        self.cookie = ""
        self._program = program
        self._redis = redis
        self._upstream = upstream
        self._provider = IdentityProvider()

    def argv(self) -> Sequence[str]:
        return [
            self._program,
            f"--http-address=127.0.0.1:{self.port}",
            f"--upstream=http://127.0.0.1:{self._upstream}/",
            f"--redirect-url=http://127.0.0.1:{self.port}/oauth2/callback",
            "--provider=oidc",
            f"--oidc-issuer-url={self._provider.issuer}",
            f"--client-id={CLIENT_ID}",
            f"--client-secret={CLIENT_SECRET}",
            f"--cookie-secret={base64.urlsafe_b64encode(os.urandom(32)).decode()}",
            "--cookie-secure=false",
            "--email-domain=*",
            "--insecure-oidc-skip-nonce=true",
            "--session-store-type=redis",
            f"--redis-connection-url={self._redis.url_of(_DATABASE)}",
            "--reverse-proxy=true",
            "--set-xauthrequest=true",
            "--skip-provider-button=true",
        ]

    def environ(self) -> Mapping[str, str]:
        return {**super().environ(), "GOMAXPROCS": "1"}

    def ready(self) -> bool:
        return self._ask("/ping")[0] == 200

    def __enter__(self) -> Self:
        self._provider.__enter__()
        try:
            super().__enter__()
            self.cookie = self._log_in()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            super().__exit__()
        finally:
            self._provider.__exit__()

    def _log_in(self) -> str:
        """The way of a browser, whose stop at the provider is left out."""
        status, location, cookies = self._ask("/oauth2/start?rd=%2F")
        state = parse_qs(urlsplit(location).query).get("state", [""])[0]
        if status != 302 or not state:
            raise RuntimeError(f"oauth2-proxy does not lead to its provider: {status}\n{self.log()[-2000:]}")
        query = urlencode({"code": "bench", "state": state})
        status, _, cookies = self._ask(f"/oauth2/callback?{query}", "; ".join(cookies))
        cookie = "; ".join(cookies)
        if status != 302 or self._ask(CHECK, cookie)[0] != 202:
            raise RuntimeError(f"oauth2-proxy logs nobody in: {status}\n{self.log()[-2000:]}")
        return cookie

    def _ask(self, path: str, cookie: str = "") -> tuple[int, str, list[str]]:
        """Status, Location, and the cookies that are set and not cleared, as `name=value`; status 0 while nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path, headers={"Cookie": cookie} if cookie else {})
            answer = connection.getresponse()
            answer.read()
            pairs = [text.partition(";")[0].strip() for text in answer.msg.get_all("Set-Cookie", [])]
            return answer.status, answer.msg.get("Location", ""), [pair for pair in pairs if pair.partition("=")[2]]
        except OSError:
            return 0, "", []
        finally:
            connection.close()
