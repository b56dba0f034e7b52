"""advisories.yml, the tests that it names, and docs/security.md say the same. `python -m tests.security.test_advisories` writes the page's table."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs" / "security.md"
ENTRIES: list[dict[str, Any]] = yaml.safe_load((REPOSITORY / "tests" / "security" / "advisories.yml").read_text())
#: Status → the word for it in the table, and the keys that go with it.
STATUSES = {"replayed": "replayed", "cannot_occur": "cannot occur", "not_applicable_yet": "not applicable yet"}
MARKS = ("<!-- advisories: written by tests.security.test_advisories -->\n", "<!-- end of advisories -->\n")


@cache
def names_in(path: str) -> frozenset[str]:
    """Tests at the top of a file: functions, and classes that are given a name (hypothesis' state machines)."""
    tree = ast.parse((REPOSITORY / path).read_text())
    found = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
    found |= {target.id for node in tree.body if isinstance(node, ast.Assign) for target in node.targets if isinstance(target, ast.Name)}
    return frozenset(name for name in found if name.lower().startswith("test"))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["ids"][0])
def test_an_entry_has_one_status_and_what_belongs_to_it(entry: dict[str, Any]):
    assert entry["status"] in STATUSES
    assert set(entry) <= {"ids", "peer", "mechanism", "status", "reason", "tests"}
    assert ("reason" in entry) == (entry["status"] != "replayed"), "whoever replays needs no reason, whoever does not needs one"
    if entry["status"] == "replayed":
        assert entry["tests"], "a replay is a test"


@pytest.mark.parametrize("named", sorted({named for entry in ENTRIES for named in entry.get("tests", [])}))
def test_every_named_test_exists(named: str):
    path, _, name = named.partition("::")
    assert (REPOSITORY / path).is_file(), path
    assert name in names_in(path), name


def test_no_advisory_stands_twice():
    ids = [one for entry in ENTRIES for one in entry["ids"]]
    assert sorted(ids) == sorted(set(ids))


def test_what_the_tests_speak_of_is_in_the_list():
    """An advisory that a security test names belongs to the list."""
    listed = {one for entry in ENTRIES for one in entry["ids"]}
    named = {one for path in Path(__file__).parent.glob("test_*.py") for one in re.findall(r"CVE-\d{4}-\d+|GHSA(?:-\w{4}){3}", path.read_text())}
    assert named <= listed


def test_the_page_says_the_same():
    before, mark, rest = PAGE.read_text().partition(MARKS[0])
    written, end, _ = rest.partition(MARKS[1])
    assert mark, "the table's place in docs/security.md"
    assert end
    assert written == table(), "write it anew: python -m tests.security.test_advisories"
    assert before


def table() -> str:
    """The list as Markdown, with a line of numbers above it."""
    numbers = [f"{sum(entry['status'] == status for entry in ENTRIES)} {word}" for status, word in STATUSES.items()]
    lines = [f"{len(ENTRIES)} mechanisms: {', '.join(numbers)}.", "", "| what was wrong, where | advisories | here |", "|---|---|---|"]
    for entry in ENTRIES:
        said = STATUSES[entry["status"]] + (f": {entry['reason']}" if "reason" in entry else "")
        lines.append(f"| {entry['mechanism']} ({entry['peer']}) | {', '.join(entry['ids'])} | {said} |")
    return "\n".join(lines) + "\n"


def write() -> None:
    """Put the table into its place."""
    before, _, rest = PAGE.read_text().partition(MARKS[0])
    PAGE.write_text(before + MARKS[0] + table() + MARKS[1] + rest.partition(MARKS[1])[2])


if __name__ == "__main__":
    write()
