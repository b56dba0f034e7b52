"""A lane: what is worked out once for a route, so that each of its requests finds it ready as bytes.

Lanes are found by the route's identity; routes of a configuration that was replaced are forgotten when a new one appears.
"""

from __future__ import annotations

from typing import Final

from gateway.core.facts import Facts
from gateway.core.headers import Header, fold
from gateway.core.routes import Route, Timeouts
from gateway.core.urls import DEFAULT_PORTS, parse_authority
from gateway.snapshot import Snapshot
from gateway.web.proxy.names import Names, answer_names, request_names
from gateway.web.proxy.pool import Pool, Upstreams

_REQUEST_ID: Final = b"x-request-id"
#: A longer Host is not remembered.
_MOST_HOST: Final = 300


class Lane:
    """`strip_request` and `strip_response` are folded names: identity headers, what the route removes or sets itself, X-Request-Id (always ours).

    `request_names` and `answer_names` say the same by a look, and are shared with lanes that strip the same.
    """

    __slots__ = (
        "_host",
        "_place",
        "_placed",
        "answer_names",
        "pool",
        "request_lines",
        "request_names",
        "response_headers",
        "response_lines",
        "route",
        "strip_request",
        "strip_response",
        "timeouts",
    )

    def __init__(self, route: Route, pool: Pool) -> None:
        assert route.upstream is not None
        self.route = route
        self.pool = pool
        self.timeouts: Timeouts = route.timeouts
        self._host: bytes | None = None  # the client's own is preserved
        if isinstance(route.preserve_host, str):
            self._host = route.preserve_host.encode("ascii")
        elif not route.preserve_host:
            self._host = route.upstream.authority.encode("ascii")
        identity = route.identity.strip
        set_request = _ours(route.set_headers, identity)
        set_response = _ours(route.response_set_headers, identity)
        self.strip_request = identity | _folded(route.remove_headers) | {fold(name) for name, _ in set_request} | {_REQUEST_ID}
        self.strip_response = identity | _folded(route.response_remove_headers) | {fold(name) for name, _ in set_response} | {_REQUEST_ID}
        self.request_names: Names = request_names(self.strip_request)
        self.answer_names: Names = answer_names(self.strip_response)
        self.request_lines = [b": ".join(header) for header in set_request]
        self.response_headers = set_response
        self.response_lines = b"".join(b"\r\n%b: %b" % header for header in set_response)
        self._place: tuple[bytes, str, str, int] | None = None
        self._placed = (b"", b"")

    def share(self, other: Lane) -> None:
        """Use the tables of `other` where they are the same."""
        if self.strip_request == other.strip_request:
            self.request_names = other.request_names
        if self.strip_response == other.strip_response:
            self.answer_names = other.answer_names

    def place(self, sent: bytes, facts: Facts) -> tuple[bytes, bytes]:
        """The Host for the upstream, and the lines that say where the request was made; `sent` is the client's Host. The last answer is kept."""
        place = (sent, facts.scheme, facts.host, facts.port)
        if place != self._place:
            authority = facts.host if facts.port == DEFAULT_PORTS[facts.scheme] else f"{facts.host}:{facts.port}"
            lines = f"X-Forwarded-Proto: {facts.scheme}\r\nX-Forwarded-Host: {authority}\r\nX-Forwarded-Port: {facts.port}\r\n".encode("latin-1")
            placed = (self._host or _asked_host(sent, facts, authority), lines)
            if len(sent) > _MOST_HOST:
                return placed
            self._place, self._placed = place, placed
        return self._placed


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
        lane = Lane(route, self._upstreams.pool(route.upstream, route.tls))
        for other in self._lanes.values():
            lane.share(other)
        self._lanes[id(route)] = lane
        self._upstreams.keep_only({lane.pool for lane in self._lanes.values()})
        return lane


def _asked_host(sent: bytes, facts: Facts, authority: str) -> bytes:
    """The Host header as it was sent, or the host that was judged where a trusted proxy named another: an upstream that serves several hosts must
    not be asked for one whose rules were not."""
    if sent == facts.host.encode("ascii") or parse_authority(sent.decode("latin-1")).host == facts.host:
        return sent
    return authority.encode("ascii")


def _folded(names: frozenset[str]) -> frozenset[bytes]:
    return frozenset(fold(name.encode("latin-1")) for name in names)


def _ours(headers: tuple[tuple[str, str], ...], identity: frozenset[bytes]) -> list[Header]:
    """What a route sets, identity headers aside: nobody but the gatekeeper says who somebody is."""
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return [pair for pair in pairs if fold(pair[0]) not in identity]
