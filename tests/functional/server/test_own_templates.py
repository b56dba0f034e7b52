"""An operator's own templates, words and languages, as they are configured and served."""

from __future__ import annotations

import re

from tests.browser import Browser
from tests.gateways import Gateway

FRENCH = """\
msgid ""
msgstr "Content-Type: text/plain; charset=utf-8\\n"

msgid "Log in"
msgstr "Se connecter"

msgid "Set a new password"
msgstr "Nouveau mot de passe"
"""


async def test_pages_letters_and_words():
    with Gateway() as gateway:
        own = gateway.folder / "own"
        for name, text in {
            "pages/signed_out.html": '{% extends "base.html" %}{% block title %}x{% endblock %}{% block main %}<h1>Until soon</h1>{% endblock %}',
            "letters/reset.txt": 'Subject: {{ _("Set a new password") }}\n\nOur own words: {{ link }}\n',
            "locales/fr.po": FRENCH,
        }.items():
            (own / name).parent.mkdir(parents=True, exist_ok=True)
            (own / name).write_text(text)
        gateway.configure(
            {
                "templates": {"folder": "own"},
                "locale": {"default": "de"},
                "mail": {"url": "spool:spool", "from": "Example <no-reply@example.com>"},
                "routes": [{"name": "app", "host": "*", "path": "/", "access": "login"}],
            }
        )
        gateway.restart()
        gateway.add_user("ann@example.com")
        async with Browser(gateway.url) as ann:
            assert "Anmelden" in (await ann.get("/_auth/login", headers={"Accept-Language": "it"})).words
            french = await ann.get("/_auth/login", headers={"Accept-Language": "fr-CA"})
            assert "Se connecter" in french.words
            assert "Password" in french.words
            assert "Deutsch · English · Français" in french.words
            assert "Until soon" in (await ann.get("/_auth/signed-out")).words
            form = (await ann.get("/_auth/forgot", headers={"Accept-Language": "fr"})).form_to("/forgot")
            assert (await ann.submit(form, email="ann@example.com", headers={"Accept-Language": "fr"})).status == 200
        gateway.stop()
        (letter,) = [file.read_text() for file in (gateway.folder / "spool").rglob("*") if file.is_file()]
        assert "Subject: Nouveau mot de passe" in letter
        assert "Content-Language: fr" in letter
        assert re.search(r"Our own words: http", letter)


def test_a_template_that_cannot_be_parsed_is_told_before_anything_is_served():
    gateway = Gateway({"templates": {"folder": "own"}})
    (gateway.folder / "own/pages").mkdir(parents=True)
    (gateway.folder / "own/pages/login.html").write_text("{{ oops")
    checked = gateway.run("check")
    gateway.close()
    assert checked.returncode == 2
    assert "own/pages/login.html:1: " in checked.stdout + checked.stderr
