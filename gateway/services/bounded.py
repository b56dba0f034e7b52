"""A map that never grows past a count and a number of bytes: what was used longest ago makes room.

For what is remembered of sessions. Both bounds are needed, since clients choose part of a record (the browser's name).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Bounded(Generic[Key, Value]):
    """At most `most` values, which together weigh at most `most_bytes`."""

    __slots__ = ("_most", "_most_bytes", "_values", "_weights", "bytes")

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._values: OrderedDict[Key, Value] = OrderedDict()
        self._weights: dict[Key, int] = {}
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Key) -> Value | None:
        """The value, which is used by this; None where there is none."""
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def keep(self, key: Key, value: Value, weight: int) -> None:
        """Put `value` in, `weight` in bytes, and take out what no longer fits. What is too heavy by itself is not kept."""
        self.drop(key)
        if weight > self._most_bytes:
            return
        self._values[key] = value
        self._weights[key] = weight
        self.bytes += weight
        while len(self._values) > self._most or self.bytes > self._most_bytes:
            oldest, _ = self._values.popitem(last=False)
            self.bytes -= self._weights.pop(oldest)

    def drop(self, key: Key) -> None:
        """Take the value out, if it is there."""
        weight = self._weights.pop(key, None)
        if weight is not None:
            del self._values[key]
            self.bytes -= weight

    def clear(self) -> None:
        """Take everything out."""
        self._values.clear()
        self._weights.clear()
        self.bytes = 0
