"""The nearest known word."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest_word(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was probably meant to be, None when none is near."""
    words = {one.lower(): one for one in known}
    found = get_close_matches(word.lower().replace("-", "_"), words, n=1, cutoff=0.6)
    return words[found[0]] if found else None


def nearest(word: str, known: Iterable[str]) -> str | None:
    """`did you mean …?`, None when nothing is near."""
    found = nearest_word(word, known)
    return None if found is None else f"did you mean `{found}`?"
