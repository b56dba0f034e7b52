"""An outage shuts doors and logs nobody out, behind every proxy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.certificates import Issued
from tests.e2e.forward_auth.stage import NAVIGATION, Application, ask, log_in, upgrade
from tests.gateways import Gateway
from tests.proxies import HaproxyRecipe, Proxy
from tests.servers import Redis, wait_until


@pytest.fixture
def no_redis(module_redis: Redis) -> Iterator[Redis]:
    module_redis.stop()
    yield module_redis
    if module_redis.process is None:
        module_redis.start()


@pytest.fixture
def no_gateway(gateway: Gateway) -> Iterator[Gateway]:
    gateway.stop()
    yield gateway
    if gateway.process is None:
        gateway.start()


async def test_a_store_that_is_away_looks_like_what_it_is(
    proxy: Proxy, application: Application, module_redis: Redis, request: pytest.FixtureRequest
):
    cookie = await log_in(proxy)
    application.heads.clear()
    request.getfixturevalue("no_redis")
    page = ask(proxy, "/reports", *NAVIGATION, cookie=cookie)
    assert (page.status, page.get("retry-after")) == (503, "5")
    assert (page.get("content-type") or "").startswith("text/html")
    assert page.all("set-cookie") == [], "nobody is logged out by an outage"
    assert ask(proxy, "/reports", "Accept: application/json", "Sec-Fetch-Mode: cors", cookie=cookie).status == 503
    connection, head = upgrade(proxy, "/ws/away", f"Cookie: {cookie}")
    connection.close()
    assert head.startswith(b"HTTP/1.1 503"), head
    assert application.heads == []
    assert ask(proxy, "/public/page", *NAVIGATION, cookie=cookie).identity == {}, "public paths go on working"
    assert ask(proxy, "/reports", *NAVIGATION).status == 303, "who has no session can be told so without a store"
    module_redis.start()
    wait_until(lambda: ask(proxy, "/reports", *NAVIGATION, cookie=cookie).status == 303, "the store to be asked again: it was empty")


def test_without_the_gateway_nothing_is_open(proxy: Proxy, application: Application, no_gateway: Gateway):
    for target in ("/reports", "/public/page"):
        page = ask(proxy, target, *NAVIGATION)
        assert 500 <= page.status < 600, page.status
        assert page.all("set-cookie") == []
    connection, head = upgrade(proxy, "/ws/away")
    connection.close()
    assert head.startswith(b"HTTP/1.1 5"), head
    assert ask(proxy, "/_auth/login", *NAVIGATION).status >= 500
    assert application.heads == []
    no_gateway.start()
    wait_until(lambda: ask(proxy, "/public/page", *NAVIGATION).status == 200, "the proxy to find the gateway again")


@pytest.mark.parametrize("fault", ['error("broken")', "nothing()", "({})[0].status"])
def test_a_script_that_fails_lets_nobody_in(gateway: Gateway, application: Application, site_certificate: Issued, fault: str):
    """HAProxy goes on with a request after an action in Lua that failed."""
    with HaproxyRecipe(
        gateway.port, application.port, site_certificate, spoiled={"local answer = ask(txn, url)": f"local answer = {fault}"}
    ) as proxy:
        assert ask(proxy, "/reports", *NAVIGATION).status == 503
        assert ask(proxy, "/public/page", *NAVIGATION).status == 503
    assert application.heads == []
