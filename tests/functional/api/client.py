"""A program that uses the API: it sends what it is told to and keeps nothing, as a front end's server does."""

from __future__ import annotations

import http.client
import itertools
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from typing import Any

from tests.gateways import Gateway

_ADDRESSES = itertools.count(1)
_CHEAP = {"memory": "64KiB", "time": 1, "parallelism": 1}
#: A server in front that says who asks; it is trusted.
_CONFIG: dict[str, Any] = {
    "server": {"trusted_proxies": ["127.0.0.1/32"]},
    "users": {"password": {"argon2": _CHEAP}},
    "login": {"throttle": {"per_ip": "500/1m"}},
}


@dataclass
class Reply:
    """An answer, read whole."""

    status: int
    headers: Message
    body: bytes

    def json(self) -> Any:
        """What it says; every answer of the API is JSON with a newline at its end."""
        assert self.headers["Content-Type"] == "application/json", self.body
        assert self.headers["Cache-Control"] == "no-store"
        assert self.body.endswith(b"\n")
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        """The error that it tells, and nothing else."""
        told = self.json()
        assert set(told) == {"error"}, told
        return told["error"]

    @property
    def cookies(self) -> list[str]:
        """Its Set-Cookie lines."""
        return self.headers.get_all("Set-Cookie") or []

    @property
    def cookie(self) -> str:
        """Name and value of its only Set-Cookie, as the original's client reads them: by position."""
        (line,) = self.cookies
        return line.split(";")[0]


class Client:
    """Asks as `address`. `cookie` is what it sends, if anything."""

    def __init__(self, gateway: Gateway, base: str, address: str) -> None:
        self._gateway = gateway
        self._base = base
        self.address = address
        self.cookie: str | None = None

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
        base: str | None = None,
    ) -> Reply:
        """One request; `body` is sent as JSON, `raw` as it is. A header given as "" is left out."""
        sent = {"Host": f"localhost:{self._gateway.port}", "X-Forwarded-For": self.address}
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        if data is not None:
            sent["Content-Type"] = "application/json"
        if self.cookie is not None:
            sent["Cookie"] = self.cookie
        sent |= headers or {}
        connection = http.client.HTTPConnection("127.0.0.1", self._gateway.port, timeout=30)
        try:
            target = (self._base if base is None else base) + path
            connection.request(method, target, body=data, headers={name: value for name, value in sent.items() if value != ""})
            answer = connection.getresponse()
            return Reply(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **more: Any) -> Reply:
        """GET."""
        return self.send("GET", path, **more)

    def post(self, path: str, body: object = None, **more: Any) -> Reply:
        """POST."""
        return self.send("POST", path, body, **more)

    def log_in(self, email: str, password: str, **more: Any) -> Reply:
        """Log in, and keep the cookie."""
        reply = self.post("/users/login/", {"email": email, "password": password, **more})
        assert reply.status == 200, reply.body
        self.cookie = reply.cookie
        return reply


class Served:
    """A gateway and who asks it."""

    def __init__(self, gateway: Gateway, base: str) -> None:
        self.gateway = gateway
        self.base = base

    @property
    def origin(self) -> str:
        """What a browser on public_url sends as Origin."""
        return self.gateway.url

    def client(self) -> Client:
        """A program with an address of its own."""
        number = next(_ADDRESSES)
        return Client(self.gateway, self.base, f"198.51.{number // 250}.{number % 250 + 1}")


@contextmanager
def serve(config: Mapping[str, Any]) -> Iterator[Served]:
    """A gateway with the sections of `config`, one level deep, over what these tests need."""
    sections = dict(config)
    for name, section in _CONFIG.items():
        sections[name] = {**section, **config.get(name, {})}
    gateway = Gateway(sections)
    if "database" in sections["users"]:
        assert gateway.run("db", "upgrade").returncode == 0
    with gateway:
        path = config.get("api", {}).get("path")
        yield Served(gateway, "/_auth/api" if path is None else path.rstrip("/"))
