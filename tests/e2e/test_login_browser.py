"""A real Chromium before a real gateway: logging in and out, with the keyboard only, without JavaScript, and over two hosts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from tests.chromium import Chromium
from tests.gateways import PASSWORD, Gateway
from tests.servers import free_port, wait_until
from tests.upstreams import EchoUpstream

EMAIL = "ann@example.com"


@pytest.fixture(scope="module")
def application() -> Iterator[EchoUpstream]:
    with EchoUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def gateway(application: EchoUpstream) -> Iterator[Gateway]:
    """An application at every name, on the gateway's own port."""
    with ExitStack() as running:
        route = {"name": "app", "host": "*", "path": "/", "upstream": application.url, "access": "login"}
        started = running.enter_context(Gateway({"routes": [route]}))
        started.add_user(EMAIL, name="Ann")
        yield started


@pytest.fixture
def browser(chromium: Chromium) -> Chromium:
    """Nobody has been here before."""
    chromium.forget()
    chromium.complaints()
    chromium.colours("light")
    chromium.size(1280, 900)
    return chromium


def press(browser: Chromium, *keys: str) -> None:
    """Type on the keyboard, wherever the focus is."""
    ActionChains(browser.driver).send_keys(*keys).perform()


def focused(browser: Chromium) -> WebElement:
    return browser.driver.switch_to.active_element


def tab_to(browser: Chromium, found: Callable[[WebElement], bool], most: int = 20) -> WebElement:
    """Press Tab until the focus is on what is looked for."""
    for _ in range(most):
        press(browser, Keys.TAB)
        if found(focused(browser)):
            return focused(browser)
    raise AssertionError("the keyboard does not get there")


def wait_for(browser: Chromium, address: str) -> None:
    wait_until(lambda: browser.driver.current_url == address, f"{address}, not {browser.driver.current_url}")


def wait_for_heading(browser: Chromium, words: str) -> None:
    def headings() -> list[str]:
        return [str(text) for text in browser.driver.execute_script("return [...document.querySelectorAll('h1')].map(one => one.textContent.trim())")]

    wait_until(lambda: headings() == [words], f"a page that says {words!r}")


def told(browser: Chromium) -> dict[str, str]:
    """The headers that the application was sent."""
    body = json.loads(browser.driver.find_element(By.TAG_NAME, "body").text)
    return {name.lower(): value for name, value in body["headers"]}


def test_log_in_and_out_with_the_keyboard_only(browser: Chromium, gateway: Gateway):
    driver = browser.driver
    driver.get(f"{gateway.url}/report?year=2026")
    assert driver.current_url == f"{gateway.url}/_auth/login?next=/report%3Fyear%3D2026"
    assert focused(browser).get_attribute("id") == "email", "one can type at once"
    press(browser, EMAIL, Keys.TAB, PASSWORD)
    assert focused(browser).get_attribute("id") == "password"
    tab_to(browser, lambda element: element.get_attribute("class") == "reveal")
    press(browser, Keys.SPACE)
    assert driver.find_element(By.ID, "password").get_attribute("type") == "text"
    press(browser, Keys.SPACE)
    tab_to(browser, lambda element: element.get_attribute("id") == "remember")
    press(browser, Keys.SPACE)
    assert driver.find_element(By.ID, "remember").is_selected()
    tab_to(browser, lambda element: element.get_attribute("type") == "submit")
    press(browser, Keys.ENTER)
    wait_for(browser, f"{gateway.url}/report?year=2026")
    assert told(browser)["x-user-email"] == EMAIL
    cookie = driver.get_cookie("gw")
    assert cookie is not None
    assert cookie["httpOnly"] is True
    assert "expiry" in cookie, "remembered"
    assert "gw" not in told(browser).get("cookie", "")

    driver.get(f"{gateway.url}/_auth/logout")
    assert EMAIL in driver.find_element(By.TAG_NAME, "main").text
    assert focused(browser).text == "Log out"
    press(browser, Keys.ENTER)
    wait_for_heading(browser, "You are logged out")
    assert driver.get_cookie("gw") is None
    driver.get(f"{gateway.url}/report")
    wait_for_heading(browser, "Log in")
    assert [line for line in browser.complaints() if "Failed to load resource" not in line] == []


def test_a_wrong_password_puts_the_focus_where_the_help_is(browser: Chromium, gateway: Gateway):
    browser.driver.get(f"{gateway.url}/")
    press(browser, EMAIL, Keys.TAB, "not this one", Keys.ENTER)
    wait_until(lambda: browser.driver.title.startswith("Error: "), "the page with the error")
    assert focused(browser).get_attribute("role") == "alert"
    press(browser, Keys.TAB)
    assert focused(browser).tag_name == "a"
    press(browser, Keys.ENTER)
    assert focused(browser).get_attribute("id") == "email"
    assert focused(browser).get_attribute("value") == EMAIL
    assert browser.driver.find_element(By.ID, focused(browser).get_attribute("aria-describedby") or "").is_displayed()
    press(browser, Keys.TAB, PASSWORD, Keys.ENTER)
    wait_for(browser, f"{gateway.url}/")
    assert told(browser)["x-user-email"] == EMAIL


def test_everything_works_without_javascript(browser: Chromium, gateway: Gateway):
    driver = browser.driver
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        driver.get(f"{gateway.url}/plain")
        assert driver.find_elements(By.CLASS_NAME, "reveal") == []
        driver.find_element(By.ID, "email").send_keys(EMAIL)
        driver.find_element(By.ID, "password").send_keys(PASSWORD, Keys.ENTER)
        wait_for(browser, f"{gateway.url}/plain")
        driver.get(f"{gateway.url}/_auth/logout")
        driver.find_element(By.CSS_SELECTOR, "button").click()
        wait_until(lambda: driver.current_url.endswith("/_auth/signed-out"), "logged out")
    finally:
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_one_login_for_two_hosts(browser: Chromium, application: EchoUpstream, start_gateway: Callable[..., Gateway]):
    """The form's answer leads to another host: a Content-Security-Policy that is too strict would strand people here, in Chromium only."""
    port = free_port()
    config: dict[str, Any] = {
        "server": {"listen": f"127.0.0.1:{port}", "public_url": f"http://auth.gw.test:{port}"},
        "session": {"cookie": {"domain": "gw.test", "secure": False}},
        "routes": [{"name": "wiki", "host": "wiki.gw.test", "path": "/", "upstream": application.url, "access": "login"}],
    }
    gateway = start_gateway(config)
    gateway.add_user(EMAIL)
    browser.driver.get(f"http://wiki.gw.test:{port}/page?a=b")
    assert browser.driver.current_url.startswith(f"http://auth.gw.test:{port}/_auth/login?next=")
    assert "wiki.gw.test" in browser.driver.find_element(By.TAG_NAME, "main").text
    press(browser, EMAIL, Keys.TAB, PASSWORD, Keys.ENTER)
    wait_for(browser, f"http://wiki.gw.test:{port}/page?a=b")
    assert told(browser)["x-user-email"] == EMAIL
    browser.driver.get(f"http://auth.gw.test:{port}/_auth/account")
    wait_for_heading(browser, "Your account")
    browser.driver.find_element(By.CSS_SELECTOR, "button").click()
    wait_for_heading(browser, "You are logged out")
    browser.driver.get(f"http://wiki.gw.test:{port}/page")
    wait_for_heading(browser, "Log in")
