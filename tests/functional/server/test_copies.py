"""Copies of sessions as an operator meets them: on by default, told by metrics, and no failure where Redis cannot track."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.browser import Browser
from tests.gateways import PASSWORD, Gateway
from tests.redises import Cluster, Watched
from tests.servers import Redis, wait_until
from tests.upstreams import EchoUpstream

Start = Callable[..., Gateway]


def number(gateway: Gateway, name: str, **labels: str) -> float:
    families = text_string_to_metric_families(gateway.admin("/metrics")[1])
    return next(sample.value for family in families for sample in family.samples if sample.name == name and sample.labels == labels)


def state(gateway: Gateway) -> str:
    return next(name for name in ("off", "good", "lost", "refused") if number(gateway, "gateway_session_tracking", state=name) == 1)


def events(gateway: Gateway) -> dict[str, int]:
    return {name: int(number(gateway, "gateway_session_copies_total", event=name)) for name in ("hit", "miss", "invalidation", "flush")}


def warnings(gateway: Gateway) -> list[str]:
    return [line["message"] for line in gateway.log_lines() if line.get("level") == "warning" and "session.cache" in line["message"]]


async def login(browser: Browser, gateway: Gateway) -> None:
    """Ann logs in, and is where she wanted to be."""
    page = await browser.get(f"{gateway.url}/app", follow=True)
    page = await browser.submit(page.form, email="ann@example.com", password=PASSWORD, follow=True)
    assert page.status == 200, page.words


def routes(upstream: EchoUpstream) -> list[dict[str, object]]:
    return [{"name": "app", "host": "*", "path": "/app", "upstream": upstream.url, "access": "login"}]


async def test_a_session_in_use_is_served_from_a_copy_by_default(
    start_gateway: Start, redis_url: str, echo_upstream: EchoUpstream, browser: Browser
) -> None:
    gateway = start_gateway({"routes": routes(echo_upstream), "session": {"store": redis_url, "cache_lease": "10s"}})
    wait_until(lambda: state(gateway) == "good", "tracking")
    gateway.add_user("ann@example.com")
    await login(browser, gateway)

    async def served() -> bool:
        before = events(gateway)
        assert (await browser.get(f"{gateway.url}/app")).status == 200
        after = events(gateway)
        return after["hit"] > before["hit"] and after["miss"] == before["miss"]

    while not await served():  # the pushes of what the login wrote have to pass first
        pass
    assert number(gateway, "gateway_session_copies_kept") == 1
    assert 1000 < number(gateway, "gateway_session_copies_bytes") < 5000
    told = events(gateway)["invalidation"]
    assert gateway.run("sessions", "revoke", "--all").returncode == 0
    assert (await browser.get(f"{gateway.url}/app")).status == 303
    assert events(gateway)["invalidation"] > told
    assert number(gateway, "gateway_session_copies_kept") == 0


async def test_off_reads_the_store_for_every_request(start_gateway: Start, redis_url: str, echo_upstream: EchoUpstream, browser: Browser) -> None:
    gateway = start_gateway({"routes": routes(echo_upstream), "session": {"store": redis_url, "cache": "off"}})
    gateway.add_user("ann@example.com")
    await login(browser, gateway)
    for _ in range(3):
        assert (await browser.get(f"{gateway.url}/app")).status == 200
    assert state(gateway) == "off"
    assert set(events(gateway).values()) == {0}


@pytest.mark.parametrize("servers", [Cluster, Watched])
async def test_a_cluster_and_sentinels_serve_from_copies_too(
    start_gateway: Start, echo_upstream: EchoUpstream, browser: Browser, servers: type[Cluster] | type[Watched]
) -> None:
    with servers() as running:
        gateway = start_gateway({"routes": routes(echo_upstream), "session": {"store": running.url, "cache_lease": "5s"}})
        wait_until(lambda: state(gateway) == "good", "tracking")
        gateway.add_user("ann@example.com")
        await login(browser, gateway)
        while events(gateway)["hit"] == 0:
            assert (await browser.get(f"{gateway.url}/app")).status == 200
        listed = gateway.run("sessions", "list", "--json")
        assert "ann@example.com" in listed.stdout, listed.stderr
        assert gateway.run("sessions", "revoke", "--user", "ann@example.com").returncode == 0
        assert (await browser.get(f"{gateway.url}/app")).status == 303
        gateway.stop()


def test_memory_needs_no_tracking_and_says_nothing(start_gateway: Start) -> None:
    gateway = start_gateway({})
    assert state(gateway) == "off"
    assert warnings(gateway) == []


async def test_a_user_who_may_not_track_is_served_from_the_store(start_gateway: Start, echo_upstream: EchoUpstream, browser: Browser) -> None:
    with Redis(acl=["user app on >secret ~gw:* resetchannels +@all -client"]) as server:
        store = f"redis://app:secret@127.0.0.1:{server.port}/0"
        gateway = start_gateway({"routes": routes(echo_upstream), "session": {"store": store}})
        wait_until(lambda: state(gateway) == "refused", "a refusal")
        gateway.add_user("ann@example.com")
        await login(browser, gateway)
        assert (await browser.get(f"{gateway.url}/app")).status == 200
        [said] = warnings(gateway)
        assert "CLIENT" in said
        assert events(gateway)["hit"] == 0
        assert number(gateway, "gateway_session_copies_kept") == 0
        gateway.stop()
