"""Dialects: how each proxy tells which request it asks about. One small pure function each, from headers to what was asked.

A claim here is what the real proxy was seen to send (tests/e2e). What is relayed is believed from trusted proxies only, and refused when it is
missing, doubled or cannot be parsed: there is no falling back to the check's own address, or a client could choose what is judged (CVE-2026-40575,
CVE-2021-32637; proxying.md F5).

    nginx      X-Original-URL and X-Original-Method, set by the recipe
    Traefik    X-Forwarded-Method, -Proto, -Host and -Uri
    Caddy      the same
    HAProxy    the same, set by the recipe
    Envoy      the check's own method, Host and path below the prefix, and X-Forwarded-Proto
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from gateway.core.facts import Surface
from gateway.core.urls import Malformed
from gateway.web.request import Asked, Check


def nginx(check: Check) -> Asked:
    """`X-Original-URL: $scheme://$http_host$request_uri`, `X-Original-Method: $request_method`."""
    scheme, separator, rest = _named(check, b"x-original-url").partition("://")
    host, slash, path = rest.partition("/")
    if not separator or not slash:
        raise Malformed("X-Original-URL is no address")
    return Asked(_named(check, b"x-original-method"), scheme, host, f"/{path}")


def forwarded(check: Check) -> Asked:
    """Traefik's four headers, which Caddy sends too and HAProxy is told to."""
    told = check.headers.get
    asked = Asked(told(b"x-forwarded-method", ""), told(b"x-forwarded-proto", ""), told(b"x-forwarded-host", ""), told(b"x-forwarded-uri", ""))
    if all(asked):
        return asked
    raise Malformed("the check comes without X-Forwarded-Method, -Proto, -Host or -Uri")


def envoy(check: Check) -> Asked:
    """`path_prefix` is /check/envoy, and Envoy appends the original path and query to it."""
    return Asked(check.method, _named(check, b"x-forwarded-proto"), _named(check, b"host"), check.rest)


DIALECTS: Final[Mapping[str, tuple[Surface, Callable[[Check], Asked]]]] = {
    "nginx": (Surface.NGINX, nginx),
    "traefik": (Surface.TRAEFIK, forwarded),
    "caddy": (Surface.CADDY, forwarded),
    "haproxy": (Surface.HAPROXY, forwarded),
    "envoy": (Surface.ENVOY, envoy),
}


def _named(check: Check, name: bytes) -> str:
    value = check.headers.get(name)
    if not value:
        raise Malformed(f"the check comes without {name.decode('ascii')}")
    return value
