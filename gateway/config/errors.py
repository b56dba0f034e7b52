"""Mistakes in a configuration: what, where, and what to write instead.

    ConfigErrors            exit status 2; carries every Problem that was found
      Problem (a value)     file, line, dotted key, message, suggestion; an error or a warning

Messages never quote a secret, nor a value that came from the environment.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

#: Where a value stands in the tree: keys and list indices.
Loc = tuple[str | int, ...]


class Mark(NamedTuple):
    """A place in a file; `line` and `column` count from 1, 0 where there is none (an environment variable, a missing file)."""

    file: str
    line: int
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. A warning does not stop anything."""

    mark: Mark
    key: str
    message: str
    suggestion: str | None = None
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        hint = f" ({self.suggestion})" if self.suggestion else ""
        key = f" {self.key}:" if self.key else ""
        return f"{self.mark}: {self.severity}:{key} {self.message}{hint}"

    def as_json(self) -> dict[str, str | int | None]:
        """For `--json`."""
        return {
            "severity": self.severity,
            "file": self.mark.file,
            "line": self.mark.line or None,
            "key": self.key or None,
            "message": self.message,
            "suggestion": self.suggestion,
        }


class ConfigErrors(Exception):
    """The configuration cannot be used. `problems` holds every error and warning, in the order of files and lines."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = in_order(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def in_order(problems: Iterable[Problem]) -> Sequence[Problem]:
    """By file, line and key, each once."""
    return sorted(dict.fromkeys(problems), key=lambda problem: (problem.mark, problem.key, problem.message))


def dotted(loc: Loc) -> str:
    """`routes[1].access[0].paths`."""
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else part)
    return text
