"""What people meant when YAML misread a line: values that have to be quoted."""

from __future__ import annotations

import re
from typing import Final

_QUOTED: Final = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*'")
_MISREAD: Final = (
    re.compile(r"\[[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\]:[0-9]+"),  # [::1]:80
    re.compile(r"\$\{[^}\s]*\}?"),  # ${X} inside {}
    re.compile(r"(?<=[\s\[,{:-])\*[^\s,\]}]*"),  # *.example.com
    re.compile(r"(?<=[\s\[,])::?[0-9A-Fa-f:.]*(?:/[0-9]+)?(?=[\s,\]]|$)|(?<=\[)::[0-9A-Fa-f:./]*"),  # ::1 in a list
    re.compile(r"(?<=[\s\[,{])[@`%&!|>][^\s,\]}]*"),  # characters that may not begin a value
)
_COMMENTED_OUT: Final = re.compile(r"(?<=:)\s+#[0-9A-Fa-f]{3,8}\b")
_COLON: Final = re.compile(r"^\s*(?:- )?[\w.-]+:\s+(?P<value>[^\"'\[{].*:(?:\s.*)?)$")


def hint_for(line: str) -> str | None:
    """`quote it: "…"` for the first value of `line` that YAML misreads, None when nothing looks like one."""
    colour = _COMMENTED_OUT.search(_QUOTED.sub("", line))
    if colour is not None:
        return f'quote it: "{colour.group().strip()}"'
    bare = _QUOTED.sub("", line.partition(" #")[0])
    for pattern in _MISREAD:
        found = pattern.search(bare)
        if found is not None and found.group():
            return f'quote it: "{found.group()}"'
    colon = _COLON.match(bare)
    if colon is not None:
        return f'quote it: "{colon["value"].strip()}"'
    return None
