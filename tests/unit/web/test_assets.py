"""Assets are found by their whole name only, and an operator's mark brings its own."""

from __future__ import annotations

from gateway.snapshot import Mark
from gateway.web.pages.assets import Assets


def test_a_name_holds_the_hash_of_the_content():
    assets = Assets()
    style = assets.own("style.css")
    assert style.name != "style.css"
    assert assets.find(style.name) is style
    assert assets.find("style.css") is None
    assert assets.find("") is None
    assert Assets().own("style.css").name == style.name, "the same in every process"


def test_marks_come_and_go_and_share_what_is_alike():
    assets = Assets()
    logo = assets.of_mark(Mark(title="first", logo=b"<svg/>")).logo
    assert logo is not None
    for number in range(20):
        again = assets.of_mark(Mark(title=str(number), logo=b"<svg/>", accent=f"#0000{number:02d}"))
        assert again.logo is not None
        assert again.logo.name == logo.name
        assert assets.find(logo.name) is not None
        assert again.accent is not None
        assert assets.find(again.accent.name) is not None
    assert assets.of_mark(Mark()).logo is None


def test_a_logo_keeps_its_type():
    logo = Assets().of_mark(Mark(logo=b"x", logo_type="image/webp")).logo
    assert logo is not None
    assert logo.media_type == "image/webp"
    assert logo.name.endswith(".webp")
