"""Signing up, verifying and a forgotten password in Chromium, with a real mail server: pages that everybody can use, and a story by keyboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.chromium import Chromium
from tests.e2e.test_accessibility import assert_open_to_all
from tests.gateways import PASSWORD, Gateway
from tests.mailserver import MailServer, link_in
from tests.servers import wait_until

CHOSEN = "the moon is made of brass"


class Stage(NamedTuple):
    gateway: Gateway
    mail: MailServer

    def letters(self, email: str) -> int:
        return len(self.mail.letters(email))


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with MailServer() as mail:
        config = {"mail": {"url": mail.url, "from": "no-reply@example.com"}, "users": {"signup": {"enabled": True}}}
        with Gateway(config) as gateway:
            gateway.add_user("ann@example.com")
            yield Stage(gateway, mail)


def go(browser: Chromium, stage: Stage, path: str) -> None:
    browser.driver.get(f"{stage.gateway.url}/_auth{path}")


def fill(browser: Chromium, **fields: str) -> None:
    """Type into the fields and press Enter in the last."""
    for name, text in fields.items():
        browser.driver.find_element(By.ID, name).send_keys(text)
    browser.driver.switch_to.active_element.send_keys(Keys.ENTER)


def heading(browser: Chromium, words: str) -> None:
    script = "return document.querySelector('h1')?.textContent.trim()"
    wait_until(lambda: browser.driver.execute_script(script) == words, f"a page that says {words!r}")


def at_signup(browser: Chromium, stage: Stage) -> str:
    go(browser, stage, "/signup")
    fill(browser, email="nora@example.com", password="abababab", password_confirm="other")
    wait_until(lambda: browser.driver.title.startswith("Error: "), "the page with the errors")
    return "Create an account"


def at_sent(browser: Chromium, stage: Stage) -> str:
    go(browser, stage, "/signup")
    fill(browser, email="nora@example.com", password=CHOSEN, password_confirm=CHOSEN)
    return "Look into your mail"


def at_another_browser(browser: Chromium, stage: Stage) -> str:
    before = stage.letters("olga@example.com")
    go(browser, stage, "/signup")
    fill(browser, email="olga@example.com", password=CHOSEN, password_confirm=CHOSEN)
    link = link_in(stage.mail.wait_for("olga@example.com", before + 1))
    browser.driver.delete_all_cookies()
    browser.driver.get(link)
    return "Confirm your address"


def at_code(browser: Chromium, stage: Stage) -> str:
    go(browser, stage, "/verify")
    fill(browser, email="nora@example.com", token="123")
    wait_until(lambda: browser.driver.title.startswith("Error: "), "the page with the errors")
    return "Confirm your address"


def at_resend(browser: Chromium, stage: Stage) -> str:
    go(browser, stage, "/verify/resend")
    return "Send the message once more"


def at_forgot(browser: Chromium, stage: Stage) -> str:
    go(browser, stage, "/forgot")
    return "Forgot your password?"


def at_reset_by_code(browser: Chromium, stage: Stage) -> str:
    go(browser, stage, "/reset")
    return "Set a new password"


def at_bad_link(browser: Chromium, stage: Stage) -> str:
    go(browser, stage, "/reset?token=x")
    return "This link does not work"


PAGES = [at_signup, at_sent, at_another_browser, at_code, at_resend, at_forgot, at_reset_by_code, at_bad_link]


@pytest.mark.parametrize("visit", PAGES, ids=lambda page: page.__name__)
def test_nobody_is_shut_out_from_an_account(chromium: Chromium, stage: Stage, visit: Callable[[Chromium, Stage], str]):
    chromium.forget()
    chromium.complaints()
    chromium.size(1280, 900)
    assert_open_to_all(chromium, visit(chromium, stage))


def test_a_person_signs_up_forgets_the_password_and_sets_it_anew(chromium: Chromium, stage: Stage):
    chromium.forget()
    chromium.size(1280, 900)
    go(chromium, stage, "/login")
    chromium.driver.find_element(By.LINK_TEXT, "Create an account").click()
    heading(chromium, "Create an account")
    fill(chromium, email="paula@example.com", password=CHOSEN, password_confirm=CHOSEN)
    heading(chromium, "Look into your mail")
    chromium.driver.get(link_in(stage.mail.wait_for("paula@example.com")))
    chromium.driver.find_element(By.CSS_SELECTOR, "button.primary").click()
    heading(chromium, "Your account is ready")
    go(chromium, stage, "/forgot")
    fill(chromium, email="paula@example.com")
    heading(chromium, "Look into your mail")
    chromium.driver.get(link_in(stage.mail.wait_for("paula@example.com", 2)))
    fill(chromium, password=PASSWORD, password_confirm=PASSWORD)
    heading(chromium, "Your password has been changed")
    go(chromium, stage, "/login?next=/_auth/account")
    fill(chromium, email="paula@example.com", password=PASSWORD)
    wait_until(lambda: chromium.driver.current_url == f"{stage.gateway.url}/_auth/account", "logged in")
