"""Writing configurations for tests, and reading what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from gateway.config.errors import Problem
from gateway.config.load import Loaded, examine, load

KEY = "fwYc6Gkq3H0sTj2y7mBv9ZxPqR4eW1aLoKuDnSiE5Xg"
OTHER_KEY = "Q0v8rT1nYb5Lx2Zs7HkWp9JdEm3AgUcFi6VoBtXhCyM"
SMALLEST = f"""\
server: {{public_url: https://auth.example.com}}
keys: [{{id: one, secret: {KEY}}}]
"""


def write(folder: Path, text: str, name: str = "gateway.yml") -> Path:
    """A configuration file with exactly this text, indentation aside."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(dedent(text))
    return file


def loaded(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> Loaded:
    """What is loaded of `text`, put behind the smallest configuration."""
    return load(write(folder, SMALLEST + dedent(text)), environ or {})


def problems(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> list[Problem]:
    """What is wrong with exactly this text."""
    return list(examine(write(folder, text), environ or {})[1])


def errors(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> list[Problem]:
    """The errors among them."""
    return [problem for problem in problems(folder, text, environ) if problem.severity == "error"]
