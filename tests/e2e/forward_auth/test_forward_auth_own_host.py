"""Without a cookie domain people log in on each application's own host, below /_auth, and the cookie is a `__Host-` one. Behind every proxy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.forward_auth.stage import ANN, APP, NAVIGATION, ask, gateway_of_recipes, log_in_with, visitor
from tests.gateways import Gateway
from tests.proxies import Proxy
from tests.servers import Redis


@pytest.fixture(scope="module")
def gateway(module_redis: Redis) -> Iterator[Gateway]:
    with gateway_of_recipes(module_redis.url, domain=None) as server:
        server.add_user(ANN, groups=["admins"], name="Ann")
        yield server


async def test_the_whole_visit_on_the_applications_own_host(proxy: Proxy):
    async with visitor(proxy) as browser:
        asked = await browser.get("/reports?year=2026&x=a%2Fb")
        assert asked.status == 303
        assert asked.headers["Location"].startswith(f"https://{APP}/_auth/login?next=/reports%3Fyear"), asked.headers["Location"]
        page = await log_in_with(browser, page=f"https://{APP}/reports?year=2026&x=a%2Fb")
        assert page.json()["target"] == "/reports?year=2026&x=a%2Fb"
        assert browser.cookies.refused == []
        session = browser.cookies["__Host-gw"]
        assert (session.host, session.host_only, session.secure, session.http_only) == (APP, True, True, True)
        told = ask(proxy, "/page", *NAVIGATION, cookie=f"a=1; __Host-gw={session.value}")
        assert told.identity["x-user-email"] == ANN
        assert told.told["cookie"] == ["a=1"]
        done = await browser.submit((await browser.get("/_auth/logout")).form, follow=True)
        assert str(done.url) == f"https://{APP}/_auth/signed-out"
        assert (await browser.get("/reports")).status == 303
    assert ask(proxy, "/page", *NAVIGATION, cookie=f"__Host-gw={session.value}").status == 303


async def test_a_browser_that_loses_the_session_cookie_is_told_so_there_too(proxy: Proxy):
    async with visitor(proxy) as browser:
        await log_in_with(browser)
        kept = [cookie for cookie in browser.cookies if cookie.name != "__Host-gw"]
        browser.cookies.clear()
        for cookie in kept:
            browser.cookies.put(cookie)
        page = await browser.get(f"https://{APP}/reports", follow=True)
        assert "cookie" in page.words.lower(), page.words
