"""Ordinary values to build tests from: a key ring, a snapshot, an account, a browser's request. Change what a test is about, leave the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gateway.core.access import Effect, Rule
from gateway.core.cookies import CookieShape
from gateway.core.facts import Facts
from gateway.core.forwarded import Trust
from gateway.core.headers import IdentityHeaders
from gateway.core.identity import Identity, State
from gateway.core.places import Places
from gateway.core.routes import Route, RouteTable, UpstreamAddress
from gateway.core.urls import Origin, parse_target
from gateway.crypto.keys import Key, KeyRing
from gateway.snapshot import Snapshot
from gateway.stores.accounts import Account

NOW = 1_800_000_000.0
IDENTITY_HEADERS = IdentityHeaders(
    attributes=(("X-User-Id", "id"), ("X-User-Email", "email"), ("X-User-Name", "name"), ("X-User-Groups", "groups")),
    assertion="X-Gateway-Jwt-Assertion",
    strip=frozenset({b"x-user-id", b"x-user-email", b"x-user-name", b"x-user-groups", b"x-gateway-jwt-assertion"}),
)
LOGIN = Rule(Effect.LOGIN, "gateway.yml:1")
PUBLIC = Rule(Effect.PUBLIC, "gateway.yml:2")
OPTIONAL = Rule(Effect.OPTIONAL, "gateway.yml:3")
DENY = Rule(Effect.DENY, "gateway.yml:4")


class SettableClock:
    """Seconds since 1970, moved by the test."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds


def sample_ring(*ids: str) -> KeyRing:
    """Keys of those ids; the first seals."""
    return KeyRing([Key(name, (name.encode() * 32)[:32]) for name in ids or ("2026a",)])


def sample_route(name: str = "wiki", path: str = "/", *rules: Rule, host: str = "wiki.example.com", **changes: Any) -> Route:
    """A route with an upstream that nobody listens at."""
    upstream = UpstreamAddress("http", "127.0.0.1", 9)
    route = Route(name, (host,), path, rules or (LOGIN,), "gateway.yml:10", upstream=upstream, identity=IDENTITY_HEADERS)
    return replace(route, **changes)


def sample_snapshot(*routes: Route, public: str = "https", domain: str | None = None, **changes: Any) -> Snapshot:
    """public_url is https://auth.example.com unless `public` is http."""
    secure = public == "https"
    table = RouteTable(routes or (sample_route(),))
    name = ("__Secure-gw" if domain else "__Host-gw") if secure else "gw"
    origin = Origin(public, "auth.example.com", 443 if secure else 80)
    snapshot = Snapshot(
        places=Places(origin, "/_auth", domain, (), table),
        trust=Trust(),
        keys=sample_ring(),
        cookie=CookieShape(name, secure, "lax", domain),
        identity=IDENTITY_HEADERS,
        own_cookies=frozenset({b"gw", b"__Host-gw", b"__Secure-gw", b"__Host-gw-csrf", b"gw-csrf", b"gw-lang"}),
    )
    return replace(snapshot, **changes)


def sample_facts(target: str = "/", *cookies: str, **changes: Any) -> Facts:
    """A person's browser that opens a page of wiki.example.com."""
    asked = parse_target(target)
    facts = Facts(
        method="GET",
        scheme="https",
        host="wiki.example.com",
        port=443,
        path=asked.path,
        readings=asked.readings,
        encoded=asked.encoded,
        raw_path=asked.raw_path,
        query=asked.query,
        client="192.0.2.7",
        cookies=cookies,
        navigating=True,
        upgrade=False,
        passive=False,
        origin=None,
        referer=None,
        user_agent="Browser/1",
    )
    return facts._replace(**changes)


def sample_identity(name: str = "ann", *groups: str, state: State = State.VERIFIED) -> Identity:
    """A person whose id and address follow from the name."""
    return Identity(f"0190a000-0000-7000-8000-{name.encode().hex():0>12.12}", f"{name}@example.com", name.capitalize(), groups, state)


def sample_account(name: str = "ann", *groups: str, state: State = State.VERIFIED, epoch: int = 1) -> Account:
    """The account of that person, without a password."""
    return Account(sample_identity(name, *groups, state=state), None, epoch, NOW, None)
