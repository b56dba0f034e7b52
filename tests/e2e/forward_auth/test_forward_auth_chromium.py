"""A real Chromium behind nginx and Traefik: open the application, log in, be back where one wanted to go, be renewed, log out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium.webdriver.common.by import By

from tests.certificates import Issued
from tests.chromium import Chromium
from tests.e2e.forward_auth.stage import ANN, APP, AUTH, PROXIES, Application, gateway_of_recipes
from tests.gateways import PASSWORD, Gateway
from tests.proxies import Proxy
from tests.servers import Redis, wait_until


@pytest.fixture(scope="module")
def gateway(module_redis: Redis) -> Iterator[Gateway]:
    """Renewal is due a second after the last one."""
    with gateway_of_recipes(module_redis.url, rotate_every="1s") as server:
        server.add_user(ANN, name="Ann")
        yield server


@pytest.fixture(scope="module", params=["nginx", "traefik"])
def proxy(request: pytest.FixtureRequest, gateway: Gateway, application: Application, site_certificate: Issued) -> Iterator[Proxy]:
    with PROXIES[request.param](gateway.port, application.port, site_certificate) as server:
        yield server


@pytest.fixture
def window(proxy: Proxy) -> Iterator[Chromium]:
    """A browser for which both hosts' port 443 is the proxy."""
    with Chromium(hosts=[f"MAP {host}:443 127.0.0.1:{proxy.port}" for host in (APP, AUTH)], trust_any_certificate=True) as browser:
        yield browser


def session_cookie(window: Chromium) -> str | None:
    found = window.driver.get_cookie("__Secure-gw")
    return None if found is None else str(found["value"])


def test_a_visit_in_a_real_browser(window: Chromium, application: Application):
    driver = window.driver
    wanted = f"https://{APP}/reports?year=2026&part=a%2Fb"
    driver.get(wanted)
    assert driver.current_url.startswith(f"https://{AUTH}/_auth/login?next=")
    driver.find_element(By.NAME, "email").send_keys(ANN)
    driver.find_element(By.NAME, "password").send_keys(PASSWORD)
    driver.find_element(By.CSS_SELECTOR, "main form [type=submit], form [type=submit]").click()
    wait_until(lambda: driver.current_url == wanted, "the page that was wanted")
    assert "ann@example.com" in driver.page_source
    first = session_cookie(window)
    assert first is not None

    def renewed() -> bool:
        driver.get(wanted)
        return session_cookie(window) not in (None, first)

    wait_until(renewed, "a renewed cookie in the browser")
    for name in ("theme", "cart"):
        driver.add_cookie({"name": name, "value": "own"})
    driver.get(wanted)
    assert "ann@example.com" in driver.page_source
    seen = application.saw("/reports")[-1].all("cookie")  # over HTTP/2 a browser sends each cookie in a field of its own
    assert sorted(part.strip() for part in ";".join(seen).split(";")) == ["cart=own", "theme=own"], "and never the gateway's"

    driver.get(f"https://{APP}/_auth/logout")
    driver.find_element(By.CSS_SELECTOR, "form [type=submit]").click()
    wait_until(lambda: driver.current_url.endswith("/_auth/signed-out"), "the page that says so")
    assert session_cookie(window) is None
    driver.get(wanted)
    assert driver.current_url.startswith(f"https://{AUTH}/_auth/login?next=")
