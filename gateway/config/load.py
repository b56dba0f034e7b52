"""Loading a configuration: read, fill in, validate, check. All mistakes come at once.

load(path, environ)  → Loaded, or raises ConfigErrors
examine(path, …)     → Loaded (as far as it makes sense) and every problem; never raises for bad content
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.config.checks import check
from gateway.config.documents import read
from gateway.config.errors import ConfigErrors, Mark, Problem, in_order
from gateway.config.files import settle
from gateway.config.interpolation import interpolate
from gateway.config.marks import Marks
from gateway.config.model import Settings
from gateway.config.overrides import override
from gateway.config.validation import validate


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that was read. `files` are all that a change of should be noticed: the YAML files and secret files."""

    settings: Settings
    marks: Marks
    warnings: Sequence[Problem]
    path: Path
    files: Sequence[Path]

    def mark(self, *loc: str | int) -> Mark:
        """Where a key stands, or the nearest that does: `mark("routes", 0, "access", 1)`."""
        return self.marks.at(loc)


def load(path: Path | str, environ: Mapping[str, str], *, serving: bool = True) -> Loaded:
    """The configuration in a file or folder. `serving`: what only a server needs (public_url, keys) must be there too. Raises ConfigErrors."""
    loaded, problems = examine(path, environ, serving=serving)
    if any(problem.severity == "error" for problem in problems):
        raise ConfigErrors(problems)
    return loaded


def examine(path: Path | str, environ: Mapping[str, str], *, serving: bool = True) -> tuple[Loaded, Sequence[Problem]]:
    """What can be made of a configuration, and everything that is wrong with it."""
    path = Path(path)
    reading = read(path)
    tree, problems = reading.tree, reading.problems
    override(tree, environ, problems)
    interpolate(tree, environ, problems)
    secrets = settle(tree, Settings, path if path.is_dir() else path.parent, problems)
    settings = validate(tree, problems)
    marks = Marks(tree)
    reported = {problem.key for problem in problems}
    for problem in check(settings, marks, serving=serving and reading.whole):
        if problem.key not in reported and not any(_inside(key, problem.key) for key in reported):
            problems.append(problem)
    ordered = in_order(problems)
    warnings = [problem for problem in ordered if problem.severity == "warning"]
    return Loaded(settings, marks, warnings, path, [*reading.files, *secrets]), ordered


def _inside(key: str, outer: str) -> bool:
    """Whether `key` stands below `outer`: then what is said of `outer` may follow from it."""
    return key.startswith((f"{outer}.", f"{outer}["))
