"""Routes and how one is found.

Only the routes of the best host are tried (exact > longest wildcard > `*`), by longest path on segment borders. Nothing fits: no route, never another
host's. Looking up costs a dictionary access per label of the host and per segment of the path, however many routes there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from gateway.core.access import Rule
from gateway.core.headers import IdentityHeaders


@dataclass(frozen=True, slots=True)
class UpstreamAddress:
    """Where an upstream listens: `http` or `https` with host and port, or a unix socket (`path` set, scheme http)."""

    scheme: Literal["http", "https"]
    host: str
    port: int
    unix_path: str | None = None

    @property
    def authority(self) -> str:
        """What stands in a Host header for this upstream."""
        default = 443 if self.scheme == "https" else 80
        host = "localhost" if self.unix_path else self.host
        return host if self.port == default or self.unix_path else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UpstreamTls:
    """How an https upstream is verified."""

    verify: bool = True
    ca_file: str | None = None
    server_name: str | None = None


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, to the head of the answer, and between two pieces of a body."""

    connect: float = 5.0
    response: float = 60.0
    idle: float = 300.0


@dataclass(frozen=True, slots=True)
class Route:
    """A part of a host's URL space, what protects it, and where it leads. `source` is "file:line"."""

    name: str
    hosts: tuple[str, ...]
    path: str
    rules: tuple[Rule, ...]
    source: str
    upstream: UpstreamAddress | None = None
    identity: IdentityHeaders = field(default_factory=IdentityHeaders)
    preserve_host: bool | str = True
    strip_prefix: bool = False
    add_prefix: str = ""
    timeouts: Timeouts = Timeouts()
    max_body: int | None = None
    websocket: bool = True
    origins: tuple[str, ...] = ()
    tls: UpstreamTls = UpstreamTls()
    set_headers: tuple[tuple[str, str], ...] = ()
    remove_headers: frozenset[str] = frozenset()
    response_set_headers: tuple[tuple[str, str], ...] = ()
    response_remove_headers: frozenset[str] = frozenset()
    encoded_paths: Literal["reject", "keep"] = "reject"


class RouteTable:
    """All routes, ready to be looked up. Ties (same host, same path) are refused by the configuration before this is built."""

    __slots__ = ("_any", "_exact", "_wildcard", "routes")

    def __init__(self, routes: Iterable[Route] = ()) -> None:
        self.routes = tuple(routes)
        self._exact: dict[str, dict[str, Route]] = {}
        self._wildcard: dict[str, dict[str, Route]] = {}
        self._any: dict[str, Route] = {}
        for route in self.routes:
            for host in route.hosts:
                self._paths_of(host)[route.path.rstrip("/")] = route

    def find(self, host: str, path: str) -> Route | None:
        """The route for a canonical host and path, None when the host has none for it."""
        paths = self._best(host)
        prefix = path.rstrip("/") if path.endswith("/") else path
        while True:
            route = paths.get(prefix)
            if route is not None:
                return route
            if not prefix:
                return None
            prefix = prefix.rpartition("/")[0]

    def knows(self, host: str) -> bool:
        """Whether some route names this host."""
        return bool(self._best(host))

    def names_exactly(self, host: str) -> bool:
        """Whether some route names exactly this host."""
        return host in self._exact

    def names_by_wildcard(self, host: str) -> bool:
        """Whether some route names this host by a wildcard other than `*`."""
        return self._by_wildcard(host) is not None

    def _paths_of(self, host: str) -> dict[str, Route]:
        if host == "*":
            return self._any
        if host.startswith("*."):
            return self._wildcard.setdefault(host[2:], {})
        return self._exact.setdefault(host, {})

    def _best(self, host: str) -> Mapping[str, Route]:
        return self._exact.get(host) or self._by_wildcard(host) or self._any

    def _by_wildcard(self, host: str) -> Mapping[str, Route] | None:
        if not self._wildcard:
            return None
        rest = host
        while True:
            _, dot, rest = rest.partition(".")
            if not dot:
                return None
            paths = self._wildcard.get(rest)
            if paths is not None:
                return paths
