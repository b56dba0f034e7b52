"""axe-core finds nothing on any own page in any state that a person meets: light and dark, wide and on phones, in English and in German. Nothing has
to be scrolled sideways, however long names and words are, and whatever is pressed is large enough for a finger."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from tests.chromium import Chromium
from tests.e2e.accessibility.own_pages import WAYS, Way
from tests.e2e.accessibility.visitor import CHOSEN, LANGUAGES, Visitor, visiting
from tests.servers import Redis

TEMPLATES = Path(__file__).resolve().parents[3] / "gateway/web/templates"
SIZES = ((1280, 900), (390, 844), (320, 640))
#: Another language changes how wide things are, not how they are coloured.
VIEWS = {"en": [(scheme, size) for scheme in ("light", "dark") for size in SIZES], "de": [("light", size) for size in SIZES]}
#: What other templates are made of.
PARTS = {"base.html", "fields.html", "account/layout.html", "account/parts.html"}
#: Seen below, while a store is away or where accounts need no confirmation.
BELOW = {"not_ended.html"}
#: Shown if the store goes away between the two halves of one request: no browser can be brought there for certain.
OUT_OF_REACH = {"account/password_saved.html", "account/ending_later.html"}


@pytest.fixture(scope="module")
def visitor(chromium: Chromium) -> Iterator[Visitor]:
    with Redis() as redis, visiting(chromium, redis) as somebody:
        yield somebody


def test_no_page_is_forgotten():
    pages = {str(file.relative_to(TEMPLATES)) for file in TEMPLATES.rglob("*.html")}
    assert pages - PARTS == {*WAYS, *BELOW, *OUT_OF_REACH}


@pytest.mark.parametrize("way", [way for ways in WAYS.values() for way in ways], ids=lambda way: way.__name__)
@pytest.mark.parametrize("language", LANGUAGES)
def test_nobody_is_shut_out(visitor: Visitor, way: Way, language: str):
    visitor.begin(language)
    assert_open_to_all(visitor, way(visitor))


def test_the_present_page_is_told_from_others_without_our_colours(visitor: Visitor):
    visitor.begin()
    visitor.log_in(anew=True)
    visitor.go("/account/profile")
    visitor.browser.forced_colours()
    marks = {tab.text: tab.value_of_css_property("border-bottom-color") for tab in visitor.driver.find_elements(By.CSS_SELECTOR, "nav a")}
    visitor.browser.colours("light")
    assert len(set(marks.values())) == 2
    assert [words for words, colour in marks.items() if colour == marks["Profile"]] == ["Profile"]


def test_nor_while_the_store_is_away(chromium: Chromium, own_redis: Redis):
    with visiting(chromium, own_redis, require_verification=False) as visitor:
        visitor.begin()
        visitor.go("/signup")
        visitor.press(email=visitor.somebody, password=CHOSEN, password_confirm=CHOSEN)
        assert_open_to_all(visitor, "You can log in now")
        visitor.log_in()
        visitor.go("/logout")
        with paused(own_redis):
            visitor.press()
            assert_open_to_all(visitor, "Logged out in this browser only")
        visitor.log_in(anew=True)
        with paused(own_redis):
            visitor.open(f"{visitor.gateway.url}/page")
            assert_open_to_all(visitor, "Please wait a moment")


@contextmanager
def paused(redis: Redis) -> Iterator[None]:
    """It accepts and does not answer."""
    redis.pause()
    try:
        yield
    finally:
        redis.resume()


def assert_open_to_all(visitor: Visitor, heading: str) -> None:
    """The present page, which has that heading, in every view."""
    assert visitor.heading == visitor.said(heading)
    browser, driver = visitor.browser, visitor.driver
    for scheme, (width, height) in VIEWS[visitor.language]:
        browser.colours(scheme)
        browser.size(width, height)
        assert browser.accessibility() == [], (scheme, width)
        assert driver.execute_script("return document.documentElement.scrollWidth") <= width, f"nothing to scroll sideways at {width}"
        assert driver.execute_script(_SMALL) == [], (scheme, width)
    assert [line for line in browser.complaints() if "Failed to load resource" not in line] == []


#: Controls that are lower than a finger is broad (CSS pixels).
_SMALL = """
const controls = document.querySelectorAll("input:not([type=hidden], [type=checkbox], [hidden]), button:not(.reveal), .button");
return [...controls].filter(one => one.getBoundingClientRect().height < 44).map(one => one.outerHTML);
"""
