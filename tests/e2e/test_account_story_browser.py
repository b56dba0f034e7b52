"""An account's whole life in two real browsers, with a real mail server, PostgreSQL and Redis, as its owner sees it: with scripts and without."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from selenium.webdriver.common.by import By

from tests.chromium import Chromium
from tests.gateways import Gateway
from tests.mailserver import MailServer, link_in, text_of
from tests.person import Person
from tests.upstreams import EchoUpstream

OLD, NEW = "nora@example.com", "nora.quist@example.org"
FIRST, SECOND, THIRD = "the moon is made of brass", "a heron sleeps on one leg", "seven kettles whistle at dawn"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"


class Owner(Person):
    """Nora at one of her devices; `mail` is her mail program."""

    def __init__(self, browser: Chromium, gateway: Gateway, mail: MailServer) -> None:
        super().__init__(browser, f"{gateway.url}/_auth")
        self.application = f"{gateway.url}/app/report"
        self._mail = mail

    def sees(self, heading: str, *words: str) -> None:
        """What stands on the page."""
        assert self.heading == heading
        for text in words:
            assert text in self.words

    def read(self, email: str, count: int, subject: str) -> str:
        """The link of the newest of `count` letters to that address, which has that subject."""
        letter = self._mail.wait_for(email, count)
        assert letter["Subject"] == subject
        assert "localhost" in text_of(letter)
        return link_in(letter)

    def log_in(self, email: str, password: str) -> None:
        """At the application, which asks for it."""
        self.open(self.application)
        self.sees("Log in")
        self.press(email=email, password=password)

    def is_in(self, email: str) -> None:
        """The application is told who is there."""
        self.open(self.application)
        assert self.driver.current_url == self.application
        assert f'["X-User-Email", "{email}"]' in self.driver.find_element(By.TAG_NAME, "body").text

    def is_out(self) -> None:
        """The application asks for a login."""
        self.open(self.application)
        self.sees("Log in")

    def sessions(self) -> list[str]:
        """What the list of sessions shows, a row each."""
        self.go("/account/sessions")
        return [" ".join(row.text.split()) for row in self.driver.find_elements(By.CSS_SELECTOR, "tbody tr")]

    def filled_in(self) -> list[str | None]:
        """What password managers may put into the fields of the page's form."""
        return [
            field.get_attribute("autocomplete")
            for field in self.driver.find_elements(By.CSS_SELECTOR, "main input:not([type=hidden], [type=checkbox])")
        ]


@contextmanager
def in_use(browser: Chromium, *, scripts: bool) -> Iterator[Chromium]:
    """A browser that has never been here."""
    browser.forget()
    browser.complaints()
    browser.colours("light")
    browser.size(1280, 900)
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not scripts})
    try:
        yield browser
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@pytest.fixture(params=[True, False], ids=["with scripts", "without scripts"])
def scripts(request: pytest.FixtureRequest) -> bool:
    """Whether the browsers run them."""
    return bool(request.param)


@pytest.fixture
def devices(
    scripts: bool,
    chromium: Chromium,
    start_gateway: Callable[..., Gateway],
    mail_server: MailServer,
    echo_upstream: EchoUpstream,
    postgres_url: str,
    redis_url: str,
) -> Iterator[tuple[Owner, Owner]]:
    """A laptop and a phone."""
    config = {
        "session": {"store": redis_url},
        "mail": {"url": mail_server.url, "from": "no-reply@example.com"},
        "users": {"database": postgres_url, "signup": {"enabled": True}, "password": {"argon2": {"memory": "8MiB", "time": 1, "parallelism": 1}}},
        "routes": [{"name": "app", "host": "localhost", "path": "/app", "upstream": echo_upstream.url, "access": "login"}],
    }
    migrating = Gateway(config)
    assert migrating.run("db", "upgrade").returncode == 0
    migrating.close()
    gateway = start_gateway(config)
    with Chromium(arguments=[f"--user-agent={PHONE}"]) as another, in_use(chromium, scripts=scripts), in_use(another, scripts=scripts):
        yield Owner(chromium, gateway, mail_server), Owner(another, gateway, mail_server)


def test_the_life_of_an_account(devices: tuple[Owner, Owner], scripts: bool):
    laptop, phone = devices
    signs_up(laptop)
    is_listed_twice_and_ends_the_other(laptop, phone)
    changes_the_address(laptop, phone)
    changes_the_password(laptop, phone)
    leaves_nothing_behind(laptop)
    forgets_the_password(laptop, phone)
    reads_what_happened(laptop)
    laptop.go("/account/password")
    assert bool(laptop.driver.find_elements(By.CLASS_NAME, "reveal")) is scripts, "the button that shows a password is all that they add"
    for owner in devices:
        assert [line for line in owner.browser.complaints() if "Failed to load resource" not in line] == []


