from __future__ import annotations

import re
from pathlib import Path

import pytest
from jinja2 import TemplateNotFound, UndefinedError

from gateway.mail.letters import WORDS, Asked, Letters, NotALetter
from gateway.snapshot import Mark
from gateway.web.languages import Languages
from tests.samples import NOW, sample_snapshot

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"
ASKED = Asked("192.0.2.7", FIREFOX, NOW)
NOBODY = Asked("", "", NOW)
LINK = "https://auth.example.com/_auth/verify?token=a-b_c&x=1"
FOLDER = Path(__file__).resolve().parents[3] / "gateway" / "mail" / "letters"


def as_written(_language):
    return lambda text: text


def shouting(language):
    return (lambda text: text.replace("this ", "THIS ").replace("from the", "FROM THE")) if language == "xx" else lambda text: text


def values_of(letter, **changes):
    values = {"link": LINK, "forgot": f"{LINK}&forgot", "code": "123456", "lasts": 1800, "email": "new@example.org", "user": "01a204ee"}
    return {name: value for name, value in (values | changes).items() if name in WORDS[letter]}


def compose(letter, *, letters=None, language="en", asked=ASKED, mark=None, **changes):
    snapshot = sample_snapshot(mark=mark or Mark())
    return (letters or Letters(as_written)).compose(snapshot, letter, language, asked, values_of(letter, **changes))


def test_every_template_is_a_letter():
    files = {file.stem for file in FOLDER.iterdir()}
    assert files == {*WORDS, "layout"}
    assert all((FOLDER / f"{name}.{kind}").exists() for name in files for kind in ("txt", "html"))


@pytest.mark.parametrize("letter", WORDS)
def test_the_text_reads_well_alone(letter):
    composed = compose(letter)
    assert composed.subject
    assert "\n" not in composed.subject
    assert not re.search(r"[<>{}]|&(?:amp|lt|#)", composed.text)
    assert "\n\n\n" not in composed.text
    assert composed.text.endswith("\n-- \nauth.example.com\nhttps://auth.example.com\n")
    for name in WORDS[letter] - {"lasts", "user"}:
        assert str(values_of(letter)[name]) in composed.text


@pytest.mark.parametrize("letter", WORDS)
def test_the_html_has_one_button_and_the_bare_link(letter):
    html = compose(letter).html
    escaped = LINK.replace("&", "&amp;")
    assert "<style" not in html
    assert "<script" not in html
    assert "src=" not in html
    if "link" in WORDS[letter]:
        assert html.count("border-radius:8px;background:#2557d6") == 1
        assert f'href="{escaped}"' in html
        assert f">{escaped}</a>" in html
    else:
        assert escaped not in html.replace(f"{escaped}&amp;forgot", "")


@pytest.mark.parametrize("letter", WORDS)
def test_both_parts_say_the_same(letter):
    composed = compose(letter)
    for sentence in composed.text.partition("\n-- \n")[0].split("\n"):
        if sentence and "http" not in sentence and "123456" not in sentence and not sentence.endswith(":"):
            assert sentence in re.sub(r"&#39;", "'", composed.html), sentence


@pytest.mark.parametrize("letter", WORDS)
def test_who_asked_is_told(letter):
    composed = compose(letter)
    for part in (composed.text, composed.html):
        assert "192.0.2.7" in part
        assert "Firefox (Linux)" in part
        assert "2027-01-15 08:00 UTC" in part
    nobody = compose(letter, asked=NOBODY)
    assert "UTC" not in nobody.text + nobody.html
    assert "Browser" not in nobody.text + nobody.html


@pytest.mark.parametrize("letter", WORDS)
def test_what_to_do_if_it_was_not_you_is_told(letter):
    composed = compose(letter)
    assert any(words in composed.text for words in ("If it was not you", "If it was you"))


def test_how_long_a_link_works_is_told():
    assert "once, for 30 minutes." in compose("reset").text
    assert "once, for 72 hours." in compose("verify", lasts=72 * 3600).text


def test_without_a_code_none_is_mentioned():
    for part in (composed := compose("verify", code="")).text, composed.html:
        assert "code" not in part
    assert "123456" in compose("verify").html


