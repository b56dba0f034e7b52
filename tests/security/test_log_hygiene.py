"""No secret in any log, at the most talkative level, in either format, whatever goes wrong."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser import Browser
from tests.gateways import PASSWORD, Gateway
from tests.servers import Redis
from tests.upstreams import EchoUpstream


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("stores", ["SQLite and memory", "SQLite and Redis", "PostgreSQL and Redis"])
async def test_a_day_of_a_session_leaves_no_secret(
    start_gateway: Callable[..., Gateway], echo_upstream: EchoUpstream, own_redis: Redis, request: pytest.FixtureRequest, stores: str, form: str
):
    route = {"name": "app", "host": "localhost", "path": "/", "upstream": echo_upstream.url, "access": "login"}
    config: dict[str, Any] = {"log": {"format": form, "level": "debug"}, "routes": [route]}
    if "Redis" in stores:
        config["session"] = {"store": own_redis.url}
    if "PostgreSQL" in stores:
        config["users"] = {"database": request.getfixturevalue("postgres_url")}
        assert Gateway(config).run("db", "upgrade").returncode == 0
    gateway = start_gateway(config)
    gateway.add_user("ann@example.com")
    async with Browser(gateway.url) as browser:
        page = await browser.get("/page?code=query-secret", follow=True)
        page = await browser.submit(page.form, email="ann@example.com", password="wrong-password-secret")
        page = await browser.submit(page.form, email="typed-into-the-wrong-field-secret", password=PASSWORD)
        page = await browser.submit(page.form, email="ann@example.com", password=PASSWORD, follow=True)
        assert page.status == 200, page.text
        cookies = [cookie.value for cookie in browser.cookies]
        await browser.get("/", headers={"Authorization": "Bearer header-secret", "Referer": "http://x/?code=referer-secret"})
        own_redis.stop()
        assert (await browser.get("/")).status == (503 if "Redis" in stores else 200)
        own_redis.start()
        await browser.get("/")
        errors = [await browser.get(path) for path in ("/_auth/none", "/%zz?code=typed-secret")]
        assert [page.status for page in errors] == [404, 400]
    for raw in (b"GET /%zz?a=raw-secret HTTP/1.1\r\nHost: localhost\r\nCookie: gw=raw-secret\r\n\r\n", b"raw-secret\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=5) as connection:
            connection.sendall(raw)
            connection.recv(65536)
    told = gateway.admin("/metrics")[1] + gateway.run("config", "show").stdout + "".join(page.text for page in errors)
    gateway.stop()
    log = gateway.log() + told
    assert log.count("/page") > 0, "there is a log to look at"
    assert re.findall(r"\S*-secret\S*", log) == []
    assert PASSWORD not in log
    assert [value for value in cookies if value[:20] in log] == []
    assert gateway.config["keys"][0]["secret"] not in log
    assert "$argon2" not in log
    assert "Traceback" not in log
