"""Where mail goes and who it is from, as they are written. Every function raises ValueError with a sentence for people that quotes no password."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote, urlsplit

from gateway.config.addresses import to_ascii
from gateway.core.urls import Malformed, parse_authority
from gateway.snapshot import MailSafety, MailSettings, MailWay

#: Scheme → how the way is encrypted, and the port where none is written (RFC 8314 section 7, RFC 5321 section 4.5.4.2).
_SMTP: Final = {
    "smtp+starttls": (MailSafety.STARTTLS, 587),
    "smtps": (MailSafety.TLS, 465),
    "smtp": (MailSafety.NONE, 25),
}
SPOOL: Final = "spool:"
CONSOLE: Final = "console:"
_NAMED: Final = re.compile(r'(?:"(?P<quoted>[^"\\<>\x00-\x1f]*)"|(?P<plain>[^"\\<>\x00-\x1f]*?))\s*<(?P<address>[^<>]*)>')
_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?P<domain>[^@\s]{1,190})")


def parse_mail_url(text: str) -> MailSettings:
    """`smtp+starttls://user@host:587`, `smtps://…`, `smtp://…`, `spool:PATH` or `console:`; without a sender."""
    if text == CONSOLE:
        return MailSettings(MailWay.CONSOLE, "")
    if text.startswith(SPOOL):
        folder = text.removeprefix(SPOOL)
        if not folder or folder.startswith("//"):
            raise ValueError("names no folder: spool:PATH")
        return MailSettings(MailWay.SPOOL, "", folder=folder)
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in _SMTP:
        raise ValueError("must be smtp+starttls://user@host:587, smtps://user@host:465, smtp://host:25, spool:PATH or console:")
    userinfo, at, authority = rest.rstrip("/").rpartition("@")  # a user's name is often an address itself
    try:
        host, port = parse_authority(to_ascii(authority))
    except Malformed as error:
        raise ValueError(str(error)) from None
    if any(ord(character) <= 0x20 or ord(character) == 0x7F for character in text) or urlsplit(text).query:
        raise ValueError("must hold no spaces, control characters and options")
    user, colon, password = userinfo.partition(":")
    if at and not user:
        raise ValueError("names no user before the @")
    safety, usual = _SMTP[scheme]
    return MailSettings(
        MailWay.SMTP,
        "",
        host=host.strip("[]"),
        port=port or usual,
        safety=safety,
        user=unquote(user) if at else None,
        password=unquote(password) if colon else None,
    )


def parse_sender(text: str) -> tuple[str, str]:
    """Name (may be empty) and address of `Example <no-reply@example.com>` or `no-reply@example.com`."""
    found = _NAMED.fullmatch(text.strip())
    name = (found["quoted"] or found["plain"] or "").strip() if found else ""
    address = found["address"] if found else text.strip()
    fits = _ADDRESS.fullmatch(address)
    if fits is None:
        raise ValueError('must be an address, or "Example <no-reply@example.com>"')
    try:
        host, port = parse_authority(to_ascii(fits["domain"]))
    except Malformed:
        raise ValueError("the address's domain is not valid") from None
    if port is not None:
        raise ValueError("the address's domain has no port")
    return name, f"{address.rpartition('@')[0]}@{host}"
