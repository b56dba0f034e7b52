"""axe-core finds nothing on any page: light and dark, wide and on a phone. And nothing needs to be scrolled sideways."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.chromium import Chromium
from tests.gateways import PASSWORD, Gateway
from tests.servers import Redis, free_port, wait_until

EMAIL = "ann@example.com"
VIEWS = [(scheme, size) for scheme in ("light", "dark") for size in ((1280, 900), (390, 844), (320, 640))]


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    """Its application never answers, and one path is denied to everybody."""
    upstream = f"http://127.0.0.1:{free_port()}"
    routes = [
        {"name": "app", "host": "localhost", "path": "/", "upstream": upstream, "access": "login"},
        {"name": "closed", "host": "localhost", "path": "/closed", "upstream": upstream, "access": "deny"},
    ]
    with Gateway({"routes": routes, "mail": {"url": "console:", "from": "no-reply@example.com"}}) as started:
        started.add_user(EMAIL, name="Ann")
        yield started


def log_in(browser: Chromium, gateway: Gateway) -> None:
    browser.driver.get(f"{gateway.url}/_auth/login?next=/_auth/account")
    browser.driver.find_element(By.ID, "email").send_keys(EMAIL)
    browser.driver.find_element(By.ID, "password").send_keys(PASSWORD, Keys.ENTER)
    wait_until(lambda: browser.driver.current_url == f"{gateway.url}/_auth/account", "logged in")


def at_login(browser: Chromium, gateway: Gateway) -> str:
    browser.driver.get(f"{gateway.url}/page")
    return "Log in"


def at_wrong_login(browser: Chromium, gateway: Gateway) -> str:
    browser.driver.get(f"{gateway.url}/page")
    browser.driver.find_element(By.ID, "email").send_keys("somebody@example.com")
    browser.driver.find_element(By.ID, "password").send_keys("x", Keys.ENTER)
    wait_until(lambda: browser.driver.title.startswith("Error: "), "the page with the error")
    return "Log in"


def at_language(browser: Chromium, gateway: Gateway) -> str:
    browser.driver.get(f"{gateway.url}/_auth/login")
    browser.driver.find_element(By.CLASS_NAME, "languages").click()
    return "Language"


def at_login_in_german(browser: Chromium, gateway: Gateway) -> str:
    at_language(browser, gateway)
    browser.driver.find_element(By.CSS_SELECTOR, "button[value=de]").click()
    wait_until(lambda: browser.driver.current_url == f"{gateway.url}/_auth/login", "back at the login page")
    assert browser.driver.find_element(By.CLASS_NAME, "reveal").text == "Anzeigen"
    return "Anmelden"


def at_account(browser: Chromium, gateway: Gateway) -> str:
    log_in(browser, gateway)
    return "Your account"


def at_profile(browser: Chromium, gateway: Gateway) -> str:
    log_in(browser, gateway)
    browser.driver.get(f"{gateway.url}/_auth/account/profile")
    browser.driver.find_element(By.ID, "phone").send_keys("12", Keys.ENTER)
    wait_until(lambda: browser.driver.title.startswith("Error: "), "the page with the error")
    return "Your profile"


def at_password(browser: Chromium, gateway: Gateway) -> str:
    log_in(browser, gateway)
    browser.driver.get(f"{gateway.url}/_auth/account/password")
    for name in ("current_password", "new_password", "new_password_confirm"):
        browser.driver.find_element(By.ID, name).send_keys("short")
    browser.driver.find_element(By.CSS_SELECTOR, "button.primary").click()
    wait_until(lambda: browser.driver.title.startswith("Error: "), "the page with the error")
    return "Change your password"


def at_email(browser: Chromium, gateway: Gateway) -> str:
    """An address waits for its confirmation."""
    log_in(browser, gateway)
    browser.driver.get(f"{gateway.url}/_auth/account/email")
    browser.driver.find_element(By.ID, "email").send_keys("anna@example.org")
    browser.driver.find_element(By.ID, "current_password").send_keys(PASSWORD, Keys.ENTER)
    wait_until(lambda: browser.driver.current_url.endswith("?done=asked"), "the page that says so")
    return "Change your e-mail address"


def at_sessions(browser: Chromium, gateway: Gateway) -> str:
    """Two at least: the first one is not ended, its browser only forgets it."""
    log_in(browser, gateway)
    browser.forget()
    log_in(browser, gateway)
    browser.driver.get(f"{gateway.url}/_auth/account/sessions")
    return "Your sessions"


def at_end_session(browser: Chromium, gateway: Gateway) -> str:
    at_sessions(browser, gateway)
    browser.driver.find_element(By.LINK_TEXT, "End this session").click()
    return "End this session?"


def at_activity(browser: Chromium, gateway: Gateway) -> str:
    log_in(browser, gateway)
    browser.driver.get(f"{gateway.url}/_auth/account/audit")
    return "Activity"


def at_bad_link(browser: Chromium, gateway: Gateway) -> str:
    browser.driver.get(f"{gateway.url}/_auth/account/email/confirm?token=x")
    return "This link does not work"


def at_logout(browser: Chromium, gateway: Gateway) -> str:
    log_in(browser, gateway)
    browser.driver.get(f"{gateway.url}/_auth/logout")
    return "Log out?"


def at_signed_out(browser: Chromium, gateway: Gateway) -> str:
    browser.driver.get(f"{gateway.url}/_auth/signed-out")
    return "You are logged out"


def at_loop(browser: Chromium, gateway: Gateway) -> str:
    log_in(browser, gateway)
    browser.driver.delete_cookie("gw")
    browser.driver.get(f"{gateway.url}/_auth/login")
    return "Your browser did not keep the login"


def at_not_found(browser: Chromium, gateway: Gateway) -> str:
    browser.driver.get(f"{gateway.url}/_auth/nothing")
    return "There is nothing here"


def at_refused(browser: Chromium, gateway: Gateway) -> str:
    log_in(browser, gateway)
    browser.driver.get(f"{gateway.url}/closed")
    return "You cannot open this page"


def at_bad_gateway(browser: Chromium, gateway: Gateway) -> str:
    log_in(browser, gateway)
    browser.driver.get(f"{gateway.url}/page")
    return "The application is not answering"


def at_stale_form(browser: Chromium, gateway: Gateway) -> str:
    browser.driver.get(f"{gateway.url}/_auth/login")
    browser.driver.delete_cookie("gw-csrf")
    browser.driver.find_element(By.ID, "email").send_keys(EMAIL)
    browser.driver.find_element(By.ID, "password").send_keys(PASSWORD, Keys.ENTER)
    wait_until(lambda: browser.driver.title.startswith("Error: "), "the page with the error")
    return "Log in"


def at_not_sent(browser: Chromium, gateway: Gateway) -> str:
    browser.driver.get(f"{gateway.url}/_auth/signed-out")
    browser.driver.execute_script(
        "const form = document.createElement('form'); form.method = 'post'; form.action = '/page'; document.body.append(form); form.submit();"
    )
    wait_until(lambda: browser.driver.current_url == f"{gateway.url}/page", "the form is sent")
    return "Your form was not sent"


PAGES = [
    at_login,
    at_wrong_login,
    at_stale_form,
    at_language,
    at_login_in_german,
    at_account,
    at_profile,
    at_password,
    at_email,
    at_sessions,
    at_end_session,
    at_activity,
    at_bad_link,
    at_logout,
    at_signed_out,
    at_loop,
    at_not_found,
    at_refused,
    at_not_sent,
    at_bad_gateway,
]


@pytest.mark.parametrize("visit", PAGES, ids=lambda page: page.__name__)
def test_nobody_is_shut_out(chromium: Chromium, gateway: Gateway, visit: Callable[[Chromium, Gateway], str]):
    chromium.forget()
    chromium.complaints()
    chromium.size(1280, 900)
    assert_open_to_all(chromium, visit(chromium, gateway))


def test_nor_while_the_store_is_away(chromium: Chromium, start_gateway: Callable[..., Gateway], own_redis: Redis):
    route = {"name": "app", "host": "localhost", "path": "/", "upstream": f"http://127.0.0.1:{free_port()}", "access": "login"}
    gateway = start_gateway({"session": {"store": own_redis.url, "cache": "off"}, "routes": [route]})
    gateway.add_user(EMAIL)
    chromium.forget()
    chromium.complaints()
    chromium.size(1280, 900)
    log_in(chromium, gateway)
    chromium.driver.get(f"{gateway.url}/_auth/logout")
    own_redis.pause()
    try:
        chromium.driver.find_element(By.CSS_SELECTOR, "button").click()
        assert_open_to_all(chromium, "Logged out in this browser only")
        own_redis.resume()
        log_in(chromium, gateway)
        own_redis.pause()
        chromium.driver.get(f"{gateway.url}/page")
        assert_open_to_all(chromium, "Please wait a moment")
    finally:
        own_redis.resume()


def assert_open_to_all(chromium: Chromium, heading: str) -> None:
    """The present page, once it has that heading, in every view."""
    driver = chromium.driver
    wait_until(lambda: driver.execute_script("return document.querySelector('h1')?.textContent.trim()") == heading, f"a page that says {heading!r}")
    for scheme, (width, height) in VIEWS:
        chromium.colours(scheme)
        chromium.size(width, height)
        assert chromium.accessibility() == [], (scheme, width)
        assert driver.execute_script("return document.documentElement.scrollWidth") <= width, "nothing to scroll sideways"
        for control in driver.find_elements(
            By.CSS_SELECTOR, "input:not([type=hidden]):not([type=checkbox]):not([hidden]), button:not(.reveal), .button"
        ):
            assert control.size["height"] >= 44, control.get_attribute("outerHTML")
    assert [line for line in chromium.complaints() if "Failed to load resource" not in line] == []
