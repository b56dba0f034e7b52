"""What no tracked file may hold: the address of a package registry, a path of somebody's machine, a real person's address, unfinished work."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_BINARY = {".png", ".ico", ".jpg", ".woff2", ".gif", ".bin"}
#: Domains that RFC 2606, RFC 6761 and RFC 9476 keep for examples and tests.
_RESERVED = re.compile(r"(?:^|\.)(?:example(?:\.[a-z]+)?|test|invalid|localhost|local|alt|onion)$", re.IGNORECASE)
#: People who exist in examples only.
_STOCK = {"ann", "bob", "carol", "dave", "eve", "mallory", "user", "admin", "root"}
_ADDRESS = re.compile(r"(?<![\w/@:.%])([A-Za-z0-9][\w.+-]*)@([\w-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,})\b")
#: Written so that they do not find themselves.
_REGISTRY = re.compile(r"p[y]pi[.](?:org|python)|p[y]thonhosted|p[r]oxy[.]golang|n[p]mjs|deb[.]d[e]bian|c[r]ates[.]io|m[a]ven[.]org")
_MACHINE = re.compile(r"(?<![A-Za-z0-9_.}\]])/(?:home|root|Users|work|farm)/\w")
_UNFINISHED = re.compile(r"\b(?:TO[D]O|FIX[M]E|XX[X]|NotImplemented[E]rror)\b")


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / name for name in listed.split("\0") if name]
    return [path for path in paths if path.is_file() and path.suffix not in _BINARY]


def hits(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    found = []
    for path in paths:
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            found += [f"{path.relative_to(ROOT)}:{number}: {match[0]}" for match in pattern.finditer(line)]
    return found


def _is_stock(local: str) -> bool:
    return re.split(r"[.+]", local.lower(), maxsplit=1)[0] in _STOCK


@pytest.mark.parametrize("pattern", [_REGISTRY, _MACHINE], ids=["registry", "machine"])
def test_no_address_of_a_registry_or_path_of_a_machine(pattern: re.Pattern[str]):
    assert hits(pattern, tracked()) == []


def test_addresses_are_examples():
    found = []
    for path in tracked():
        addresses = _ADDRESS.finditer(path.read_text(encoding="utf-8", errors="replace"))
        found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in addresses if not (_RESERVED.search(match[2]) or _is_stock(match[1]))]
    assert found == []


def test_nothing_is_left_for_later():
    assert hits(_UNFINISHED, [path for path in tracked() if path.suffix in (".py", ".html", ".js", ".css")]) == []
