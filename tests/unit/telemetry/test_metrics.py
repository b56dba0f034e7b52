from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.telemetry.metrics import BUCKETS, CLASSES, Kept, LoginOutcome, Metrics, Reload, SessionEvent, UpstreamError


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(metrics.render().decode())
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for family in families for sample in family.samples}


def of(metrics: Metrics, name: str, **labels: str) -> float:
    return samples(metrics)[name, tuple(sorted(labels.items()))]


def test_every_series_is_there_before_anything_happened():
    metrics = Metrics("1.2.3")
    metrics.expect_routes(["wiki"])
    found = samples(metrics)
    wanted: list[tuple[str, tuple[tuple[str, str], ...]]] = [
        ("gateway_requests_total", (("route", route), ("status", status))) for route in ("-", "wiki") for status in CLASSES
    ]
    wanted += [("gateway_upstream_errors_total", (("kind", kind.value), ("route", "wiki"))) for kind in UpstreamError]
    wanted += [("gateway_sessions_total", (("event", event.value),)) for event in SessionEvent]
    wanted += [("gateway_logins_total", (("outcome", outcome.value),)) for outcome in LoginOutcome]
    wanted += [("gateway_store_errors_total", (("store", kept.value),)) for kept in Kept]
    wanted += [("gateway_config_reloads_total", (("outcome", outcome.value),)) for outcome in Reload]
    wanted += [("gateway_connections_open", ()), ("gateway_tunnels_open", ()), ("gateway_connections_refused_total", ())]
    assert [name for name in wanted if found.get(name) != 0.0] == []
    assert of(metrics, "gateway_build_info", version="1.2.3") == 1.0


@pytest.mark.parametrize(("status", "label"), [(101, "1xx"), (200, "2xx"), (303, "3xx"), (499, "4xx"), (503, "5xx"), (0, "1xx"), (999, "5xx")])
def test_a_request_counts_in_its_class(status: int, label: str):
    metrics = Metrics("1")
    metrics.request("wiki", status, 0.01)
    assert of(metrics, "gateway_requests_total", route="wiki", status=label) == 1.0


def test_durations_are_cumulative():
    metrics = Metrics("1")
    for seconds in (0.001, 0.005, 0.02, 99.0):
        metrics.request("wiki", 200, seconds)
    assert of(metrics, "gateway_request_duration_seconds_bucket", route="wiki", le=str(BUCKETS[0])) == 2.0
    assert of(metrics, "gateway_request_duration_seconds_bucket", route="wiki", le=str(BUCKETS[1])) == 3.0
    assert of(metrics, "gateway_request_duration_seconds_bucket", route="wiki", le="+Inf") == 4.0
    assert of(metrics, "gateway_request_duration_seconds_sum", route="wiki") == pytest.approx(99.026)


def test_only_answers_of_our_own_are_upstream_errors():
    metrics = Metrics("1")
    metrics.request("wiki", 502, 0.1)
    metrics.request("wiki", 502, 0.1, answered=False)
    metrics.request("wiki", 504, 0.1, answered=False)
    metrics.request("wiki", 503, 0.1, answered=False)
    assert of(metrics, "gateway_upstream_errors_total", route="wiki", kind="unreachable") == 1.0
    assert of(metrics, "gateway_upstream_errors_total", route="wiki", kind="timeout") == 1.0


def test_a_route_that_is_gone_keeps_its_numbers():
    metrics = Metrics("1")
    metrics.request("wiki", 200, 0.1)
    metrics.expect_routes(["other"])
    assert of(metrics, "gateway_requests_total", route="wiki", status="2xx") == 1.0


def test_gauges_are_read_when_asked():
    metrics = Metrics("1")
    connections = [0]
    metrics.watch_open(lambda: connections[0], lambda: 3)
    connections[0] = 7
    assert of(metrics, "gateway_connections_open") == 7.0
    assert of(metrics, "gateway_tunnels_open") == 3.0
