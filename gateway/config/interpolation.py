"""`${NAME}` and `${NAME:-default}` in values; `$${` is a literal `${`.

The default counts where the variable is unset or empty, as in a shell. What is replaced in an unquoted value decides its type afresh (`workers:
${N}` is a number), but never makes it a map or a list, and an empty result stays an empty text: an empty variable must not become the neutral
null (CVE-2022-46153).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from gateway.config.documents import resolve
from gateway.config.errors import Problem, dotted
from gateway.config.suggestions import nearest
from gateway.config.tree import BROKEN, Node

_REFERENCE: Final = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|(?P<bad>\$\{)")


class _Unfit(Exception):
    """A reference that cannot be replaced; args are message and suggestion."""


def interpolate(tree: Node, environ: Mapping[str, str], problems: list[Problem]) -> None:
    """Replace every reference in the values of `tree`, in place."""
    for loc, node in tree.scalars():
        if not isinstance(node.value, str) or "${" not in node.value:
            continue
        try:
            text = _REFERENCE.sub(lambda found: _replacement(found, environ), node.value)
        except _Unfit as unfit:
            message, suggestion = unfit.args
            problems.append(Problem(node.mark, dotted(loc), message, suggestion))
            node.value = BROKEN
            continue
        node.value = resolve(text) if node.plain and text else text
        node.foreign = True


def _replacement(found: re.Match[str], environ: Mapping[str, str]) -> str:
    if found.group() == "$${":
        return "${"
    if found["bad"] is not None:
        raise _Unfit("has a `${` that is not `${NAME}` or `${NAME:-default}`", "write `$${` for a literal `${`")
    name, default = found["name"], found["default"]
    value = environ.get(name)
    if value is None and default is None:
        raise _Unfit(f"needs the environment variable {name}, which is not set", nearest(name, environ) or f"set it, or write ${{{name}:-default}}")
    return default if default is not None and not value else value or ""
