"""Metrics for Prometheus, in a registry of their own.

On the hot path a metric is an addition to a plain number; Prometheus's objects, with their locks and label look-ups, are made only when somebody
asks (`Collected.collect`). Every label value exists from the start, so that a dashboard sees zero and not nothing: routes are announced by
`expect_routes`, the rest are enumerations. Labels never hold what a client can choose: a path or a host would let anybody fill the memory
(CVE-2022-21698).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Final, NamedTuple, TypeVar

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import CollectorRegistry

#: Upper bounds of the duration histogram, in seconds; few, because each costs a time series per route.
BUCKETS: Final = (0.005, 0.025, 0.1, 0.25, 1.0, 5.0, 30.0)
CLASSES: Final = ("1xx", "2xx", "3xx", "4xx", "5xx")
#: The route label of requests that no route took: own pages, unknown hosts, malformed requests.
NO_ROUTE: Final = "-"
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class UpstreamError(StrEnum):
    """Why an upstream gave no answer."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"


_ERRORS: Final = {502: UpstreamError.UNREACHABLE, 504: UpstreamError.TIMEOUT}


class SessionEvent(StrEnum):
    """What happened to sessions."""

    STARTED = "started"
    ENDED = "ended"
    ROTATED = "rotated"
    THEFT = "theft"


class LoginOutcome(StrEnum):
    """How an attempt to log in ended."""

    SUCCESS = "success"
    FAILURE = "failure"
    THROTTLED = "throttled"


class Kept(StrEnum):
    """The stores that can be away."""

    SESSIONS = "sessions"
    DATABASE = "database"


class MailOutcome(StrEnum):
    """What became of letters."""

    POSTED = "posted"
    SENT = "sent"
    POSTPONED = "postponed"
    DEAD = "dead"


class Reload(StrEnum):
    """What became of a new configuration."""

    LOADED = "loaded"
    REFUSED = "refused"


class CopyEvent(StrEnum):
    """What happened to the copies of sessions in this process."""

    HIT = "hit"
    MISS = "miss"
    INVALIDATION = "invalidation"
    FLUSH = "flush"


class TrackingState(StrEnum):
    """Whether copies serve, and why not."""

    OFF = "off"
    GOOD = "good"
    LOST = "lost"
    REFUSED = "refused"


class CopyNumbers(NamedTuple):
    """The copies' numbers when they were asked for. Events only grow."""

    events: Mapping[CopyEvent, int]
    kept: int
    kept_bytes: int
    tracking: TrackingState


class Totals(NamedTuple):
    """All requests since the process began: how many came, were answered, with which status, and the seconds that took."""

    received: int
    sent: int
    by_status: Mapping[int, int]
    seconds: float


_NO_COPIES: Final = CopyNumbers(dict.fromkeys(CopyEvent, 0), 0, 0, TrackingState.OFF)
_Label = TypeVar("_Label", bound=StrEnum)


class _Served:
    """Requests of one route: how many by status class, and how long they took."""

    __slots__ = ("buckets", "classes", "seconds")

    def __init__(self) -> None:
        self.classes = [0] * len(CLASSES)
        self.buckets = [0] * (len(BUCKETS) + 1)
        self.seconds = 0.0


