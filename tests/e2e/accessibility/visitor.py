"""A visitor of every own page: one gateway, one mail server, one browser, and people who are found in every state."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gateway.crypto.passwords import CHEAPEST, Hasher
from tests.chromium import Chromium
from tests.gateways import PASSWORD, Gateway
from tests.mailserver import MailServer, link_in
from tests.messages import catalogue
from tests.person import Person
from tests.servers import Redis, free_port

#: What is typed where a new password is asked for.
CHOSEN = "the moon is made of brass"
LANGUAGES = ("en", "de")
_LONG = "maximiliane.von-hohenlohe-{}@verwaltungsgemeinschaft.example.com"
_FORGETFUL = ("carol", "clara")
_MOVERS = ("bob", "ben", "berta")
#: State of an account → who has it, in each language.
_PEOPLE = {"verified": ("ann", "dave", "sara", *_FORGETFUL, *_MOVERS), "created": ("una",), "expired": ("ed",)}


class Visitor(Person):
    """Whoever begins a visit comes from an address of their own, so that nobody is throttled for what others did."""

    def __init__(self, browser: Chromium, gateway: Gateway, mail: MailServer) -> None:
        super().__init__(browser, f"{gateway.url}/_auth")
        self.gateway = gateway
        self.language = "en"
        self._mail = mail
        self._visits = 0
        self._cookies: dict[str, str] = {}
        self._forgetful = itertools.cycle(_FORGETFUL)
        self._movers = itertools.cycle(_MOVERS)

    def begin(self, language: str = "en") -> None:
        """Somebody who has never been here."""
        self.language = language
        self._visits += 1
        self.browser.forget()
        self.browser.complaints()
        self.browser.colours("light")
        self.browser.size(1280, 900)
        client = f"2001:db8:{self._visits + 4096:x}:5678:9abc:def0:1234:5678"
        self.driver.execute_cdp_cmd("Network.enable", {})
        headers = {"Accept-Language": language, "X-Forwarded-For": client}
        self.driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": headers})

    def leave(self) -> None:
        """The browser is anybody's again."""
        self.driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {}})
        self.browser.forget()

    def said(self, words: str) -> str:
        """`words`, a message of ours, as they stand on the page."""
        return words if self.language == "en" else str(catalogue(self.language)[words].string)

    @property
    def somebody(self) -> str:
        """An address that nobody had before; a long one."""
        return _LONG.format(self._visits)

    def one(self, name: str) -> str:
        """The address of somebody who is known."""
        return _LONG.format(f"{name}-{self.language}")

    def log_in(self, name: str = "ann", *, anew: bool = False) -> None:
        """By the form once, then by the cookie."""
        email = self.one(name)
        if anew or email not in self._cookies:
            self.go("/login?next=/_auth/account")
            self.press(email=email, password=PASSWORD)
            assert self.driver.current_url == f"{self.home}/account"
            self._cookies.setdefault(email, (self.driver.get_cookie("gw") or {})["value"])
        else:
            self.driver.execute_cdp_cmd("Network.setCookie", {"name": "gw", "value": self._cookies[email], "url": self.home})

    def letters(self, email: str) -> int:
        """How many were sent there."""
        return len(self._mail.letters(email))

    def letter(self, email: str, count: int = 1) -> str:
        """Where the button of the newest of `count` letters leads."""
        return link_in(self._mail.wait_for(email, count))

    def signed_up(self) -> str:
        """The link that somebody who has just signed up was sent."""
        self.go("/signup")
        self.press(email=self.somebody, password=CHOSEN, password_confirm=CHOSEN)
        return self.letter(self.somebody)

    def forgotten(self) -> str:
        """The link to a new password. An address gets three letters an hour, so people take turns."""
        email = self.one(next(self._forgetful))
        sent = self.letters(email)
        self.go("/forgot")
        self.press(email=email)
        return self.letter(email, sent + 1)

    def address_asked(self) -> tuple[str, str]:
        """The links that the new and the old address are sent."""
        name = next(self._movers)
        self.log_in(name)
        sent = self.letters(self.one(name))
        self.go("/account/email")
        self.press(self.said("Send the message"), email=self.somebody, current_password=PASSWORD)
        return self.letter(self.somebody), self.letter(self.one(name), sent + 1)


@contextmanager
def visiting(browser: Chromium, redis: Redis, *, require_verification: bool = True) -> Iterator[Visitor]:
    """A visitor of a gateway whose application never answers, and that denies one path to everybody."""
    upstream = f"http://127.0.0.1:{free_port()}"
    with MailServer() as mail:
        signup = {"enabled": True, "require_verification": require_verification}
        config: dict[str, Any] = {
            "server": {"trusted_proxies": ["127.0.0.1"]},
            "session": {"store": redis.url, "cache": "off"},
            "mail": {"url": mail.url, "from": "no-reply@example.com"},
            "users": {"signup": signup, "password": {"argon2": {"memory": "8MiB", "time": 1, "parallelism": 1}}},
            "login": {"allowed_hosts": ["wiki.verwaltungsgemeinschaft.example.com"]},
            "routes": [
                {"name": "app", "host": "localhost", "path": "/", "upstream": upstream, "access": "login"},
                {"name": "closed", "host": "localhost", "path": "/closed", "upstream": upstream, "access": "deny"},
            ],
        }
        with Gateway(config) as gateway:
            people = gateway.folder / "people.jsonl"
            people.write_text("".join(_people()))
            brought = gateway.run("users", "import", str(people))
            assert brought.returncode == 0, brought.stderr
            visitor = Visitor(browser, gateway, mail)
            yield visitor
            visitor.leave()


def _people() -> Iterator[str]:
    hashed = Hasher(CHEAPEST).hash(PASSWORD)
    for state, names in _PEOPLE.items():
        for name in names:
            for language in LANGUAGES:
                told = {
                    "email": _LONG.format(f"{name}-{language}"),
                    "first_name": "Maximiliane Friederike",
                    "last_name": "von Hohenlohe-Langenburg",
                    "groups": ["staff", "verwaltungsgemeinschaft-hohenlohe-langenburg"],
                    "state": state,
                    "password_hash": hashed,
                }
                yield json.dumps(told) + "\n"
