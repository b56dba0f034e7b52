"""docs/architecture.md tells the truth: every file it names exists, and every room is named."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text()


def test_every_named_file_exists():
    named = set(re.findall(r"`((?:gateway|tests|bench|scripts|config|docs)/[\w./-]*)`", PAGE))
    assert named
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


def test_every_room_is_named():
    rooms = [path.name for path in (ROOT / "gateway").iterdir() if path.is_dir() and (path / "__init__.py").exists()]
    assert [room for room in rooms if f"`gateway/{room}/" not in PAGE] == []


def test_decisions_are_numbered_in_a_row():
    numbers = sorted(int(path.name[:4]) for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert numbers == list(range(1, len(numbers) + 1))
