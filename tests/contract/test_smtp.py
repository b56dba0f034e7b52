"""The way out through a mail server, against a real one in every mood."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from gateway.mail.message import Composed, make_message
from gateway.mail.senders import ConsoleSender, NotSent, SpoolSender, sender_of
from gateway.mail.smtp import SmtpSender
from gateway.snapshot import MailSafety, MailSettings, MailWay
from tests.certificates import Authority
from tests.mailserver import MailServer, Mood, code_in, link_in
from tests.samples import NOW

FROM = "no-reply@example.com"
SECRET = "hush & go"


def message_to(recipient="ann@example.com"):
    composed = Composed("Hello", "Follow https://auth.example.com/x or type 123456.\n", "<p>Hello</p>")
    return make_message(composed, letter_id="0190a", created=NOW, sender=("Example", FROM), recipient=recipient, language="en")


def settings_for(server: MailServer, safety=MailSafety.NONE, **changes):
    return MailSettings(MailWay.SMTP, FROM, host="localhost", port=server.port, safety=safety, **changes)


async def send(server, safety=MailSafety.NONE, *, recipient="ann@example.com", step=5.0, whole=10.0, context=None, **changes):
    sender = SmtpSender(settings_for(server, safety, **changes), step=step, whole=whole, context=context)
    await sender.send(message_to(recipient), FROM, recipient)


async def test_a_message_arrives_as_it_was_made(mail_server):
    await send(mail_server)
    (message,) = mail_server.letters("ann@example.com")
    assert message["X-Envelope-From"] == FROM
    assert message["Message-ID"] == "<0190a@example.com>"
    assert link_in(message) == "https://auth.example.com/x"
    assert code_in(message) == "123456"


async def test_an_international_address_needs_a_server_that_knows_them(mail_server):
    await send(mail_server, recipient="jörg@example.com")
    (message,) = mail_server.letters()
    assert message["To"] == "jörg@example.com"


@pytest.mark.parametrize(
    ("mood", "reason", "final"),
    [
        (Mood.LATER, "the server refused the message (451 4.3.0)", False),
        (Mood.NEVER, "the server refused the recipient (550 5.1.1)", True),
        (Mood.DROP, "the server is away (SMTPServerDisconnected)", False),
    ],
)
async def test_why_a_message_was_not_taken_is_told_without_its_address(mail_server, mood, reason, final):
    mail_server.mood = mood
    with pytest.raises(NotSent) as refused:
        await send(mail_server)
    assert str(refused.value) == reason
    assert refused.value.final is final
    mail_server.mood = Mood.TAKE
    await send(mail_server)
    assert len(mail_server.letters()) == 1


async def test_a_server_that_hangs_is_given_up(mail_server):
    mail_server.mood = Mood.HANG
    async with asyncio.timeout(20.0):  # each bound by itself
        with pytest.raises(NotSent, match="did not answer in time"):
            await send(mail_server, step=0.2, whole=3600.0)
        with pytest.raises(NotSent, match="did not answer in time"):
            await send(mail_server, step=3600.0, whole=0.2)
        mail_server.pause()
        with pytest.raises(NotSent, match="did not answer in time"):
            await send(mail_server, step=0.2, whole=3600.0)
    mail_server.resume()


async def test_a_server_that_is_gone_is_away(mail_server):
    mail_server.stop()
    with pytest.raises(NotSent, match="is away") as refused:
        await send(mail_server)
    assert not refused.value.final


@pytest.mark.parametrize("tls", [False, True], ids=["starttls", "tls"])
async def test_the_way_is_encrypted_and_the_server_proves_who_it_is(authority: Authority, tls):
    issued, safety = authority.issue("localhost"), MailSafety.TLS if tls else MailSafety.STARTTLS
    with MailServer(certificate=(issued.certificate, issued.key), tls=tls, login=("ann", SECRET)) as server:
        await send(server, safety, context=authority.context(), user="ann", password=SECRET)
        assert len(server.letters()) == 1
        with pytest.raises(NotSent, match="certificate is not good"):
            await send(server, safety, context=ssl.create_default_context(), user="ann", password=SECRET)
        with pytest.raises(NotSent, match="user or password") as refused:
            await send(server, safety, context=authority.context(), user="ann", password="wrong")
        assert not refused.value.final
        assert SECRET not in server.log()


async def test_a_certificate_for_another_name_is_not_good(authority: Authority):
    issued = authority.issue("mail.example.com")
    with MailServer(certificate=(issued.certificate, issued.key)) as server:
        with pytest.raises(NotSent, match="certificate is not good"):
            await send(server, MailSafety.STARTTLS, context=authority.context())
        assert server.letters() == []


async def test_a_server_that_offers_no_encryption_gets_neither_password_nor_letter(mail_server, authority: Authority):
    with pytest.raises(NotSent) as refused:
        await send(mail_server, MailSafety.STARTTLS, context=authority.context(), user="ann", password=SECRET)
    assert not refused.value.final
    with pytest.raises(NotSent):
        await send(mail_server, MailSafety.STARTTLS, context=authority.context())
    assert mail_server.asked == 0


async def test_a_spool_folder_gets_a_file_for_each_message(tmp_path):
    folder = tmp_path / "new" / "spool"
    sender = sender_of(MailSettings(MailWay.SPOOL, FROM, folder=str(folder)), print)
    assert isinstance(sender, SpoolSender)
    await sender.send(message_to(), FROM, "ann@example.com")
    (file,) = folder.iterdir()
    assert file.name == "0190a.eml"
    assert file.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert b"Delivered-To: ann@example.com\n" in file.read_bytes()
    folder.chmod(0o700)
    (tmp_path / "file").touch()
    with pytest.raises(NotSent, match="cannot be written"):
        await SpoolSender(tmp_path / "file").send(message_to(), FROM, "ann@example.com")


async def test_a_spool_folder_gets_addresses_as_they_are(tmp_path):
    await SpoolSender(tmp_path).send(message_to("änne@example.com"), FROM, "änne@example.com")
    assert "To: änne@example.com\n".encode() in (tmp_path / "0190a.eml").read_bytes().replace(b"Delivered-To", b"")


async def test_the_console_shows_what_a_person_would_read():
    written: list[str] = []
    sender = sender_of(MailSettings(MailWay.CONSOLE, FROM), written.append)
    assert isinstance(sender, ConsoleSender)
    await sender.send(message_to(), FROM, "ann@example.com")
    (text,) = written
    assert "to ann@example.com: Hello\n" in text
    assert "https://auth.example.com/x" in text
    assert "<p>" not in text


def test_the_password_is_not_shown():
    assert SECRET not in repr(MailSettings(MailWay.SMTP, FROM, user="ann", password=SECRET))
