"""A lane: what is worked out once for a route, so that each of its requests finds it ready as bytes.

Lanes are found by the route's identity; routes of a configuration that was replaced are forgotten when a new one appears.
"""

from __future__ import annotations

from typing import Final

from gateway.core.headers import Header, fold
from gateway.core.routes import Route, Timeouts
from gateway.snapshot import Snapshot
from gateway.web.proxy.pool import Pool, Upstreams

_REQUEST_ID: Final = b"x-request-id"


class Lane:
    """`strip_request` and `strip_response` are folded names: identity headers, what the route removes or sets itself, X-Request-Id (always ours).

    `host` is None where the client's own is preserved.
    """

    __slots__ = ("host", "pool", "request_lines", "response_headers", "route", "strip_request", "strip_response", "timeouts")

    def __init__(self, route: Route, pool: Pool) -> None:
        assert route.upstream is not None
        self.route = route
        self.pool = pool
        self.timeouts: Timeouts = route.timeouts
        self.host: bytes | None = None
        if isinstance(route.preserve_host, str):
            self.host = route.preserve_host.encode("ascii")
        elif not route.preserve_host:
            self.host = route.upstream.authority.encode("ascii")
        identity = route.identity.strip
        set_request = _ours(route.set_headers, identity)
        set_response = _ours(route.response_set_headers, identity)
        self.strip_request = identity | _folded(route.remove_headers) | {fold(name) for name, _ in set_request} | {_REQUEST_ID}
        self.strip_response = identity | _folded(route.response_remove_headers) | {fold(name) for name, _ in set_response} | {_REQUEST_ID}
        self.request_lines = [b": ".join(header) for header in set_request]
        self.response_headers = set_response


class Lanes:
    """The lanes of the routes in use."""

    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams
        self._lanes: dict[int, Lane] = {}

    def of(self, route: Route, snapshot: Snapshot) -> Lane:
        """The lane of `route`, which has an upstream."""
        lane = self._lanes.get(id(route))
        if lane is None:
            lane = self._make(route, snapshot)
        return lane

    def _make(self, route: Route, snapshot: Snapshot) -> Lane:
        current = {id(one) for one in snapshot.routes.routes}
        self._lanes = {key: lane for key, lane in self._lanes.items() if key in current}  # a lane keeps its route alive, so no id is used twice
        assert route.upstream is not None
        lane = self._lanes[id(route)] = Lane(route, self._upstreams.pool(route.upstream, route.tls))
        self._upstreams.keep_only({lane.pool for lane in self._lanes.values()})
        return lane


def _folded(names: frozenset[str]) -> frozenset[bytes]:
    return frozenset(fold(name.encode("latin-1")) for name in names)


def _ours(headers: tuple[tuple[str, str], ...], identity: frozenset[bytes]) -> list[Header]:
    """What a route sets, identity headers aside: nobody but the gatekeeper says who somebody is."""
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return [pair for pair in pairs if fold(pair[0]) not in identity]
