"""A composed letter as a message (RFC 5322): text and HTML as alternatives, the operator's logo inside it.

Headers are set through `email.headerregistry`, which refuses line ends, so nothing that somebody typed can add a header (OWASP "Email Header
Injection"). `Auto-Submitted` (RFC 3834) keeps answering machines quiet. The Message-ID is made of the letter's id, so that one which is sent twice,
because nobody saw that the first attempt had succeeded, is shown once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

#: Media types that mail programs show; a logo of another type is left out.
SHOWN: Final = {"image/png": "png", "image/jpeg": "jpeg"}
#: How the HTML part names the logo (RFC 2392).
LOGO_ID: Final = "logo@mark"
#: An address as accounts have it, without anything that means something in a header.
_ADDRESS: Final = re.compile(r'(?P<local>[^\s@<>()\[\]\\,;:"]+)@(?P<domain>[^\s@<>()\[\]\\,;:"]+)')


@dataclass(frozen=True, slots=True)
class Composed:
    """What a letter says."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Logo:
    """A picture for the HTML part, of a type in SHOWN."""

    content: bytes
    media_type: str


def make_message(
    composed: Composed, *, letter_id: str, created: float, sender: tuple[str, str], recipient: str, language: str, logo: Logo | None = None
) -> EmailMessage:
    """`created` is seconds since 1970; `sender` is name and address. Raises ValueError for an address that cannot stand in a header."""
    name, address = sender
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(name, addr_spec=address)
    message["To"] = _recipient(recipient)
    message["Subject"] = composed.subject
    message["Date"] = format_datetime(datetime.fromtimestamp(int(created), UTC))
    message["Message-ID"] = f"<{letter_id}@{address.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(composed.text, cte="quoted-printable")
    message.add_alternative(composed.html, subtype="html", cte="quoted-printable")
    message["Content-Language"] = language
    if logo is not None:
        html = message.get_body(("html",))
        assert isinstance(html, EmailMessage), "it has just been added"
        html.add_related(logo.content, maintype="image", subtype=SHOWN[logo.media_type], cid=f"<{LOGO_ID}>", disposition="inline")
    return message


def _recipient(address: str) -> Address:
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise ValueError("the recipient is no single address")
    return Address(username=found["local"], domain=found["domain"])
