"""Catalogues: what pages and letters say in other languages than the one they are written in.

A catalogue is a `.po` file as translators know it, read when somebody first wants its language; what it does not say, or only guesses at ("fuzzy"),
stays English. An operator's folder may hold catalogues too: they come before ours, string by string, and may bring further languages.
"""

from __future__ import annotations

from collections.abc import Mapping
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import IO, Final, NamedTuple, Protocol

from gateway.core.languages import ENGLISH, TAG

#: The folder of an operator's templates that holds catalogues: `de.po`.
CATALOGUES: Final = "locales"
_OWN_NAMES: Final = {"en": "English", "de": "Deutsch"}


class Phrase(NamedTuple):
    """Words with values that stand apart until the words are translated: `%(name)s` in `words` is `values["name"]`, itself a phrase or not."""

    words: str
    values: Mapping[str, object]


def part(words: str) -> str:
    """Marks `words`, which do not read like a sentence, as something to be translated."""
    return words


class Translate(Protocol):
    """`_` of templates."""

    def __call__(self, message: str | Phrase, **values: object) -> str: ...


class Languages:
    """All catalogues. `folder` is the operator's folder of templates."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = None if folder is None else folder / CATALOGUES
        self._read: dict[str, NullTranslations] = {}

    def translate(self, language: str) -> Translate:
        """What says a message in that language, with its values put in. Raises what Babel raises for a broken catalogue."""
        gettext = self._catalogue(language).gettext

        def say(message: str | Phrase, **values: object) -> str:
            if isinstance(message, Phrase):
                return say(message.words, **message.values, **values)
            said = gettext(message)
            return said % {name: say(value) if isinstance(value, Phrase) else value for name, value in values.items()} if values else said

        return say

    def name(self, language: str) -> str:
        """What its speakers call a language."""
        if language in _OWN_NAMES:
            return _OWN_NAMES[language]
        from babel import Locale, UnknownLocaleError

        try:
            return (Locale.parse(language, sep="-").get_display_name() or language).capitalize()
        except (UnknownLocaleError, ValueError):
            return language

    def _catalogue(self, language: str) -> NullTranslations:
        found = self._read.get(language)
        if found is None:
            found = self._read[language] = self._load(language)
        return found

    def _load(self, language: str) -> NullTranslations:
        if TAG.fullmatch(language) is None:
            return NullTranslations()
        own = files("gateway.web") / CATALOGUES / f"{language}.po"
        catalogue = NullTranslations()
        if language != ENGLISH and own.is_file():
            with own.open("rb") as stream:
                catalogue = _parse(stream)
        if self._folder is not None and (theirs := self._folder / f"{language}.po").is_file():
            with theirs.open("rb") as stream:
                first = _parse(stream)
            first.add_fallback(catalogue)
            return first
        return catalogue


def _parse(stream: IO[bytes]) -> NullTranslations:
    # Loaded with the first page in another language: no start is slower for it.
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    compiled = BytesIO()
    write_mo(compiled, read_po(stream, abort_invalid=True))
    compiled.seek(0)
    return GNUTranslations(compiled)
