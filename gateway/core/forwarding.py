"""The target that an upstream is asked for: the judged path, with a route's prefix cut off and another put in front.

The bytes that were judged are the bytes that are forwarded. Cutting happens on the path as it was sent, and only where it literally begins with the
prefix: cutting as many bytes as the *decoded* path has in front is how CVE-2026-40912 slipped past its rules. What comes out is read again, and
must be read as exactly the judged path with its prefix exchanged (proxying.md U9, CVE-2026-48020); and no lenient reading of it climbs out of the
prefix that was put in front.
"""

from __future__ import annotations

from gateway.core.facts import Facts
from gateway.core.urls import Malformed, parse_target


def forwarded_target(facts: Facts, path: str, *, strip: bool, add: str) -> str:
    """The path and query to ask the upstream for. `path` is the route's; `add` is put in front. Raises Malformed."""
    if not strip and not add:
        return facts.target
    cut = path.rstrip("/") if strip else ""
    front = add.rstrip("/")
    raw = front + _without(cut, facts.raw_path)
    judged = front + _without(cut, facts.path)
    target = parse_target(raw)
    if target.path != judged or not all(_is_below(front, reading) for reading in target.readings):
        raise Malformed("the address cannot be forwarded as it was judged")
    return raw if facts.query is None else f"{raw}?{facts.query}"


def _is_below(front: str, path: str) -> bool:
    return path == front or path.startswith(front + "/")


def _without(prefix: str, path: str) -> str:
    """`path` behind `prefix`, which ends on a segment border."""
    if path == prefix:
        return "/"
    if not path.startswith(prefix + "/"):
        raise Malformed("the address begins with the route's path only after decoding")
    return path[len(prefix) :]
