"""Path globs: `*` is anything but a slash, `**` is anything, `?` one character but a slash; everything else is itself.

`/a/**` also covers `/a`. Matched against the whole text, always (oauth2-proxy #2085: an unanchored expression let `/x/public` pass as `/public`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_TOKEN = re.compile(r"/\*\*$|\*\*|\*|\?|[^*?]+|.", re.DOTALL)
_WORDS = {"/**": r"(?:/.*)?", "**": r".*", "*": r"[^/]*", "?": r"[^/]"}


@dataclass(frozen=True, slots=True)
class Glob:
    """A compiled glob; equal when the texts are."""

    text: str
    _pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        parts = [_WORDS.get(token) or re.escape(token) for token in _split(self.text)]
        object.__setattr__(self, "_pattern", re.compile("".join(parts), re.DOTALL))

    def matches(self, text: str) -> bool:
        """Whether the whole of `text` matches."""
        return self._pattern.fullmatch(text) is not None


def _split(text: str) -> list[str]:
    if text.endswith("/**"):
        return [*_TOKEN.findall(text[:-3]), "/**"]
    return _TOKEN.findall(text)
