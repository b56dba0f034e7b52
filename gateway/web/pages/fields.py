"""Fields of forms: the words for what is wrong with them, and small things that forms have in common."""

from __future__ import annotations

import math
from collections.abc import Mapping
from urllib.parse import unquote_plus

from gateway.core.password import PasswordPolicy, Weakness
from gateway.web.languages import Phrase, part
from gateway.web.pages.faults import Fault
from gateway.web.pages.words import FAULTS, weakness_phrase


def fault(field: str, reason: str) -> Fault:
    """The words for an error of `FAULTS`."""
    words = FAULTS[field, reason]
    return Fault(field, words, words)


def weak(weakness: Weakness, policy: PasswordPolicy) -> Fault:
    """The words for a password that `policy` refuses."""
    words = weakness_phrase(weakness, policy)
    return Fault("password", words, words)


def repeated(fields: Mapping[str, str]) -> list[Fault]:
    """What is wrong with a new password that was to be typed twice; the policy judges what it is."""
    # Both come from the same person: there is nothing to find out by time.
    same = fields.get("password", "") == fields.get("password_confirm", "")
    return [] if same else [fault("password_confirm", "different")]


def asked(query: str | None, name: str) -> str | None:
    """The query's `name`; None when it is missing, doubled or not UTF-8."""
    found = [value for key, _, value in (pair.partition("=") for pair in (query or "").split("&")) if unquote_plus(key) == name]
    return unquote_plus(found[0]) if len(found) == 1 else None


def in_words(seconds: int) -> Phrase:
    """A time in the largest unit of which it has at least two, rounded up."""
    for unit, words in ((86400, "%(count)s days"), (3600, "%(count)s hours"), (60, "%(count)s minutes")):
        if seconds >= 2 * unit:
            return Phrase(words, {"count": math.ceil(seconds / unit)})
    return Phrase(part("1 second") if seconds == 1 else "%(count)s seconds", {"count": seconds})
