"""What applications may keep with a session: a JSON object, what may be in it, and how a patch changes it (RFC 7396).

Pure. Only what every program reads alike is kept (RFC 7493, I-JSON): text of characters, whole numbers that a double holds exactly, no key twice.
What is sent is judged before anything else goes down into it: the rest may recurse, as deep as `MOST_DEPTH`.
"""

from __future__ import annotations

import json
from enum import Enum
from typing import Final

#: A JSON object. Its values are what `json` makes of JSON.
Content = dict[str, object]

#: Objects and lists in each other, the outermost counted.
MOST_DEPTH: Final = 16
#: Keys in all objects together, and the longest of them (characters).
MOST_KEYS: Final = 1000
MOST_KEY: Final = 256
#: RFC 7493 section 2.2.
_MOST_NUMBER: Final = 2**53 - 1
#: How much longer than what is kept it may be as it is sent: an escape takes three times the bytes of its character, and there may be spaces.
_AS_SENT: Final = 8


class Fault(Enum):
    """What is wrong with a value, or the key that it has."""

    NUMBER = "number"
    TEXT = "text"
    DEPTH = "depth"
    KEY = "key"


def is_no_text(text: str) -> bool:
    """Whether it has a lone half of a surrogate pair, which is no character (RFC 3629 section 3), or NUL, which ends strings for the programs behind
    us."""
    return "\0" in text or any("\ud800" <= character <= "\udfff" for character in text)


def most_sent(most: int, bound: int) -> int:
    """The largest body (bytes) that is read where `most` may be kept, at most `bound`: judging what can never be kept would hold everybody up."""
    return min(_AS_SENT * most, bound)


def faults(content: Content) -> dict[str, Fault]:
    """What is wrong below each key of the outermost object. Goes down by a list, since what was sent may be nested as deep as it likes."""
    return {key: fault for key, value in content.items() if (fault := _fault(key, value)) is not None}


def _fault(name: str, value: object) -> Fault | None:
    left: list[tuple[object, int]] = [({name: value}, 1)]
    while left:
        one, depth = left.pop()
        if isinstance(one, dict | list):
            if depth > MOST_DEPTH:
                return Fault.DEPTH
            if isinstance(one, dict) and any(len(key) > MOST_KEY or is_no_text(key) for key in one):
                return Fault.KEY
            left += [(inner, depth + 1) for inner in (one.values() if isinstance(one, dict) else one)]
        elif isinstance(one, str):
            if is_no_text(one):
                return Fault.TEXT
        elif isinstance(one, float) or (isinstance(one, int) and abs(one) > _MOST_NUMBER):
            return Fault.NUMBER
    return None


def merged(target: object, patch: object) -> object:
    """`target` as `patch` changes it: RFC 7396 section 2. Neither is changed itself."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def fits(content: Content, encoded: bytes, most: int) -> bool:
    """Whether it is no larger than `most` bytes, and has no more keys than may be."""
    return len(encoded) <= most and _keys(content) <= MOST_KEYS


def _keys(value: object) -> int:
    if isinstance(value, dict):
        return len(value) + sum(map(_keys, value.values()))
    return sum(map(_keys, value)) if isinstance(value, list) else 0


def encode(content: Content) -> bytes:
    """The inside of a record; sealed before it is stored."""
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")


def decode(data: bytes) -> Content:
    """The object that `encode` made `data` of. Raises ValueError for anything else."""
    content = json.loads(data)
    if not isinstance(content, dict):
        raise ValueError("not an object")
    return content
