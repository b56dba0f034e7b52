"""Where checks put what they find."""

from __future__ import annotations

from collections.abc import Callable

from gateway.config.errors import Loc, Problem
from gateway.config.marks import Marks
from gateway.config.model import Settings


class Report:
    """Problems with their place, which is looked up from the location in the settings."""

    def __init__(self, marks: Marks) -> None:
        self._marks = marks
        self.problems: list[Problem] = []

    def error(self, loc: Loc, message: str, suggestion: str | None = None) -> None:
        """What stops the configuration from being used."""
        self.problems.append(Problem(self._marks.at(loc), self._marks.key(loc), message, suggestion))

    def warn(self, loc: Loc, message: str, suggestion: str | None = None) -> None:
        """What is probably not meant, and works."""
        self.problems.append(Problem(self._marks.at(loc), self._marks.key(loc), message, suggestion, "warning"))

    def place(self, *loc: str | int) -> str:
        """`line 12`, or with the file where that is another one than usual; for messages about two places."""
        return str(self._marks.at(loc))

    def given(self, *loc: str | int) -> bool:
        """Whether a key was written."""
        return self._marks.given(*loc)


Check = Callable[[Settings, Report], None]
