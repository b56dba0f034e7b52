from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from gateway.server.supervisor.sums import Sums
from gateway.telemetry.metrics import LoginOutcome, Metrics


def page(requests: int, route: str = "wiki", version: str = "1") -> str:
    metrics = Metrics(version)
    metrics.watch_open(lambda: 3, lambda: 0)
    for _ in range(requests):
        metrics.request(route, 200, 0.01)
    metrics.login(LoginOutcome.SUCCESS)
    return metrics.render().decode()


def told(sums: Sums) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(sums.text())
        for sample in family.samples
    }


def series(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


def test_one_page_stays_as_it_is():
    sums = Sums()
    sums.add(page(2))
    before = {line for line in page(2).splitlines() if not line.partition(" ")[2].startswith("process_") and not line.startswith("process_")}
    after = set(sums.text().splitlines())
    assert after == {line for line in before if "process_" not in line}


def test_what_several_counted_is_added_and_each_process_named():
    sums = Sums()
    sums.add(page(2), worker="0")
    sums.add(page(3), worker="1")
    found = told(sums)
    assert found[series("gateway_requests_total", route="wiki", status="2xx")] == 5
    assert found[series("gateway_request_duration_seconds_count", route="wiki")] == 5
    assert found[series("gateway_request_duration_seconds_bucket", route="wiki", le="0.025")] == 5
    assert found[series("gateway_connections_open")] == 6
    assert found[series("gateway_workers")] == 2
    assert found[series("gateway_build_info", version="1")] == 1
    assert {worker for worker in "012" if series("process_open_fds", worker=worker) in found} == {"0", "1"}


def test_what_a_worker_counted_stays_when_it_is_gone_and_what_it_had_open_does_not():
    past, sums = Sums(), Sums()
    past.add(page(2), gauges=False)
    past.add("", gauges=False)  # one that was never asked
    sums.add(page(1), worker="0")
    sums.merge(past)
    found = told(sums)
    assert found[series("gateway_requests_total", route="wiki", status="2xx")] == 3
    assert found[series("gateway_logins_total", outcome="success")] == 2
    assert found[series("gateway_connections_open")] == 3
    assert found[series("gateway_workers")] == 1


def test_names_of_routes_are_told_as_they_are():
    sums = Sums()
    sums.add('# HELP a_total Of "b".\n# TYPE a_total counter\na_total{route="x \\"y\\" # z"} 1.0\n')
    sums.add('# HELP a_total Of "b".\n# TYPE a_total counter\na_total{route="x \\"y\\" # z"} 2.5\na_total{route="w"} +Inf\n')
    assert sums.text() == '# HELP a_total Of "b".\n# TYPE a_total counter\na_total{route="x \\"y\\" # z"} 3.5\na_total{route="w"} +Inf\n'
