"""A person in front of Chromium: goes to pages, types into fields, presses buttons, follows links, and reads what stands there.

Fields are found by their labels' `for`, buttons and links by their words where a test gives some: in another language by what they are for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.chromium import Chromium
from tests.servers import wait_until

#: The button that a page is for.
_CHIEF = "main button[type=submit]"


class Person:
    """`home` is the address of the gateway's own pages: public_url and prefix."""

    def __init__(self, browser: Chromium, home: str) -> None:
        self.browser = browser
        self.driver = browser.driver
        self.home = home

    def go(self, path: str) -> None:
        """To an own page."""
        self.driver.get(self.home + path)

    def open(self, url: str) -> None:
        """What stands in a letter or in the line of addresses."""
        self.driver.get(url)

    def type(self, **fields: str) -> None:
        """Put words into the fields with these ids, in place of what is there."""
        for name, text in fields.items():
            field = self.driver.find_element(By.ID, name)
            field.clear()
            field.send_keys(text)

    def press(self, words: str | None = None, *, unchecked: bool = False, **fields: str) -> None:
        """Type, and press the button that reads `words`, by default the one that the page is for. `unchecked`: the browser does not look first
        whether all fields are filled in."""
        self.type(**fields)
        if unchecked:
            self.driver.execute_script("for (const form of document.forms) form.noValidate = true")
        buttons = self.driver.find_elements(By.CSS_SELECTOR, _CHIEF)
        with self._next_page():
            next(button for button in buttons if words is None or button.text == words).click()

    def click(self, selector: str) -> None:
        """What leads to another page and has no words to find it by."""
        with self._next_page():
            self.driver.find_element(By.CSS_SELECTOR, selector).click()

    def follow(self, words: str) -> None:
        """The link that reads `words`."""
        with self._next_page():
            self.driver.find_element(By.LINK_TEXT, words).click()

    @property
    def heading(self) -> str:
        """What the page is about."""
        (heading,) = self.driver.find_elements(By.TAG_NAME, "h1")
        return heading.text

    @property
    def words(self) -> str:
        """What the page says, white space folded."""
        return " ".join(self.driver.find_element(By.TAG_NAME, "main").text.split())

    @property
    def focused(self) -> WebElement:
        """Where typing goes."""
        return self.driver.switch_to.active_element

    @contextmanager
    def _next_page(self) -> Iterator[None]:
        """Return once another document has come. The present one is marked: asking for elements of one that has gone is not safe in chromedriver."""
        self.driver.execute_script("window.present = true")
        yield
        wait_until(lambda: self.driver.execute_script("return !window.present && document.readyState == 'complete'"), "the next page")