def test_what_a_browser_calls_itself_does_not_get_in():
    composed = compose("verify", asked=Asked("192.0.2.7", "Win at https://evil.example <b>now</b>", NOW))
    assert "evil" not in composed.text + composed.html


def test_values_are_escaped_in_html_and_only_there():
    composed = compose("email_notice", email="a<b>&c@example.com")
    assert "a<b>&c@example.com" in composed.text
    assert "a&lt;b&gt;&amp;c@example.com" in composed.html
    assert "<b>" not in composed.html


def test_the_operators_mark_is_on_it():
    mark = Mark("Example & Co", b"png", "image/png", "#7a1fa2", (("Imprint", "https://example.com/imprint"), ("Help", "/help")))
    composed = compose("verify", mark=mark)
    assert "for an account at Example & Co." in composed.text
    assert "Imprint: https://example.com/imprint\nHelp: https://auth.example.com/help\n" in composed.text
    assert 'src="cid:logo@mark"' in composed.html
    assert 'alt="Example &amp; Co"' in composed.html
    assert "background:#7a1fa2" in composed.html
    assert "cid:" not in compose("verify", mark=Mark(logo=b"<svg/>", logo_type="image/svg+xml")).html  # mail programs do not show SVG


def test_a_language_changes_words_and_not_values():
    letters = Letters(shouting)
    composed = compose("verify", letters=letters, language="xx")
    assert composed.subject == "Confirm your e-mail address"
    assert "FROM THE address 192.0.2.7" in composed.text
    assert "FROM THE address 192.0.2.7" in composed.html
    assert LINK in composed.text
    assert '<html lang="xx">' in composed.html
    assert compose("verify", letters=letters).subject == "Confirm your e-mail address"


def test_an_operators_folder_replaces_file_by_file(tmp_path):
    (tmp_path / "verify.txt").write_text("Subject: Welcome to {{ site }}\n\nFollow {{ link }} & be quick.\n")
    letters = Letters(as_written, tmp_path)
    composed = compose("verify", letters=letters)
    assert composed.subject == "Welcome to auth.example.com"
    assert composed.text == f"Follow {LINK} & be quick.\n"
    assert "Welcome to auth.example.com" in composed.html
    assert compose("reset", letters=letters).subject == "Set a new password"


def test_a_template_that_cannot_be_a_letter_is_an_error(tmp_path):
    letters = Letters(as_written, tmp_path)
    (tmp_path / "verify.txt").write_text("Welcome\n")
    with pytest.raises(NotALetter):
        compose("verify", letters=letters)
    (tmp_path / "reset.txt").write_text("Subject: x\n{{ nothing_of_that_name }}")
    with pytest.raises(UndefinedError):
        compose("reset", letters=letters)
    (tmp_path / "email_taken.txt").write_text("Subject: x\n{% include '../../../etc/passwd' %}")
    with pytest.raises(TemplateNotFound):
        compose("email_taken", letters=letters)


def test_a_letter_without_its_values_is_a_mistake_of_ours():
    with pytest.raises(KeyError, match="lasts"):
        Letters(as_written).compose(sample_snapshot(), "verify", "en", ASKED, {"link": LINK, "code": ""})
    with pytest.raises(KeyError):
        Letters(as_written).compose(sample_snapshot(), "no_such_letter", "en", ASKED, {})


@pytest.mark.parametrize("letter", WORDS)
def test_every_letter_is_german(letter):
    letters = Letters(Languages().translate)
    ours, theirs = compose(letter, letters=letters), compose(letter, letters=letters, language="de")
    assert theirs.subject != ours.subject
    assert '<html lang="de">' in theirs.html
    ends = {line.strip() for line in theirs.text.splitlines() if line.strip()} & {line.strip() for line in ours.text.splitlines() if line.strip()}
    same = {line for line in ends if " " in line and not line.startswith(("http", "Browser: "))}
    assert same == set()
    for name in WORDS[letter] - {"lasts", "user"}:
        assert str(values_of(letter)[name]) in theirs.text
    if "lasts" in WORDS[letter]:
        assert "30 Minuten" in theirs.text
        assert "30 Minuten" in theirs.html
