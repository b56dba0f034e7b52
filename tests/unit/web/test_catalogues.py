"""Catalogues: ours, an operator's before them, English where nobody says anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from babel.messages.pofile import PoFileError

from gateway.web.languages import Languages, Phrase

THEIRS = """
msgid "Log in"
msgstr "%s"

#, fuzzy
msgid "Log out"
msgstr "perhaps"
"""


def folder_with(tmp_path: Path, **catalogues: str) -> Path:
    (tmp_path / "locales").mkdir()
    for language, text in catalogues.items():
        (tmp_path / "locales" / f"{language}.po").write_text(
            'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n' + text, encoding="utf-8"
        )
    return tmp_path


def test_ours():
    say = Languages().translate("de")
    assert say("Log in") == "Anmelden"
    assert say("Nobody ever said this.") == "Nobody ever said this."
    assert say("Error %(status)s", status=404) == "Fehler 404"
    assert Languages().translate("en")("Error %(status)s", status=404) == "Error 404"


def test_a_phrase_in_a_phrase():
    waiting = Phrase("Wait %(wait)s, then try again.", {"wait": Phrase("%(count)s minutes", {"count": 3})})
    assert Languages().translate("de")(waiting) == "Warten Sie 3 Minuten und versuchen Sie es dann noch einmal."
    assert Languages().translate("en")(waiting) == "Wait 3 minutes, then try again."


def test_a_value_is_not_a_message():
    """What somebody typed is put in as it is, though it reads like a message or like a place for one."""
    assert Languages().translate("de")("Error %(status)s", status="Log in %(site)s") == "Fehler Log in %(site)s"


def test_theirs_come_first_string_by_string(tmp_path):
    languages = Languages(folder_with(tmp_path, de=THEIRS % "Hereinspaziert", fr=THEIRS % "Se connecter", en=THEIRS % "Sign in"))
    german, french, english = (languages.translate(language) for language in ("de", "fr", "en"))
    assert (german("Log in"), german("Log out")) == ("Hereinspaziert", "Abmelden")
    assert (french("Log in"), french("Log out")) == ("Se connecter", "Log out")
    assert (english("Log in"), english("Log out")) == ("Sign in", "Log out")


@pytest.mark.parametrize("language", ["xx", "../de", "de/../../x", "", "DE", "/etc/passwd"])
def test_what_is_no_language_is_english(tmp_path, language):
    assert Languages(folder_with(tmp_path)).translate(language)("Log in") == "Log in"


def test_what_languages_are_called():
    assert [Languages().name(language) for language in ("en", "de", "fr", "pt-br", "xyz")] == [
        "English",
        "Deutsch",
        "Français",
        "Português (brasil)",
        "xyz",
    ]


def test_a_broken_catalogue(tmp_path):
    languages = Languages(folder_with(tmp_path, fr='msgid "Log in"\nmsgstr "Se connecter"\nnonsense\n'))
    with pytest.raises(PoFileError):
        languages.translate("fr")
