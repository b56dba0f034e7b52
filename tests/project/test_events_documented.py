"""docs/audit.md names every event, and none that there is not; each is recorded somewhere."""

from __future__ import annotations

import re
from pathlib import Path

from gateway.services.audit import LINES_ONLY, Event

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "audit.md").read_text()
ROWS = [line for line in PAGE.splitlines() if line.startswith("| `")]
CODE = "\n".join(path.read_text() for path in (ROOT / "gateway").rglob("*.py") if path.name != "audit.py" or path.parent.name == "cli")


def test_every_event_is_documented_once():
    named = [name for row in ROWS for name in re.findall(r"`([a-z]+:[a-z]+)`", row.split("|")[1])]
    assert sorted(named) == sorted(Event)


def test_what_is_a_line_only_says_so():
    assert {name for row in ROWS if "a line only" in row for name in re.findall(r"`([a-z]+:[a-z]+)`", row)} == set(LINES_ONLY)


def test_every_event_is_recorded_somewhere():
    assert [event for event in Event if f"Event.{event.name}" not in CODE] == []
