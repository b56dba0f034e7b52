"""What a new password must be. Existing ones are never judged: policy applies when a password is set.

NIST SP 800-63B section 5.1.1.2: length counts, composition rules do not exist, every character is welcome, and what attackers try first is refused.
The whole password is compared, never a part of it. Reasons are codes, in the order in which a person can do something about them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.core.patterns import forms, is_repetitive, is_sequential, unit

_SEPARATORS: Final = re.compile(r"[\W_]+")
#: A part of a name or an address that is shorter is no word.
_SHORTEST_WORD: Final = 3


class Weakness(StrEnum):
    """Why a password is refused."""

    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    CONTEXT = "context"
    COMPROMISED = "compromised"
    DICTIONARY = "dictionary"
    REPETITIVE = "repetitive"
    SEQUENTIAL = "sequential"


@dataclass(frozen=True, slots=True)
class Argon2Cost:
    """What one hash costs: memory in KiB, passes, lanes."""

    memory: int = 65536
    time: int = 3
    parallelism: int = 4


@dataclass(frozen=True, slots=True)
class WordLists:
    """What attackers try: passwords that leaked most often, and ordinary words and names. Lower case, one a line, a line end before the first and
    after the last: a text takes a tenth of a set's memory, and a password is set rarely."""

    leaked: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """Lengths in code points after normalisation. `context` is what belongs to the service: its name, hosts, words of its operator. `lists` returns
    the word lists, and is asked only once the other reasons leave it to them."""

    min_length: int = 8
    max_length: int = 256
    context: tuple[str, ...] = ()
    lists: Callable[[], WordLists] = WordLists

    def weakness(self, password: str, own: Iterable[str] = ()) -> Weakness | None:
        """The first reason to refuse `password`, None when it is good. `own` is what belongs to the person: address and names."""
        text = normalized(password)
        if len(text) < self.min_length:
            return Weakness.TOO_SHORT
        if len(text) > self.max_length:
            return Weakness.TOO_LONG
        folded = text.casefold()
        candidates = [*forms(folded), unit(folded)]
        known = {word for phrase in (*self.context, *own) for word in _words(phrase)}
        if any(form in known or _squeezed(form) in known for form in candidates):
            return Weakness.CONTEXT
        return self._listed(candidates) or self._patterned(list(forms(text.lower())))

    def _listed(self, candidates: list[str]) -> Weakness | None:
        lists = self.lists()
        lines = [f"\n{form}\n" for form in candidates if "\n" not in form]
        if any(line in lists.leaked for line in lines):
            return Weakness.COMPROMISED
        return Weakness.DICTIONARY if any(line in lists.words for line in lines) else None

    def _patterned(self, candidates: list[str]) -> Weakness | None:
        if any(is_repetitive(form, self.min_length) for form in candidates):
            return Weakness.REPETITIVE
        return Weakness.SEQUENTIAL if any(is_sequential(form) for form in candidates) else None


def normalized(password: str) -> str:
    """The form in which a password is counted and hashed (NFKC), so that every keyboard types the same one."""
    return unicodedata.normalize("NFKC", password)


def _words(phrase: str) -> Iterator[str]:
    """A name, host or address as a whole, its parts and its endings; each also without separators and without what is hung on at its end."""
    text = normalized(phrase).casefold().strip()
    local, _, domain = text.rpartition("@")
    labels = domain.split(".")
    endings = (".".join(labels[start:]) for start in range(len(labels)))
    for word in (text, local, *endings, *_SEPARATORS.split(text)):
        for form in (*forms(word), *forms(_squeezed(word))):
            if len(form) >= _SHORTEST_WORD:
                yield form


def _squeezed(text: str) -> str:
    return _SEPARATORS.sub("", text)
