"""House rules that neither ruff nor mypy knows. Each message says what to do instead."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = sorted((ROOT / "gateway").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
TEMPLATES = sorted((ROOT / "gateway" / "web").rglob("*.html"))

#: The most lines of a file. More than one idea hides in a longer one.
MOST_LINES = 350

_SECRET = re.compile(r"(?:^|_)(?:secret|password|token|mac|hmac|digest|signature|csrf|code)$")
#: Where equality is no comparison in Python: SQLAlchemy makes SQL of it.
_SQL = ROOT / "gateway" / "stores" / "sql"


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def nodes(paths: list[Path]) -> Iterator[tuple[Path, ast.AST]]:
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            yield path, node


def test_every_file_opens_with_its_rules():
    assert [name(path) for path in CODE if not ast.get_docstring(ast.parse(path.read_text()))] == []


def test_a_file_is_one_idea():
    assert {name(path): lines for path in CODE if (lines := len(path.read_text().splitlines())) > MOST_LINES} == {}


def test_secrets_are_compared_in_constant_time():
    """`==` stops at the first difference, and its time tells where; use hmac.compare_digest (CWE-208)."""
    found = []
    for path, node in nodes([path for path in CODE if not path.is_relative_to(_SQL)]):
        if isinstance(node, ast.Compare) and any(isinstance(operator, ast.Eq | ast.NotEq) for operator in node.ops):
            sides = [side for side in (node.left, *node.comparators) if isinstance(side, ast.Name | ast.Attribute)]
            constant = any(isinstance(side, ast.Constant) for side in (node.left, *node.comparators))
            if not constant and any(_SECRET.search(side.id if isinstance(side, ast.Name) else side.attr) for side in sides):
                found.append(f"{name(path)}:{node.lineno}: {ast.unparse(node)}")
    assert found == []


def test_lint_exceptions_carry_their_reason():
    """`# noqa: S603 - why` and `# type: ignore[code]  # why`; in tests the code of an ignored type is reason enough."""
    noqa = re.compile(r"#\s*noqa(?!: [A-Z0-9, ]+ - \w)", re.IGNORECASE)
    ignore = re.compile(r"#\s*type:\s*ignore(?!\[[a-z, -]+\]\s+# \w)")
    found = []
    for path, patterns in [*((path, (noqa, ignore)) for path in CODE), *((path, (noqa,)) for path in TESTS if path != Path(__file__).resolve())]:
        lines = enumerate(path.read_text().splitlines(), 1)
        found += [f"{name(path)}:{number}" for number, line in lines if any(pattern.search(line) for pattern in patterns)]
    assert found == []


def test_yaml_is_only_ever_data():
    """Loaders other than the safe one build any object (CWE-502)."""
    unsafe = {"load", "load_all", "full_load", "full_load_all", "unsafe_load", "unsafe_load_all"}
    unsafe |= {
        "Loader",
        "CLoader",
        "FullLoader",
        "CFullLoader",
        "UnsafeLoader",
        "CUnsafeLoader",
        "YAMLObject",
        "add_constructor",
        "add_multi_constructor",
    }
    used = [(path, node) for path, node in nodes(CODE) if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "yaml"]
    assert [f"{name(path)}:{node.lineno}: yaml.{node.attr}" for path, node in used if node.attr in unsafe] == []


def test_templates_escape_everything():
    """`|safe` and `Markup` are how text becomes script (CWE-79)."""
    loud = re.compile(r"\|\s*safe\b|autoescape\s+false|\bstyle=|\bon[a-z]+=|<script(?![^>]*\bsrc=)|<style\b")
    assert [f"{name(path)}: {found[0]}" for path in TEMPLATES if (found := loud.search(path.read_text()))] == []
    for path, node in nodes(CODE):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Environment") and "jinja" in path.read_text():
            on = [keyword for keyword in node.keywords if keyword.arg == "autoescape"]
            assert on, f"{name(path)}:{node.lineno} makes a template environment without autoescape"
            assert ast.unparse(on[0].value) != "False", f"{name(path)}:{node.lineno} switches escaping off"


#: What a process tells its own parent, over a pipe that nobody else has, is no record.
_PICKLED = ("pickle", "gateway/server/reading.py")


@pytest.mark.parametrize(
    ("module", "instead"),
    [
        ("random", "gateway.crypto.tokens"),
        ("pickle", "JSON inside a seal"),
        ("unittest.mock", "the doubles that ship, or a real server"),
        ("requests", "nothing: the gateway asks no web page"),
    ],
)
def test_modules_that_do_not_belong_here(module: str, instead: str):
    found = []
    for path, node in nodes([*CODE, *TESTS]):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)] if isinstance(node, ast.ImportFrom) else []
        found += [f"{name(path)}: use {instead}" for one in names if one == module and (one, name(path)) != _PICKLED]
    assert found == []


def test_the_upstream_side_is_our_own_client():
    """aiohttp's ClientSession costs four times as much a request, and normalises what must be forwarded as it came."""
    assert [name(path) for path, node in nodes(CODE) if isinstance(node, ast.Attribute) and node.attr == "ClientSession"] == []


def test_nobody_patches_or_sleeps_in_tests():
    """Pass a double to the constructor; move a clock; wait for the event itself."""
    loud = re.compile(r"monkeypatch\.set" + r"attr|asyncio\.sle" + r"ep\((?:0?\.[1-9]|[1-9])|@pytest\.mark\.(?:sk" + r"ip|xf" + r"ail)\b")
    assert [f"{name(path)}: {found[0]}" for path in TESTS if (found := loud.search(path.read_text()))] == []