class Metrics:
    """All metrics of one process."""

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        self.received = 0
        self._statuses: dict[int, int] = {}  # a status has three digits, so this stays small whatever upstreams say
        self._version = version
        self._served: dict[str, _Served] = {NO_ROUTE: _Served()}
        self._upstream_errors: dict[tuple[str, UpstreamError], int] = {}
        self._sessions = dict.fromkeys(SessionEvent, 0)
        self._logins = dict.fromkeys(LoginOutcome, 0)
        self._store_errors = dict.fromkeys(Kept, 0)
        self._mail = dict.fromkeys(MailOutcome, 0)
        self._reloads = dict.fromkeys(Reload, 0)
        self._refused_connections = 0
        self._audit_lost = 0
        self._connections: Callable[[], int] = int
        self._tunnels: Callable[[], int] = int
        self._copies: Callable[[], CopyNumbers] = lambda: _NO_COPIES
        self.expect_routes([NO_ROUTE])
        self.registry.register(Collected(self._families))
        ProcessCollector(registry=self.registry)

    def expect_routes(self, names: Iterable[str]) -> None:
        """Make the series of these routes; those of routes that are gone stay, since a counter must not vanish."""
        for name in names:
            self._served.setdefault(name, _Served())
            for error in UpstreamError:
                self._upstream_errors.setdefault((name, error), 0)

    def watch_open(self, connections: Callable[[], int], tunnels: Callable[[], int]) -> None:
        """Where to read how many connections and tunnels are open."""
        self._connections = connections
        self._tunnels = tunnels

    def watch_copies(self, numbers: Callable[[], CopyNumbers]) -> None:
        """Where to read what copies of sessions do. They count for themselves, since nothing may be called for each hit."""
        self._copies = numbers

    def request(self, route: str, status: int, seconds: float, *, answered: bool = True) -> None:
        """One request was answered; `answered` is false when no upstream said anything, which makes a 502 or 504 ours."""
        served = self._served.get(route)
        if served is None:
            self.expect_routes([route])
            served = self._served[route]
        served.classes[min(max(status // 100, 1), 5) - 1] += 1
        served.buckets[bisect_left(BUCKETS, seconds)] += 1
        served.seconds += seconds
        self._statuses[status] = self._statuses.get(status, 0) + 1
        if not answered and status in _ERRORS:
            self._upstream_errors[route, _ERRORS[status]] += 1

    def totals(self) -> Totals:
        """Everything in a few numbers. `received` is added to by whoever receives."""
        return Totals(self.received, sum(self._statuses.values()), dict(self._statuses), sum(served.seconds for served in self._served.values()))

    def session(self, event: SessionEvent) -> None:
        """Something happened to a session."""
        self._sessions[event] += 1

    def login(self, outcome: LoginOutcome) -> None:
        """Somebody tried to log in."""
        self._logins[outcome] += 1

    def store_error(self, kept: Kept) -> None:
        """A store did not answer."""
        self._store_errors[kept] += 1

    def mail(self, outcome: MailOutcome) -> None:
        """Something became of a letter."""
        self._mail[outcome] += 1

    def reload(self, outcome: Reload) -> None:
        """A new configuration was read."""
        self._reloads[outcome] += 1

    def connection_refused(self) -> None:
        """A connection beyond `server.limits.connections` was turned away."""
        self._refused_connections += 1

    def audit_lost(self) -> None:
        """An entry of the audit trail was not written to the database."""
        self._audit_lost += 1

    def render(self) -> bytes:
        """Everything, in Prometheus's text format."""
        from prometheus_client.exposition import generate_latest  # it brings an HTTP server and client, which nobody needs who is not asked

        return generate_latest(self.registry)

    def _families(self) -> Iterator[Metric]:
        yield from self._request_families()
        yield _counter("gateway_sessions", "What happened to sessions.", "event", self._sessions)
        yield from self._copy_families()
        yield _counter("gateway_logins", "Attempts to log in.", "outcome", self._logins)
        yield _counter("gateway_store_errors", "Calls that a store did not answer.", "store", self._store_errors)
        yield _counter("gateway_mail", "What became of letters.", "outcome", self._mail)
        yield _counter("gateway_config_reloads", "Configurations read while running.", "outcome", self._reloads)
        yield CounterMetricFamily("gateway_audit_lost", "Audit entries that the database did not take.", value=self._audit_lost)
        yield CounterMetricFamily("gateway_connections_refused", "Connections beyond the limit.", value=self._refused_connections)
        yield GaugeMetricFamily("gateway_connections_open", "Open client connections.", value=self._connections())
        yield GaugeMetricFamily("gateway_tunnels_open", "Open WebSocket tunnels.", value=self._tunnels())
        # Pages of several workers are added up, and their supervisor adds what is missing (server/supervisor/sums.py, admin.py).
        yield GaugeMetricFamily("gateway_workers", "Workers that answer.", value=1)
        yield GaugeMetricFamily("gateway_workers_missing", "Workers that should serve and do not answer.", value=0)
        yield CounterMetricFamily("gateway_workers_died", "Workers that ended and should not have.", value=0)
        info = GaugeMetricFamily("gateway_build_info", "The version that runs.", labels=["version"])
        info.add_metric([self._version], 1)
        yield info

    def _copy_families(self) -> Iterator[Metric]:
        numbers = self._copies()
        yield _counter("gateway_session_copies", "What happened to copies of sessions.", "event", numbers.events)
        yield GaugeMetricFamily("gateway_session_copies_kept", "Copies of sessions in memory.", value=numbers.kept)
        yield GaugeMetricFamily("gateway_session_copies_bytes", "What the copies weigh.", value=numbers.kept_bytes)
        tracking = GaugeMetricFamily("gateway_session_tracking", "1 for the state that client tracking is in.", labels=["state"])
        for state in TrackingState:
            tracking.add_metric([state.value], state is numbers.tracking)
        yield tracking

    def _request_families(self) -> Iterator[Metric]:
        requests = CounterMetricFamily("gateway_requests", "Requests answered.", labels=["route", "status"])
        durations = HistogramMetricFamily("gateway_request_duration_seconds", "From the request's head to the end of its answer.", labels=["route"])
        for route, served in self._served.items():
            for status, count in zip(CLASSES, served.classes, strict=True):
                requests.add_metric([route, status], count)
            durations.add_metric([route], _cumulative(served.buckets), served.seconds)
        yield requests
        yield durations
        errors = CounterMetricFamily("gateway_upstream_errors", "Requests that an upstream did not answer.", labels=["route", "kind"])
        for (route, error), count in self._upstream_errors.items():
            errors.add_metric([route, error.value], count)
        yield errors


class Collected:
    """A collector in Prometheus's sense: asks for the families when it is read."""

    def __init__(self, families: Callable[[], Iterator[Metric]]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        """The families as they are now."""
        return self._families()


def _counter(name: str, about: str, label: str, counts: Mapping[_Label, int]) -> Metric:
    family = CounterMetricFamily(name, about, labels=[label])
    for value, count in counts.items():
        family.add_metric([value], count)
    return family


def _cumulative(buckets: list[int]) -> list[tuple[str, float]]:
    total = 0
    pairs: list[tuple[str, float]] = []
    for bound, count in zip((*map(str, BUCKETS), "+Inf"), buckets, strict=True):
        total += count
        pairs.append((bound, float(total)))
    return pairs