def signs_up(laptop: Owner) -> None:
    laptop.open(laptop.application)
    laptop.follow("Create an account")
    assert laptop.filled_in() == ["username", "name", "new-password", "new-password"]
    laptop.press(email=OLD, name="Nora Quist", password="abababab", password_confirm="abababab")
    laptop.sees("Create an account", "Your account has not been created", "This password repeats the same characters.")
    assert laptop.focused.get_attribute("role") == "alert", "it is read out first"
    laptop.press(password=FIRST, password_confirm=FIRST)
    laptop.sees("Look into your mail", OLD)
    laptop.log_in(OLD, FIRST)
    laptop.sees("Confirm your e-mail address first", "Open the message we sent you")
    laptop.open(laptop.read(OLD, 1, "Confirm your e-mail address"))
    laptop.sees("Confirm your address", OLD)
    laptop.press("Confirm this address")
    laptop.sees("Your account is ready")
    laptop.follow("Log in")
    assert laptop.filled_in() == ["username", "current-password"]
    laptop.press(email=OLD, password=FIRST)
    laptop.sees("Your account", "Nora Quist", OLD)
    laptop.is_in(OLD)


def is_listed_twice_and_ends_the_other(laptop: Owner, phone: Owner) -> None:
    phone.log_in(OLD, FIRST)
    phone.is_in(OLD)
    for owner in (laptop, phone):
        listed = owner.sessions()
        assert len(listed) == 2
        assert sum("This device" in row for row in listed) == 1
    (theirs,) = [row for row in laptop.sessions() if "This device" not in row]
    assert theirs.startswith("Safari (iPhone) 127.0.0.1 ")
    laptop.follow("End this session")
    laptop.sees("End this session?", "Safari (iPhone)")
    phone.is_in(OLD)
    laptop.press("End this session")
    laptop.sees("Your sessions", "That session has ended.")
    phone.is_out()
    laptop.is_in(OLD)
    assert len(laptop.sessions()) == 1


def changes_the_address(laptop: Owner, phone: Owner) -> None:
    laptop.go("/account")
    laptop.follow("E-mail address")
    assert laptop.filled_in() == ["email", "username", "current-password"]
    laptop.press(email=NEW, current_password=FIRST)
    laptop.sees("Change your e-mail address", "We have sent a message to the new address.", OLD, NEW)
    laptop.is_in(OLD)
    laptop.read(OLD, 2, "Your e-mail address is about to change")
    link = phone.read(NEW, 1, "Confirm your new e-mail address")
    phone.open(link)
    phone.sees("Confirm your new e-mail address", NEW)
    phone.press("Use this address")
    phone.sees("Your e-mail address is changed", NEW)
    laptop.is_in(NEW)
    phone.open(link)
    phone.sees("This link does not work", "It was used before", "Ask for a new message")
    phone.log_in(OLD, FIRST)
    phone.sees("Log in", "That e-mail address and password do not belong together.")
    phone.log_in(NEW, FIRST)
    phone.is_in(NEW)


def changes_the_password(laptop: Owner, phone: Owner) -> None:
    laptop.go("/account")
    laptop.follow("Password")
    assert laptop.filled_in() == ["username", "current-password", "new-password", "new-password"]
    laptop.press(current_password=THIRD, new_password=SECOND, new_password_confirm=SECOND)
    laptop.sees("Change your password", "That is not your current password.")
    laptop.press(current_password=FIRST, new_password=SECOND, new_password_confirm=SECOND)
    laptop.sees("Change your password", "Your password is changed. You are logged out on all other devices.")
    laptop.read(NEW, 2, "Your password was changed")
    laptop.is_in(NEW)
    phone.is_out()
    phone.log_in(NEW, FIRST)
    phone.sees("Log in", "That e-mail address and password do not belong together.")
    phone.press(password=SECOND)
    phone.is_in(NEW)


def leaves_nothing_behind(laptop: Owner) -> None:
    """The back button shows nothing of who was here."""
    laptop.go("/account/profile")
    laptop.go("/account")
    laptop.press("Log out")
    laptop.sees("You are logged out")
    for _ in range(2):
        laptop.driver.back()
        laptop.sees("Log in")
        assert NEW not in laptop.driver.page_source
        assert "Quist" not in laptop.driver.page_source


def forgets_the_password(laptop: Owner, phone: Owner) -> None:
    laptop.go("/login")
    laptop.follow("Forgot your password?")
    laptop.press(email=NEW)
    laptop.sees("Look into your mail", NEW)
    link = laptop.read(NEW, 3, "Set a new password")
    laptop.open(link)
    laptop.sees("Set a new password", NEW)
    assert laptop.filled_in() == ["username", "new-password", "new-password"]
    laptop.press(password="nora.quist", password_confirm="nora.quist")
    laptop.sees("Set a new password", "This password is your name or address, or the name of this service.")
    phone.is_in(NEW)
    laptop.press(password=THIRD, password_confirm=THIRD)
    laptop.sees("Your password has been changed", "You are logged out on every device.")
    phone.is_out()
    laptop.open(link)
    laptop.sees("This link does not work")
    laptop.follow("Ask for a new message")
    laptop.sees("Forgot your password?")
    laptop.log_in(NEW, SECOND)
    laptop.sees("Log in", "That e-mail address and password do not belong together.")
    laptop.press(password=THIRD)
    laptop.is_in(NEW)


def reads_what_happened(laptop: Owner) -> None:
    laptop.go("/account")
    laptop.follow("Activity")
    laptop.sees("Activity", "You logged in", "Your password was changed", "Your e-mail address was changed", "A wrong password was entered")
