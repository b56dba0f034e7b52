"""The operator's own templates and catalogues are read before anything is served."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.snapshot import make_snapshot
from tests.configurations import SMALLEST, errors, loaded, problems

OWN = "templates: {folder: own}\n"
CATALOGUE = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\nmsgid "Log in"\nmsgstr "Se connecter"\n'


def put(folder: Path, name: str, content: bytes | str) -> None:
    file = folder / "own" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())


def test_what_is_right(tmp_path):
    put(tmp_path, "pages/login.html", '{% extends "base.html" %}{% block main %}{{ _("Log in") }}{% endblock %}')
    put(tmp_path, "letters/verify.txt", "Subject: {{ site }}\n\n{{ link }}\n")
    put(tmp_path, "locales/fr.po", CATALOGUE)
    put(tmp_path, "locales/README", "not a catalogue")
    assert [problem for problem in problems(tmp_path, SMALLEST + OWN) if problem.key == "templates.folder"] == []
    settings = loaded(tmp_path, OWN).settings
    assert settings.templates.folder == str(tmp_path / "own")


def test_languages_of_the_snapshot(tmp_path):
    put(tmp_path, "locales/fr.po", CATALOGUE)
    assert make_snapshot(loaded(tmp_path, "")).languages == ("en", "de")
    assert make_snapshot(loaded(tmp_path, "locale: {default: de}")).languages == ("de", "en")
    assert make_snapshot(loaded(tmp_path, OWN)).languages == ("en", "de", "fr")
    assert make_snapshot(loaded(tmp_path, OWN + "locale: {default: fr}")).languages == ("fr", "en", "de")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("pages/login.html", "{% block main %}\n{{ oops", "own/pages/login.html:2: "),
        ("pages/deep/x.html", "{% nonsense %}", "own/pages/deep/x.html:1: "),
        ("pages/login.html", "\n{{ site|uper }}", "own/pages/login.html:2: "),
        ("pages/login.html", "{% block a %}{% endblock %}\n{% block a %}{% endblock %}", "own/pages/login.html:2: "),
        ("letters/verify.txt", "{% endblock %}", "own/letters/verify.txt:1: "),
        ("pages/login.html", b"\xff", "own/pages/login.html is not written in UTF-8"),
        ("locales/fr.po", 'msgid "a"\nnonsense\n', "own/locales/fr.po: "),
        ("locales/fr.po", CATALOGUE.replace("utf-8", "utf-nine"), "utf-nine"),
        ("locales/fr.po", CATALOGUE + '\nmsgid "%(count)s hours"\nmsgstr "%(counts)s heures"\n', "own/locales/fr.po:7: "),
        ("locales/fr.po", CATALOGUE + '\nmsgid "%(count)s hours"\nmsgstr "%(count)s heures, 100 % sur"\n', "own/locales/fr.po:7: "),
        ("locales/pt_BR.po", CATALOGUE, "pt-br.po"),
    ],
)
def test_what_cannot_be_read(tmp_path, name, content, said):
    put(tmp_path, name, content)
    (error,) = errors(tmp_path, SMALLEST + OWN)
    assert error.key == "templates.folder"
    assert said in error.message


def test_no_folder_no_language_and_a_file_in_the_wrong_place(tmp_path):
    (error,) = errors(tmp_path, SMALLEST + OWN)
    assert "is no folder" in error.message
    (error,) = errors(tmp_path, SMALLEST + "locale: {default: fr}\n")
    assert (error.key, error.suggestion) == ("locale.default", "write en or de, or add one in templates.folder")
    (error,) = errors(tmp_path, SMALLEST + "locale: {default: DE}\n")
    assert "lower case" in error.message
    put(tmp_path, "login.html", "x")
    (warning,) = [problem for problem in problems(tmp_path, SMALLEST + OWN) if problem.key == "templates.folder"]
    assert warning.severity == "warning"
    assert "login.html is not used" in warning.message
