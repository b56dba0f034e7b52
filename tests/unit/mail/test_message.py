from __future__ import annotations

from email import message_from_bytes, policy

import pytest

from gateway.mail.message import Composed, Logo, make_message
from tests.samples import NOW

COMPOSED = Composed("Grüße", "Hello Jörg\n", "<p>Hello Jörg</p>")


def made(composed=COMPOSED, recipient="ann@example.com", sender=("Example", "no-reply@example.com"), **changes):
    return make_message(composed, letter_id="0190a", created=NOW, sender=sender, recipient=recipient, language="de", **changes)


def read_again(message):
    return message_from_bytes(bytes(message), policy=policy.default)


def test_its_head_says_what_mail_needs():
    message = read_again(made())
    assert message["From"] == "Example <no-reply@example.com>"
    assert message["To"] == "ann@example.com"
    assert message["Subject"] == "Grüße"
    assert message["Date"] == "Fri, 15 Jan 2027 08:00:00 +0000"
    assert message["Message-ID"] == "<0190a@example.com>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Content-Language"] == "de"


def test_text_comes_before_html_and_lines_are_short():
    message = read_again(made(Composed("x", "word " * 400, "<p>" + "word " * 400)))
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert max(map(len, bytes(message).split(b"\n"))) < 200
    assert bytes(made()).isascii()
    assert read_again(made()).get_body(("plain",)).get_content().splitlines() == ["Hello Jörg"]
    assert read_again(made()).get_body(("html",)).get_content().strip() == "<p>Hello Jörg</p>"


def test_the_logo_stands_beside_the_html():
    message = read_again(made(logo=Logo(b"\x89PNG", "image/png")))
    text, related = message.iter_parts()
    assert text.get_content_type() == "text/plain"
    html, logo = related.iter_parts()
    assert html.get_content_type() == "text/html"
    assert logo["Content-ID"] == "<logo@mark>"
    assert logo.get_content() == b"\x89PNG"


@pytest.mark.parametrize("subject", ["Hello\r\nBcc: eve@example.com", "Hello\nBcc: eve@example.com"])
def test_no_header_can_be_added_through_a_subject(subject):
    with pytest.raises(ValueError, match="linefeed"):
        made(Composed(subject, "x", "x"))


@pytest.mark.parametrize("recipient", ["a@b.example\r\nBcc: c@d.example", "ann@example.com, eve@example.com", "", "ann", "Ann <ann@example.com>"])
def test_what_is_no_single_address_is_refused(recipient):
    with pytest.raises(ValueError, match="recipient"):
        made(recipient=recipient)


def test_names_are_quoted():
    message = read_again(made(sender=('Example, "Ltd" <x>', "no-reply@example.com")))
    (address,) = message["From"].addresses
    assert address.display_name == 'Example, "Ltd" <x>'
    assert address.addr_spec == "no-reply@example.com"
