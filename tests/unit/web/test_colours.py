"""An operator's accent can be read on every page."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.web.pages.colours import (
    BLACK,
    DARK_PAGE,
    FOR_SHAPES,
    FOR_TEXT,
    LIGHT_PAGE,
    WHITE,
    Colour,
    accent_sheet,
    contrast,
    parse_colour,
    readable,
    text_on,
)

colours = st.builds(Colour, *[st.integers(0, 255)] * 3)


def test_contrast_is_what_wcag_says():
    assert contrast(BLACK, WHITE) == pytest.approx(21)
    assert contrast(WHITE, WHITE) == pytest.approx(1)
    assert contrast(Colour(0x76, 0x76, 0x76), WHITE) == pytest.approx(4.54, abs=0.01)


@given(colours)
def test_every_accent_becomes_readable(colour: Colour):
    for page in (LIGHT_PAGE, DARK_PAGE):
        assert contrast(readable(colour, page), page) >= FOR_TEXT
        button = readable(colour, page, FOR_SHAPES)
        assert contrast(button, page) >= FOR_SHAPES
        assert contrast(text_on(button), button) >= FOR_TEXT


def test_a_good_accent_stays_as_it_is():
    assert readable(parse_colour("#2557d6"), LIGHT_PAGE) == parse_colour("#2557d6")
    assert "--accent:#2557d6;--accent-text:#ffffff;--link:#2557d6" in accent_sheet("#2557d6")


@pytest.mark.parametrize("text", ["", "red", "#fff", "#12345g", "#1234567", "}body{x:y"])
def test_anything_else_is_no_colour(text: str):
    with pytest.raises(ValueError):
        accent_sheet(text)
