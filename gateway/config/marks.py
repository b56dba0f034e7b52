"""Where each setting was written."""

from __future__ import annotations

from gateway.config.errors import Loc, Mark, dotted
from gateway.config.tree import Node


class Marks:
    """Looks up what became of a tree. Locations are those of the settings; keys are told as they were written."""

    def __init__(self, tree: Node) -> None:
        self._tree = tree

    def at(self, loc: Loc) -> Mark:
        """The mark of a setting, or of the nearest one around it that was written."""
        node, depth = self._tree.at(loc)
        return (node.key_mark if depth == len(loc) and loc and isinstance(loc[-1], str) else None) or node.mark

    def key(self, loc: Loc) -> str:
        """The dotted key as it stands in the files, where other elements of a list may have been taken out before it."""
        node, depth = self._tree.at(loc)
        rest = loc[depth:]
        if rest and isinstance(rest[0], int):  # one word where a list may stand
            rest = rest[1:]
        return dotted((*node.loc, *rest))

    def given(self, *loc: str | int) -> bool:
        """Whether a setting was written at all."""
        return self._tree.at(loc)[1] == len(loc)
