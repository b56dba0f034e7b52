"""Letters as mail programs show them, on a screen and on the smallest phone: nothing sticks out, however long addresses are, and all can be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.mail.letters import WORDS, Asked, Letters
from gateway.web.languages import Languages
from tests.chromium import Chromium
from tests.samples import sample_snapshot

LINK = "https://auth.example.com/_auth/verify?token=" + "Zk7Jx_9-" * 6
VALUES: dict[str, str | int] = {
    "link": LINK,
    "code": "123 456",
    "lasts": 1800,
    "user": "0190b2a5-6c00-7abc-8def-0123456789ab",
    "forgot": LINK,
    "email": "maximiliane.von-hohenlohe@verwaltungsgemeinschaft.example.com",
}
ASKED = Asked("2001:db8:1234:5678:9abc:def0:1234:5678", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", 1_760_000_000.0)
#: Landmarks are those of the mail program, not of what it shows.
_NOT_OURS = ("landmark-one-main", "region")
_STICKING_OUT = (
    "return [...document.querySelectorAll('p, h1, table, img')].filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.outerHTML)"
)


@pytest.mark.parametrize("letter", WORDS)
@pytest.mark.parametrize("language", ["en", "de"])
def test_a_letter_can_be_read_everywhere(chromium: Chromium, tmp_path: Path, letter: str, language: str):
    composed = Letters(Languages(None).translate).compose(
        sample_snapshot(), letter, language, ASKED, {word: VALUES[word] for word in sorted(WORDS[letter])}
    )
    file = tmp_path / "letter.html"
    file.write_text(composed.html, encoding="utf-8")
    chromium.forget()
    for width in (800, 320):
        chromium.size(width, 800)
        chromium.driver.get(file.as_uri())
        assert chromium.driver.execute_script("return document.documentElement.scrollWidth") <= width
        assert chromium.driver.execute_script(_STICKING_OUT) == []
        assert [found for found in chromium.accessibility() if not found.startswith(_NOT_OURS)] == []
