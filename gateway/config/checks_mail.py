"""Mail: somebody it is from, a password only where it is kept secret on its way."""

from __future__ import annotations

from dataclasses import replace

from gateway.config.addresses import is_loopback
from gateway.config.mail import parse_mail_url, parse_sender
from gateway.config.model import Settings
from gateway.config.report import Report
from gateway.snapshot import MailSafety, MailSettings, MailWay


def check_mail(settings: Settings, report: Report) -> None:
    """Everything about the section `mail`."""
    mail = settings.mail
    if mail.url is None:
        if mail.password is not None:
            report.error(("mail", "password"), "is for no server", "give mail.url")
        if settings.users.signup.enabled and settings.users.signup.require_verification:
            report.error(("users", "signup", "enabled"), "needs mail, to see whose an address is", "give mail.url, or require_verification: false")
        return
    if mail.sender is None:
        report.error(("mail", "from"), "is missing: who is mail from?", 'for example from: "Example <no-reply@example.com>"')
    way = parse_mail_url(mail.url)
    if mail.password is not None and way.password is not None:
        report.error(("mail", "password"), "stands in mail.url too", "keep one of them")
    password = mail.password is not None or way.password is not None
    if password and way.user is None:
        report.error(("mail", "password"), "belongs to nobody", "name the user in mail.url: smtp+starttls://user@host:587")
    elif way.user is not None and not password:
        report.error(("mail", "password"), "is missing: mail.url names a user", "password_file: PATH")
    if way.way is MailWay.SMTP and way.safety is MailSafety.NONE and not is_loopback(way.host):
        if password:
            report.error(("mail", "url"), "would send the password in clear", "write smtp+starttls://")
        else:
            report.warn(("mail", "url"), "sends mail, with its links, in clear", "write smtp+starttls://")
    if way.way is MailWay.CONSOLE and (settings.server.public_url or "").startswith("https:"):
        report.warn(("mail", "url"), "writes mail, with its links, to standard output", "for development only")


def mail_settings(settings: Settings) -> MailSettings | None:
    """What was checked, put together; None where no mail is sent."""
    mail = settings.mail
    if mail.url is None or mail.sender is None:
        return None
    way = parse_mail_url(mail.url)
    name, address = parse_sender(mail.sender)
    password = way.password if mail.password is None else mail.password.get_secret_value()
    return replace(way, sender=address, sender_name=name, password=password)
