"""The tree between YAML and the model: nodes that know where they stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from gateway.config.errors import Loc, Mark


class Broken:
    """Stands where a value could not be found out (a missing variable, an unreadable file). Its mistake has been reported; no type accepts it."""


BROKEN: Final = Broken()

Scalar = str | int | float | bool | None | Broken


@dataclass(slots=True)
class Node:
    """A value and its place.

    `plain`: written without quotes, so its text decides its type; for None: nothing was written at all, not even `null`. `foreign`: it came from the
    environment or a file, so no message may quote it.
    """

    value: Scalar | dict[str, Node] | list[Node]
    mark: Mark
    plain: bool = False
    foreign: bool = False
    key_mark: Mark | None = None
    loc: Loc = ()

    def locate(self, loc: Loc = ()) -> None:
        """Note where each node stands, so that it can be told after others have been taken out."""
        self.loc = loc
        if isinstance(self.value, dict):
            for key, node in self.value.items():
                node.locate((*loc, key))
        elif isinstance(self.value, list):
            for index, node in enumerate(self.value):
                node.locate((*loc, index))

    def remove(self, loc: Loc) -> None:
        """Take out what stands at `loc`."""
        parent, depth = self.at(loc[:-1])
        if depth < len(loc) - 1:
            return
        part = loc[-1]
        if isinstance(parent.value, dict) and isinstance(part, str):
            parent.value.pop(part, None)
        elif isinstance(parent.value, list) and isinstance(part, int) and part < len(parent.value):
            parent.value.pop(part)

    def data(self) -> Any:
        """Plain values, as the model takes them."""
        if isinstance(self.value, dict):
            return {key: node.data() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.data() for node in self.value]
        return self.value

    def copy(self) -> Node:
        """A tree of its own: what happens to an alias must not happen to its anchor."""
        value = self.value
        if isinstance(value, dict):
            value = {key: node.copy() for key, node in value.items()}
        elif isinstance(value, list):
            value = [node.copy() for node in value]
        return Node(value, self.mark, self.plain, self.foreign, self.key_mark)

    def at(self, loc: Loc) -> tuple[Node, int]:
        """The deepest node on the way to `loc`, and how many parts of `loc` lead to it."""
        node = self
        for depth, part in enumerate(loc):
            child: Node | None = None
            if isinstance(node.value, dict) and isinstance(part, str):
                child = node.value.get(part)
            elif isinstance(node.value, list) and isinstance(part, int) and part < len(node.value):
                child = node.value[part]
            if child is None:
                return node, depth
            node = child
        return node, len(loc)

    def scalars(self, loc: Loc = ()) -> Iterator[tuple[Loc, Node]]:
        """Every node that is neither a map nor a list."""
        if isinstance(self.value, dict):
            for key, node in self.value.items():
                yield from node.scalars((*loc, key))
        elif isinstance(self.value, list):
            for index, node in enumerate(self.value):
                yield from node.scalars((*loc, index))
        else:
            yield loc, self
