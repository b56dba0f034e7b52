"""Facts: what a request says, after trust has been applied.

Made by the dialects (web/request.py for the proxy, web/forward_auth for checks); read by everything that judges. Nothing in here has been
decided yet, and nothing in here may be taken from a header that an untrusted peer could have written.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Surface(Enum):
    """Who asks, and so in which words the answer must be given (DESIGN 1.6)."""

    PROXY = "proxy"
    NGINX = "nginx"
    TRAEFIK = "traefik"
    CADDY = "caddy"
    HAPROXY = "haproxy"
    ENVOY = "envoy"


class Facts(NamedTuple):
    """One request. Built once, never changed; a NamedTuple because it is made for every request (0.2 µs)."""

    method: str
    """Upper-case token."""
    scheme: str
    """`http` or `https`: what the browser used (ws and wss are mapped)."""
    host: str
    """Lower case, IDNA, without port or trailing dot; an IPv6 address keeps its brackets."""
    port: int
    path: str
    """The canonical path that is judged: decoded once, begins with `/`."""
    readings: tuple[str, ...]
    """Other paths that a strict or a lenient upstream might see in the same bytes; empty for an ordinary path."""
    encoded: bool
    """The path is not its own canonical form (dot segments, encoded slashes …): refused unless the route says `encoded_paths: keep`."""
    raw_path: str
    """The path as sent (ASCII)."""
    query: str | None
    """The query as sent, without `?`; None when there was no `?`."""
    client: str
    """The client's address: the rightmost hop that is not a trusted proxy."""
    cookies: tuple[str, ...]
    """Values of our session cookie in the order sent, at most four."""
    navigating: bool
    """A person is looking: answer with pages and redirects (DESIGN 1.5)."""
    upgrade: bool
    """A WebSocket handshake."""
    passive: bool
    """An image, style, script, font or upgrade: must neither rotate a session nor carry a cookie."""
    origin: str | None
    referer: str | None
    user_agent: str
    languages: str = ""
    """The languages that somebody wants to read, as in Accept-Language; what they chose on our pages comes first."""

    def __repr__(self) -> str:
        """Short, and without cookies, query and referrer, which may hold secrets."""
        return f"Facts({self.method} {self.scheme}://{self.host}:{self.port}{self.raw_path} from {self.client})"

    @property
    def target(self) -> str:
        """Path and query as sent."""
        return self.raw_path if self.query is None else f"{self.raw_path}?{self.query}"
