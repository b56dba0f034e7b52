"""promises.yml, the tests that it names and the stores that they run on agree; every cell and every measured row belongs to one promise."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from bench.equal_times import ROWS as MEASURED
from tests.functional.pages.test_nobody_learns import LETTERS, ROWS, STATES
from tests.security.test_advisories import REPOSITORY, names_in

PROMISES: dict[str, list[dict[str, Any]]] = yaml.safe_load((REPOSITORY / "tests" / "security" / "promises.yml").read_text())
CELLS, LINES = PROMISES["cells"], PROMISES["lines"]
#: Arguments of tests that run on both sets of stores: fixtures, and a parameter of that name.
BOTH = {"either", "stores"}


def named(key: str) -> list[str]:
    return sorted({test for promise in (*CELLS, *LINES) for test in promise.get(key, [])})


def arguments(test: str) -> Iterator[str]:
    path, _, name = test.partition("::")
    for node in ast.parse((REPOSITORY / path).read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            yield from (argument.arg for argument in node.args.args)


@pytest.mark.parametrize("test", [*named("tests"), *named("also")])
def test_every_named_test_exists(test: str):
    path, _, name = test.partition("::")
    assert name in names_in(path)


@pytest.mark.parametrize("test", named("tests"))
def test_what_is_said_to_run_on_both_sets_of_stores_does(test: str):
    assert BOTH & set(arguments(test))


@pytest.mark.parametrize("promise", LINES, ids=lambda promise: promise["says"])
def test_a_line_has_proof_or_a_reason_for_other_proof(promise: dict[str, Any]):
    assert set(promise) <= {"says", "tests", "also", "because"}
    assert promise.get("tests") or promise.get("also")
    assert ("also" in promise) == ("because" in promise)


@pytest.mark.parametrize("promise", CELLS, ids=lambda promise: promise["row"])
def test_a_row_has_every_cell(promise: dict[str, Any]):
    letters, statuses = promise.get("letters"), promise.get("statuses")
    for cells in (letters, statuses):
        assert cells is None or set(cells) == set(STATES)
    if letters is not None:
        path = promise["row"].removeprefix("POST ")
        assert {state: letter for state, letter in letters.items() if letter is not None} == LETTERS[path]
    for name in promise["answers"]:
        assert statuses is None or ROWS[name].status == statuses["unknown"]


def test_every_row_that_is_held_or_measured_is_promised_once():
    assert sorted(name for promise in CELLS for name in promise["answers"]) == sorted(ROWS)
    assert sorted(name for promise in CELLS for name in promise["measured"]) == sorted(MEASURED)
