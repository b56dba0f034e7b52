"""`GATEWAY__SECTION__KEY` in the environment overrides one value.

Its text is YAML; a list or map is replaced whole. Parts are keys in any case. An override of a secret replaces the file that would have held it,
and the other way round.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.config.documents import Unreadable, parse
from gateway.config.errors import Mark, Problem
from gateway.config.tree import Node

_PREFIX: Final = "GATEWAY__"


def override(tree: Node, environ: Mapping[str, str], problems: list[Problem]) -> None:
    """Put the overrides into `tree`, in place."""
    for variable in sorted(environ):
        if not variable.startswith(_PREFIX):
            continue
        parts = variable[len(_PREFIX) :].split("__")
        mark = Mark(f"environment variable {variable}", 0)
        if not all(parts):
            problems.append(Problem(mark, "", "names no key", "write GATEWAY__SECTION__KEY"))
            continue
        try:
            found: list[Problem] = []
            node = parse(environ[variable], mark.file, found)
        except Unreadable:
            # The parser's own words could quote the value, which may be a secret.
            problems.append(Problem(mark, "", "is not YAML", "quote the value"))
            continue
        problems.extend(Problem(mark, problem.key, problem.message) for problem in found)
        _remark(node, mark)
        _put(tree, parts, node, problems)


def _put(tree: Node, parts: list[str], node: Node, problems: list[Problem]) -> None:
    target = tree
    for depth, part in enumerate(parts):
        if not isinstance(target.value, dict):
            problems.append(
                Problem(node.mark, ".".join(parts[:depth]).lower(), "is no map, so nothing below it can be overridden", "override it whole")
            )
            return
        key = next((key for key in target.value if key.lower() == part.lower()), part.lower())
        if depth == len(parts) - 1:
            target.value.pop(f"{key}_file", None)
            if key.endswith("_file"):
                target.value.pop(key.removesuffix("_file"), None)
            target.value[key] = node
            return
        target = target.value.setdefault(key, Node({}, node.mark))


def _remark(node: Node, mark: Mark) -> None:
    node.mark, node.key_mark, node.foreign = mark, mark, True
    children = node.value.values() if isinstance(node.value, dict) else node.value if isinstance(node.value, list) else ()
    for child in children:
        _remark(child, mark)
