"""Where things are: the gateway's own URLs, where to ask for login, and where `next` may lead.

Links never come from a Host header but from `public_url` or from a host that the configuration names (CVE-2024-21498). `next` is judged when it
comes in and again when it is used (CVE-2024-21497, corpus R of advisories.md); what is not clearly ours is dropped in favour of `/`, not repaired.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from gateway.core.facts import Facts
from gateway.core.routes import RouteTable
from gateway.core.urls import DEFAULT_PORTS, Malformed, Origin, covers, parse_authority

#: Longest `next`, in bytes.
MOST_NEXT: Final = 2000
_BARE: Final = re.compile(r"[!-\[\]-~]*")  # printable ASCII without space and backslash
_CALM: Final = re.compile(r"[^\x00-\x1f\x7f\\]*")
_DOTS: Final = frozenset({".", ".."})
_URL_REST: Final = re.compile(r"(?P<authority>[^/?#]+)(?P<path>/.*)?")


@dataclass(frozen=True, slots=True)
class AllowedHost:
    """An entry of `login.allowed_hosts`: a host, and a port other than public_url's where one is named."""

    host: str
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Places:
    """`public` is public_url; `prefix` begins with a slash and has none at its end; `cookie_domain` is lower case without a dot in front."""

    public: Origin
    prefix: str
    cookie_domain: str | None
    allowed_hosts: tuple[AllowedHost, ...]
    routes: RouteTable

    def own(self, path: str) -> str | None:
        """The part of an own path below the prefix (`/login`), or None when `path` is not ours."""
        if path == self.prefix:
            return "/"
        return path[len(self.prefix) :] if path.startswith(self.prefix + "/") else None

    def knows(self, host: str) -> bool:
        """Whether the configuration names this host."""
        return host == self.public.host or self.routes.knows(host)

    def origins(self, facts: Facts) -> set[str]:
        """What the Origin header of our own pages says on the request's host."""
        own = {str(Origin(facts.scheme, facts.host, facts.port))}
        if facts.host == self.public.host:
            own.add(str(self.public))  # behind a proxy that is not trusted, the request's own scheme and port are not the browser's
        return own

    def login_at_public(self, host: str) -> bool:
        """Whether login for `host` happens at public_url: where the cookie's domain covers it."""
        return self.cookie_domain is not None and covers(self.cookie_domain, host)

    def login_url(self, facts: Facts, target: str | None = None, *, absolute: bool = False) -> str:
        """Where to log in and come back to `target` (the request's own path and query unless given).

        `absolute`: for surfaces that resolve a relative Location against the wrong address (Traefik).
        """
        here = Origin(facts.scheme, facts.host, facts.port)
        back = facts.target if target is None else target
        if self.login_at_public(facts.host):
            base = f"{self.public}{self.prefix}/login"
            back = back if here == self.public else f"{here}{back}"
        else:
            base = f"{here if absolute else ''}{self.prefix}/login"
        if back in ("", "/") or len(back) > MOST_NEXT:
            return base
        return f"{base}?next={quote(back, safe='/:~')}"

    def public_url(self, path: str) -> str:
        """An absolute URL of an own page: `path` below the prefix, `/login`."""
        return f"{self.public}{self.prefix}{path}"

    def safe_next(self, text: str | None, host: str) -> str:
        """`text` if it may be redirected to after a login on `host`, else `/`."""
        if not text or len(text) > MOST_NEXT or not _BARE.fullmatch(text):
            return "/"
        if text.startswith("/"):
            return text if self._safe_path(text) else "/"
        scheme, separator, rest = text.partition("://")
        found = _URL_REST.fullmatch(rest)
        if not separator or scheme != self.public.scheme or found is None:
            return "/"
        try:
            authority = parse_authority(found["authority"])
        except Malformed:
            return "/"
        port = authority.port or DEFAULT_PORTS[scheme]
        return text if self._may_lead_to(authority.host, port, host) and self._safe_path(found["path"] or "/") else "/"

    def _safe_path(self, text: str) -> bool:
        """Whether a browser stays where it is when it is sent to `text`, however often it or a proxy decodes it."""
        path = text.partition("?")[0].partition("#")[0]
        for _ in range(4):
            segments = path.split("/")[1:]
            if (len(segments) > 1 and not segments[0]) or not _DOTS.isdisjoint(segments) or not _CALM.fullmatch(path):
                return False
            if self._asks_or_ends(path):
                return False
            path = unquote(path)
        return True

    def _may_lead_to(self, target: str, port: int, host: str) -> bool:
        for allowed in self.allowed_hosts:
            if allowed.host == target and port == (allowed.port or self.public.port):
                return True
        if port != self.public.port:
            return False
        if target in (host, self.public.host) or self.routes.names_exactly(target):
            return True
        return self.cookie_domain is not None and covers(self.cookie_domain, target) and self.routes.names_by_wildcard(target)

    def _asks_or_ends(self, path: str) -> bool:
        """Own pages that must not be a destination: they would log in or out, or answer a proxy's question."""
        own = self.own(path)
        return own is not None and own.lstrip("/").partition("/")[0] in ("login", "logout", "check")
