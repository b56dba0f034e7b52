from __future__ import annotations

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from gateway.telemetry.metrics import Metrics

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()


def exported() -> dict[str, set[str]]:
    """Every metric's name as people query it, and its labels."""
    metrics = Metrics("1")
    metrics.expect_routes(["wiki"])
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(metrics.render().decode()):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found[name] = {label for sample in family.samples for label in sample.labels} - {"le"}
    return found


def test_every_metric_is_documented_with_its_labels():
    for name, labels in exported().items():
        assert f"`{name}`" in PAGE, name
        row = next((line for line in PAGE.splitlines() if line.startswith(f"| `{name}`")), "")
        assert [label for label in labels if f"`{label}`" not in row] == [], name


def test_no_metric_is_documented_that_is_not_there():
    assert set(re.findall(r"`((?:gateway|process)_\w+)`", PAGE)) - set(exported()) == set()
