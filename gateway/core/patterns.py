"""Passwords that are quick to type and quick to guess: repetitions and sequences. Pure functions of a text in lower case.

The whole text is judged, never a part of it: a good password may contain `123`. What a person hangs on at the end to please a form (`!`, `1`,
`2026`) is no more than that, so every check of a password also looks at what is left without it (`forms`).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Final

#: How many digits and marks at the end count as hung on, and how much has to be left.
_TAIL: Final = 5
_REST: Final = 3
#: A text that says no more than so many characters says nothing.
_SAYS_NOTHING: Final = 4
#: A sequence has so many characters, and a text of so many of them is nothing but sequences.
_SHORTEST_RUN: Final = 3
_MOST_RUNS: Final = 4
#: What stands beside each other: alphabets, digits, the rows of keyboards (US, German, French, Spanish, Russian, Dvorak, Colemak) with and without
#: Shift, and their columns.
_ROWS: Final = (
    *("abcdefghijklmnopqrstuvwxyz" * 2, "абвгдеёжзийклмнопрстуфхцчшщъыьэюя", "αβγδεζηθικλμνξοπρστυφχψω"),
    *("0123456789" * 3, "02468" * 2, "13579" * 2),
    *("`1234567890-=", "~!@#$%^&*()_+", "qwertyuiop[]\\", "asdfghjkl;'", "zxcvbnm,./"),
    *("^1234567890ß", '°!"§$%&/()=?', "qwertzuiopü+", "asdfghjklöä#", "yxcvbnm,.-"),
    *("&é\"'(-è_çà)=", "azertyuiop^$", "qsdfghjklmù*", "wxcvbn,;:!"),
    *("asdfghjklñ",),
    *("йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю."),
    *("',.pyfgcrl/=", "aoeuidhtns-", ";qjkxbmwvz"),
    *("qwfpgjluy;[]", "arstdhneio'"),
    *("1qaz", "2wsx", "3edc", "4rfv", "5tgb", "6yhn", "7ujm", "8ik,", "9ol.", "0p;/"),
    *("1qay", "2wsx", "3edc", "6zhn"),
)
_TRACKS: Final = "\n".join((*_ROWS, *(row[::-1] for row in _ROWS)))


def forms(text: str) -> Iterator[str]:
    """`text`, and what is left of it with fewer and fewer digits and marks at its end. Digits are hung on to letters, not to other digits."""
    yield text
    letters = any(character.isalpha() for character in text)
    for length in range(len(text) - 1, max(len(text) - 1 - _TAIL, _REST - 1), -1):
        if text[length].isalpha() or (text[length].isdigit() and not letters):
            return
        yield text[:length]


def is_repetitive(text: str, worth: int) -> bool:
    """Whether `text` repeats itself: a unit of fewer than `worth` characters again and again, or few characters in many copies."""
    told = len(unit("".join(character for character, _ in groupby(text))))
    return (told <= _SAYS_NOTHING and 2 * told <= len(text)) or len(unit(text)) < min(worth, len(text))


def is_sequential(text: str) -> bool:
    """Whether `text` is one sequence, forwards or backwards, or a few of them in a row."""
    begin = runs = 0
    while begin < len(text):
        end = begin
        while end < len(text) and text[begin : end + 1] in _TRACKS:
            end += 1
        runs += 1
        if end - begin < _SHORTEST_RUN or runs > _MOST_RUNS:
            return False
        begin = end
    return runs > 0


def unit(text: str) -> str:
    """The shortest beginning of which `text` is made, at least twice, the last time perhaps in part; `text` where there is none."""
    for length in range(1, len(text) // 2 + 1):
        if text[length:] == text[:-length]:
            return text[:length]
    return text
