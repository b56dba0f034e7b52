"""Alerts and dashboard ask for nothing that the gateway does not tell: every metric, label and label value in them exists."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from gateway.telemetry.metrics import Metrics

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((DEPLOY / "prometheus" / "rules.yml").read_text())["groups"] for rule in group["rules"]
]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDED = {rule["record"] for rule in RULES if "record" in rule}
DASHBOARD = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
#: What Prometheus adds to every series.
ADDED = {"job", "instance"}
_SELECTOR = re.compile(r"(?P<metric>\b(?:up|process_\w+|gateway_\w+|route:[\w:]+)\b)(?:\{(?P<labels>[^}]*)\})?")
_MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"([^"]*)"')
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring) ?\(([^)]*)\)")


def told() -> dict[str, dict[str, set[str]]]:
    """Series name → label → the values it has."""
    metrics = Metrics("1")
    metrics.expect_routes(["-"])
    found: dict[str, dict[str, set[str]]] = {"up": {}}
    for family in text_string_to_metric_families(metrics.render().decode()):
        for sample in family.samples:
            labels = found.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                labels.setdefault(label, set()).add(value)
    return found


TOLD = told()


def expressions() -> Iterator[tuple[str, str]]:
    for rule in RULES:
        yield f"rule {rule.get('alert') or rule['record']}", rule["expr"]
    for panel in PANELS:
        for target in panel["targets"]:
            yield f"panel {panel['title']} {target['refId']}", target["expr"]
    for annotation in DASHBOARD["annotations"]["list"]:
        yield f"annotation {annotation['name']}", annotation["expr"]
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            yield f"variable {variable['name']}", variable["query"]["query"]


ASKED = dict(expressions())
each_expression = pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)


@each_expression
def test_every_series_label_and_value_exists(asked):
    selectors = list(_SELECTOR.finditer(asked))
    assert selectors
    known: set[str] = set(ADDED)
    for found in selectors:
        if found["metric"] in RECORDED:
            known |= {"route"}
            continue
        labels = TOLD[found["metric"]]
        known |= set(labels)
        for label, how, value in _MATCHER.findall(found["labels"] or ""):
            assert label in labels or label in ADDED, f"{found['metric']} has no label {label}"
            if label in labels and not value.startswith("$"):
                assert set(value.split("|") if how == "=~" else [value]) <= labels[label], f"{label}={value} never occurs"
    for grouping in _GROUPING.findall(asked):
        assert {name.strip() for name in grouping.split(",")} <= known, grouping


@each_expression
def test_brackets_close(asked):
    for opening, closing in ("()", "[]", "{}"):
        assert asked.count(opening) == asked.count(closing)


def test_counters_are_never_read_bare():
    for name, asked in ASKED.items():
        for found in _SELECTOR.finditer(asked):
            if found["metric"].endswith(("_total", "_bucket", "_sum", "_count")) and not name.startswith("variable"):
                assert re.search(r"\b(?:rate|increase)\($", asked[: found.start()]), f"{name}: {found[0]}"


@pytest.mark.parametrize("alert", ALERTS.values(), ids=ALERTS)
def test_every_alert_says_what_and_how_urgent(alert):
    assert alert["labels"]["severity"] in ("page", "ticket")
    assert set(alert["annotations"]) == {"summary", "description"}
    named = set(re.findall(r"\$labels\.(\w+)", " ".join(alert["annotations"].values())))
    metrics = [found["metric"] for found in _SELECTOR.finditer(alert["expr"])]
    assert named <= ADDED | {label for metric in metrics for label in TOLD.get(metric, {})} | ({"route"} if set(metrics) & RECORDED else set())


def test_every_alert_is_explained():
    page = (DEPLOY.parent / "docs" / "deploying.md").read_text()
    assert [name for name in ALERTS if f"`{name}`" not in page] == []
    assert set(re.findall(r"`(Gateway[A-Z]\w+)`", page)) == set(ALERTS)


def test_what_docs_say_to_be_woken_for_is_an_alert():
    page = (DEPLOY.parent / "docs" / "metrics.md").read_text().partition("## What to be woken for")[2]
    named = set(re.findall(r"gateway_\w+", page))
    assert named
    assert named <= {found["metric"] for alert in ALERTS.values() for found in _SELECTOR.finditer(alert["expr"])}


def test_panels_stand_side_by_side():
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24, panel["title"]
        assert not taken & cells, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert [panel["title"] for panel in PANELS if not panel["description"]] == []


def test_every_metric_of_the_gateway_is_drawn():
    drawn = {found["metric"] for asked in ASKED.values() for found in _SELECTOR.finditer(asked)}
    own = {name for name in TOLD if name.startswith("gateway_") and not name.endswith("_created")}
    assert own - drawn == set()


@pytest.mark.parametrize("name", ["prometheus.yml", "kubernetes.yml"])
def test_the_job_has_the_name_that_the_alerts_expect(name):
    config = yaml.safe_load((DEPLOY / "prometheus" / name).read_text())
    jobs = set(re.findall(r'job="([^"]+)"', " ".join(alert["expr"] for alert in ALERTS.values())))
    assert {job["job_name"] for job in config["scrape_configs"]} == jobs
    assert all((DEPLOY / "prometheus" / file).exists() for file in config["rule_files"])
