from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.checks_mail import mail_settings
from gateway.config.load import examine
from gateway.config.mail import parse_mail_url, parse_sender
from gateway.snapshot import MailSafety, MailSettings, MailWay

HEAD = "server: {public_url: 'https://auth.example.com'}\nroutes: []\nusers: {database: 'postgresql://h/d'}\n"


def settings_of(folder: Path, mail: str, environ=None):
    file = folder / "gateway.yml"
    file.write_text(f"{HEAD}mail: {mail}\n")
    loaded, problems = examine(file, environ or {}, serving=False)
    return mail_settings(loaded.settings), {problem.key: problem.message for problem in problems}


@pytest.mark.parametrize(
    ("text", "safety", "host", "port", "user", "password"),
    [
        ("smtp+starttls://mail.example.com", MailSafety.STARTTLS, "mail.example.com", 587, None, None),
        ("smtps://ann@mail.example.com", MailSafety.TLS, "mail.example.com", 465, "ann", None),
        ("smtp://127.0.0.1", MailSafety.NONE, "127.0.0.1", 25, None, None),
        ("smtp://[::1]:2525", MailSafety.NONE, "::1", 2525, None, None),
        ("smtps://ann@example.com@mail.example.com:1465/", MailSafety.TLS, "mail.example.com", 1465, "ann@example.com", None),
        ("smtps://ann%40example.com:p%3Aw@mail.example.com", MailSafety.TLS, "mail.example.com", 465, "ann@example.com", "p:w"),
        ("smtps://ann:a@b:c@mail.example.com", MailSafety.TLS, "mail.example.com", 465, "ann", "a@b:c"),
    ],
)
def test_urls_of_mail_servers(text, safety, host, port, user, password):
    assert parse_mail_url(text) == MailSettings(MailWay.SMTP, "", host=host, port=port, safety=safety, user=user, password=password)


@pytest.mark.parametrize(
    ("text", "sender"),
    [
        ("no-reply@example.com", ("", "no-reply@example.com")),
        ("Example <no-reply@example.com>", ("Example", "no-reply@example.com")),
        ('"Example, Ltd" <no-reply@example.com>', ("Example, Ltd", "no-reply@example.com")),
        ("Beispiel GmbH & Söhne <post@müller.example>", ("Beispiel GmbH & Söhne", "post@xn--mller-kva.example")),
    ],
)
def test_senders(text, sender):
    assert parse_sender(text) == sender


def test_everything_together(tmp_path):
    (tmp_path / "mail-password").write_text("hush\n")
    settings, problems = settings_of(tmp_path, "{url: 'smtps://ann@h.example', password_file: mail-password, from: 'E <a@b.example>'}")
    assert problems == {}
    assert settings == MailSettings(MailWay.SMTP, "a@b.example", "E", host="h.example", port=465, safety=MailSafety.TLS, user="ann", password="hush")
    assert settings_of(tmp_path, "{}") == (None, {})


def test_a_spool_folder_counts_from_the_file(tmp_path):
    settings, problems = settings_of(tmp_path, "{url: 'spool:letters', from: a@b.example}")
    assert problems == {}
    assert settings is not None
    assert settings.folder == str(tmp_path / "letters")
    absolute, _ = settings_of(tmp_path, "{url: 'spool:/var/spool/letters', from: a@b.example}")
    assert absolute is not None
    assert absolute.folder == "/var/spool/letters"


@pytest.mark.parametrize(
    ("mail", "warning"),
    [
        ("{url: 'smtp://mail.example.com', from: a@b.example}", "sends mail, with its links, in clear"),
        ("{url: 'console:', from: a@b.example}", "writes mail, with its links, to standard output"),
    ],
)
def test_what_is_warned_of(tmp_path, mail, warning):
    settings, problems = settings_of(tmp_path, mail)
    assert problems == {"mail.url": warning}
    assert settings is not None


def test_a_mail_server_on_this_machine_needs_no_warning(tmp_path):
    assert settings_of(tmp_path, "{url: 'smtp://localhost', from: a@b.example}")[1] == {}
