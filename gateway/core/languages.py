"""Which language somebody is spoken to in: what they chose on a page of ours, then what their browser asks for (RFC 9110 section 12.5.4).

A browser's `de-AT` is answered in `de` where nobody has written `de-AT`; `de` is never answered in `de-AT`. What cannot be read counts as not said.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

#: The languages that everything is written in. English is that of the templates themselves.
ENGLISH: Final = "en"
OWN: Final = (ENGLISH, "de")

#: The cookie that holds what was chosen.
LANGUAGE_COOKIE: Final = "gw-lang"

#: A language tag as catalogues are named after it: `de`, `pt-br`, in lower case (RFC 5646).
TAG: Final = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})*")
_RANGE: Final = re.compile(r"\s*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*|\*)\s*(?:;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?")
#: Longer headers are read so far (characters): browsers send a tenth of it.
_MOST: Final = 500


def best_language(wanted: str, offered: Sequence[str]) -> str:
    """The one of `offered` (lower case; the first is what others get) that suits best. `wanted` is written as Accept-Language is; what was chosen
    stands in front."""
    ranges: dict[str, float] = {}
    for part in wanted[:_MOST].split(","):
        found = _RANGE.fullmatch(part)
        if found is not None:
            tag = found[1].lower()
            ranges[tag] = max(ranges.get(tag, 0.0), 1.0 if found[2] is None else float(found[2]))
    # RFC 9110 section 12.4.2: "a value of 0 means 'not acceptable'". Of several ranges that a language is in, the closest one says so.
    closest = {language: max((tag for tag in ranges if _covers(tag, language)), key=_closeness, default=None) for language in offered}
    acceptable = [language for language in offered if (tag := closest[language]) is None or ranges[tag] > 0]
    best, weight = offered[0], 0.0
    for tag, quality in ranges.items():
        # "*" is every language that no other range covers (RFC 9110 section 12.5.4 with RFC 4647 section 3.3.1).
        language = next((one for one in acceptable if closest[one] == "*"), None) if tag == "*" else _match(tag, acceptable)
        if quality > weight and language is not None:
            best, weight = language, quality
    return best


def _covers(tag: str, language: str) -> bool:
    return tag == "*" or f"{language}-".startswith(f"{tag}-")


def _closeness(tag: str) -> int:
    return 0 if tag == "*" else len(tag)


def _match(wanted: str, offered: Sequence[str]) -> str | None:
    """RFC 4647 section 3.4, "Lookup": the wanted tag, shortened from its end until it is offered."""
    while wanted:
        if wanted in offered:
            return wanted
        wanted = wanted.rpartition("-")[0]
    return None
