"""The package, its locks and its commands fit together."""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ["requirements-build.txt", "requirements.txt", "requirements-dev.txt"]


def locked(lock: str) -> dict[str, str]:
    """Name → version."""
    return dict(re.findall(r"^([a-z0-9][a-z0-9._-]*)==([^ ;]+)", (ROOT / lock).read_text(), re.MULTILINE))


def canonical(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=;! ]", requirement, maxsplit=1)[0]).lower()


def test_locks_hold_hashes_and_name_no_place():
    for lock in LOCKS:
        text = (ROOT / lock).read_text()
        assert "://" not in text, lock
        assert "--index" not in text, lock
        assert "--find-links" not in text, lock
        pins = [line for line in text.replace("\\\n", " ").splitlines() if re.match("[a-z0-9]", line)]
        assert pins, lock
        assert [pin for pin in pins if "--hash=sha256:" not in pin] == [], lock


def test_locks_hold_every_requirement_in_one_version():
    run, dev = locked("requirements.txt"), locked("requirements-dev.txt")
    assert {canonical(name) for name in PROJECT["project"]["dependencies"]} <= {canonical(name) for name in run}
    assert {canonical(name) for name in PROJECT["project"]["optional-dependencies"]["dev"]} <= {canonical(name) for name in dev}
    assert {name: (version, dev.get(name)) for name, version in run.items() if dev.get(name) != version} == {}


def test_every_asset_is_packaged():
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["*"]
    parts = {"__pycache__", ".mypy_cache", ".ruff_cache"}
    assets = [path for path in (ROOT / "gateway").rglob("*") if path.is_file() and path.suffix != ".py" and not parts & set(path.parts)]
    assert [str(path.relative_to(ROOT)) for path in assets if not any(fnmatch(path.name, pattern) for pattern in patterns)] == []


def test_readme_names_the_commands_that_make_knows():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", (ROOT / "README.md").read_text()))
    assert {"demo", "test"} <= named <= targets


def test_integration_runs_the_readme_s_command():
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def test_links_between_documents_lead_somewhere():
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
    broken = []
    for page in pages:
        targets = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
        broken += [f"{page.relative_to(ROOT)}: {target}" for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert broken == []
