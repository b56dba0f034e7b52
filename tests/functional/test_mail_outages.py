"""No page waits for a mail server: while it hangs, everything answers; its letters arrive when it is back, also after a restart of the gateway.

A page that waited would wait for ten seconds: these tests ask for so many pages that they would not end in their time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser import Browser, Page
from tests.gateways import Gateway
from tests.mailserver import MailServer, Mood, link_in, text_of
from tests.servers import wait_until

PEOPLE = [f"user{number}@example.com" for number in range(8)]
NEW_PASSWORD = "seven clouds over a quiet harbour"


@pytest.fixture(params=["sqlite", "postgresql"])
def gateway(request: pytest.FixtureRequest, start_gateway: Callable[..., Gateway], mail_server: MailServer) -> Gateway:
    """With eight people. SQLite and memory; or PostgreSQL and Redis, and two workers that share the outbox."""
    config: dict[str, Any] = {
        "mail": {"url": mail_server.url, "from": "Example <no-reply@example.com>"},
        "users": {"password": {"argon2": {"memory": "64KiB", "time": 1, "parallelism": 1}}},
    }
    if request.param == "postgresql":
        config["users"]["database"] = request.getfixturevalue("postgres_url")
        config["session"] = {"store": request.getfixturevalue("redis_url")}
        config["server"] = {"workers": 2}
        assert Gateway(config).run("db", "upgrade").returncode == 0
    started = start_gateway(config)
    done = started.run("users", "import", "-", stdin="".join(json.dumps({"email": email}) + "\n" for email in PEOPLE))
    assert done.returncode == 0, done.stderr
    return started


async def ask(browser: Browser, gateway: Gateway, email: str) -> Page:
    page = await browser.get(f"{gateway.url}/_auth/forgot")
    answer = await browser.submit(page.form, email=email)
    assert answer.status == 200
    assert "Look into your mail" in answer.text
    return answer


def counted(gateway: Gateway, outcome: str) -> int:
    found = re.search(rf'^gateway_mail_total{{outcome="{outcome}"}} (\S+)$', gateway.admin("/metrics")[1], re.MULTILINE)
    assert found
    return int(float(found[1]))


async def test_while_the_mail_server_hangs_pages_answer_and_mail_arrives_after_it_and_after_a_restart(
    gateway: Gateway, mail_server: MailServer, browser: Browser
):
    mail_server.pause()
    for email in PEOPLE:
        await ask(browser, gateway, email)
    assert (await browser.get(f"{gateway.url}/_auth/login")).status == 200
    gateway.restart()
    assert counted(gateway, "sent") == 0
    mail_server.resume()
    for email in PEOPLE:
        mail_server.wait_for(email, seconds=45)
    assert len(mail_server.letters()) == len(PEOPLE), "each once"

    page = await browser.get(link_in(mail_server.letters(PEOPLE[0])[0]))
    assert page.status == 200
    done = await browser.submit(page.form, follow=True, password=NEW_PASSWORD, password_confirm=NEW_PASSWORD)
    assert done.status == 200
    assert "password" in text_of(mail_server.wait_for(PEOPLE[0], count=2))


@pytest.mark.parametrize("mood", [Mood.LATER, Mood.DROP])
async def test_what_was_not_taken_is_tried_again(start_gateway: Callable[..., Gateway], mail_server: MailServer, browser: Browser, mood: Mood):
    mail_server.mood = mood
    gateway = start_gateway({"mail": {"url": mail_server.url, "from": "no-reply@example.com"}})
    gateway.add_user("ann@example.com")
    await ask(browser, gateway, "ann@example.com")
    wait_until(lambda: mail_server.asked == 1, "the first try")
    mail_server.mood = Mood.TAKE
    mail_server.wait_for("ann@example.com")
    wait_until(lambda: counted(gateway, "sent") == 1, "its count")
    assert (counted(gateway, "posted"), counted(gateway, "postponed")) == (1, 1)


async def test_what_is_given_up_is_told_without_its_words(start_gateway: Callable[..., Gateway], mail_server: MailServer, browser: Browser):
    mail_server.mood = Mood.NEVER
    gateway = start_gateway({"mail": {"url": mail_server.url, "from": "no-reply@example.com"}, "log": {"level": "debug"}})
    gateway.add_user("ann@example.com")
    await ask(browser, gateway, "ann@example.com")
    wait_until(lambda: "mail:dead" in gateway.log(), "the audit line")
    (line,) = [line for line in gateway.log_lines() if line.get("audit") == "mail:dead"]
    assert line["reason"] == "the server refused the recipient (550 5.1.1)"
    assert counted(gateway, "dead") == 1
    assert "token=" not in gateway.log()
    assert "/reset" not in gateway.log()


async def test_other_ways_out(start_gateway: Callable[..., Gateway], browser: Browser):
    gateway = start_gateway({"mail": {"url": "spool:letters", "from": "no-reply@example.com"}})
    gateway.add_user("ann@example.com")
    await ask(browser, gateway, "ann@example.com")
    wait_until(lambda: list((gateway.folder / "letters").glob("*.eml")), "the letter's file")
    gateway.configure({"mail": {"url": "console:"}})
    gateway.reload()
    wait_until(lambda: "config:reload" in gateway.log(), "the reload")
    await ask(browser, gateway, "ann@example.com")
    wait_until(lambda: "to ann@example.com: Set a new password" in gateway.log(), "the letter on the console")
