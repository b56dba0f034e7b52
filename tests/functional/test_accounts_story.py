"""A person's life with the gateway as it is run: sign up, confirm, log in, forget the password, set it anew; with a real mail server."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.browser import Browser
from tests.gateways import Gateway
from tests.mailserver import MailServer, code_in, link_in

EMAIL = "nora@example.com"
CHOSEN = "the moon is made of brass"
NEXT = "a heron sleeps on one leg"


@pytest.mark.parametrize("stores", ["SQLite and memory", "PostgreSQL and Redis"])
async def test_from_signing_up_to_a_new_password(browser: Browser, stores: str, request: pytest.FixtureRequest):
    with MailServer() as server:
        config: dict[str, Any] = {"mail": {"url": server.url, "from": "gateway@example.com"}, "users": {"signup": {"enabled": True}}}
        if stores != "SQLite and memory":
            config["users"]["database"] = request.getfixturevalue("postgres_url")
            config["session"] = {"store": request.getfixturevalue("redis_url")}
        gateway = Gateway(config)
        assert gateway.run("db", "upgrade").returncode == 0
        with gateway:
            base = f"{gateway.url}/_auth"

            async def log_in(password: str) -> int:
                page = await browser.get(f"{base}/login")
                return (await browser.submit(page.form_to("/login"), email=EMAIL, password=password)).status

            page = await browser.get(f"{base}/login")
            page = await browser.get(page.link("Create an account"))
            page = await browser.submit(page.form, email=EMAIL, name="Nora", password=CHOSEN, password_confirm=CHOSEN)
            assert "Look into your mail" in page.words
            page = await browser.submit(page.form_to("/verify"), token=code_in(server.wait_for(EMAIL)))
            assert "Your account is ready" in page.words
            assert await log_in(CHOSEN) == 303
            assert (await browser.get(f"{base}/session")).json()["user"]["email"] == EMAIL
            async with Browser() as other:
                page = await other.get(f"{base}/forgot")
                await other.submit(page.form, email=EMAIL)
                link = link_in(server.wait_for(EMAIL, 2))
                page = await other.get(link)
                page = await other.submit(page.form, password=NEXT, password_confirm=NEXT)
                assert "Your password has been changed" in page.words
            server.wait_for(EMAIL, 3)
            assert (await browser.get(f"{base}/session")).status == 401, "its sessions have ended"
            assert await log_in(CHOSEN) == 401
            assert await log_in(NEXT) == 303
            secrets = (CHOSEN, NEXT, urlsplit(link).query.partition("=")[2])
        assert [secret for secret in secrets if secret in gateway.log()] == [], "nothing that opens anything is in the log"
