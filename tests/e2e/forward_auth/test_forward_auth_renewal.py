"""A renewed session cookie reaches the browser, once and beside the application's own, and no cache ever keeps it."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.forward_auth.stage import ANN, APP, BOB, NAVIGATION, Application, Reply, ask, gateway_of_recipes, log_in
from tests.gateways import Gateway
from tests.proxies import NginxRecipe, Proxy, TraefikRecipe
from tests.servers import Nginx, Redis, wait_until

_PLAIN_CACHE = """
proxy_cache_path {folder}/cache keys_zone=shared:1m;
server {
    listen 127.0.0.1:{port};
    location / {
        proxy_pass https://127.0.0.1:@PROXY@;
        proxy_ssl_server_name on;
        proxy_ssl_name app.example.com;
        proxy_set_header Host app.example.com;
        proxy_http_version 1.1;
        proxy_cache shared;
        proxy_cache_key $request_uri;
        @LENIENT@
        add_header X-Cache $upstream_cache_status always;
    }
}
"""


@pytest.fixture(scope="module")
def gateway(module_redis: Redis) -> Iterator[Gateway]:
    """Renewal is due a second after the last one."""
    with gateway_of_recipes(module_redis.url, rotate_every="1s") as server:
        server.add_user(ANN, groups=["admins"], name="Ann")
        server.add_user(BOB)
        yield server


def until_renewal(proxy: Proxy, cookie: str) -> Reply:
    """Ask until the answer brings a new cookie; from then on every answer to the old one does."""
    found: list[Reply] = []

    def asked() -> bool:
        found.append(ask(proxy, "/page", *NAVIGATION, cookie=cookie))
        return bool(found[-1].renewed)

    wait_until(asked, "a renewed cookie")
    return found[-1]


def of(line: str) -> str:
    return line.partition(";")[0]


async def test_a_renewed_cookie_reaches_the_browser(proxy: Proxy):
    first = await log_in(proxy)
    reply = until_renewal(proxy, first)
    (line,) = reply.renewed
    assert reply.identity["x-user-email"] == "ann@example.com"
    assert [part.strip().lower() for part in line.split(";")[1:]] == ["path=/", "domain=example.com", "secure", "httponly", "samesite=lax"] or {
        part.strip().lower() for part in line.split(";")[1:]
    } == {"path=/", "domain=example.com", "secure", "httponly", "samesite=lax"}
    second = of(line)
    assert second != first
    assert ask(proxy, "/page", *NAVIGATION, cookie=second).identity["x-user-email"] == "ann@example.com"
    assert ask(proxy, "/page", *NAVIGATION, cookie=first).status == 200, "an answer that was lost is repaired"


async def test_the_applications_cookies_stay_beside_it(proxy: Proxy):
    cookie = await log_in(proxy)
    until_renewal(proxy, cookie)
    reply = ask(proxy, "/cookies", *NAVIGATION, cookie=cookie)
    assert sorted(of(line) for line in reply.all("set-cookie") if line not in reply.renewed) == ["cart=7", "theme=dark"]
    assert len(reply.renewed) == 1


async def test_no_cookie_comes_with_a_picture_or_to_a_stranger(proxy: Proxy):
    cookie = await log_in(proxy)
    until_renewal(proxy, cookie)
    assert ask(proxy, "/logo.png", "Accept: image/*", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image", cookie=cookie).all("set-cookie") == []
    assert ask(proxy, "/page", *NAVIGATION).all("set-cookie") == []
    assert ask(proxy, "/public/page", *NAVIGATION).all("set-cookie") == []


async def test_an_answer_that_is_joined_with_a_cached_one_brings_no_cookie(proxy: Proxy):
    """What can be kept off a 304 is; Traefik, Caddy and Envoy have no way to."""
    cookie = await log_in(proxy)
    until_renewal(proxy, cookie)
    reply = ask(proxy, "/status-304", *NAVIGATION, 'If-None-Match: "1"', cookie=cookie)
    assert reply.status == 304
    if proxy.name in ("nginx", "haproxy"):
        assert reply.all("set-cookie") == []


async def test_an_answer_with_a_renewed_cookie_is_for_one_browser(proxy: Proxy):
    cookie = await log_in(proxy)
    plain = ask(proxy, "/cacheable", *NAVIGATION, cookie=await log_in(proxy, BOB))
    if not plain.renewed:
        assert plain.all("cache-control") == ["public, max-age=600"], "the application's word stays where there is no cookie of ours"
    until_renewal(proxy, cookie)
    reply = ask(proxy, "/cacheable", *NAVIGATION, cookie=cookie)
    assert reply.renewed
    if not isinstance(proxy, TraefikRecipe):  # it takes nothing but the cookie from an answer that allows; docs/forward-auth/traefik.md
        directives = ",".join(reply.all("cache-control"))
        assert "private" in directives
        assert "no-store" in directives


async def test_a_shared_cache_in_front_keeps_no_answer_with_a_cookie(proxy: Proxy, application: Application):
    """nginx as it comes; and one that was told to keep answers with Set-Cookie, which only Cache-Control can hold back."""
    cookie = await log_in(proxy)
    until_renewal(proxy, cookie)
    lenient = "" if isinstance(proxy, TraefikRecipe) else "proxy_ignore_headers Set-Cookie;"
    with Nginx(_PLAIN_CACHE.replace("@PROXY@", str(proxy.port)).replace("@LENIENT@", lenient)) as cache:
        through = _behind(cache, cookie)
        assert "=AQ" in through, through
        assert kept(cache.folder / "cache") == []
        _behind(cache, cookie)
        assert len(application.saw("/cacheable")) == 2, "asked again, not answered from the cache"


async def test_the_cache_of_the_nginx_recipe_keeps_people_apart(proxy: Proxy, application: Application):
    if not isinstance(proxy, NginxRecipe):
        return
    ann, bob = await log_in(proxy), await log_in(proxy, BOB)
    until_renewal(proxy, ann)
    replies = [ask(proxy, "/assets/cacheable", *NAVIGATION, cookie=ann) for _ in range(2)]
    assert [len(reply.renewed) for reply in replies] == [1, 1]
    assert [reply.get("cache-control") for reply in replies] == ["private, no-store"] * 2
    assert len(application.saw("/assets/cacheable")) == 2, "an answer that brings a cookie is not kept"
    assert kept(proxy.folder / "cache") == []
    renewed = of(replies[0].renewed[0])
    ask(proxy, "/page", *NAVIGATION, cookie=renewed)  # confirmed: no cookie for a second
    picture = ("Accept: image/*", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image")
    answers = [ask(proxy, "/assets/cacheable", *picture, cookie=cookie).identity["x-user-email"] for cookie in (renewed, renewed, bob, bob)]
    assert answers == ["ann@example.com"] * 2 + ["bob@example.com"] * 2
    assert len(application.saw("/assets/cacheable")) == 4, "one for each of them came from the cache"
    assert kept(proxy.folder / "cache") == []
    assert ask(proxy, "/assets/cacheable", *NAVIGATION).status == 303, "a cached answer is for those who may see it"


def kept(folder: Path) -> list[str]:
    """The files of a cache that hold a session cookie's Set-Cookie."""
    return [path.name for path in folder.rglob("*") if path.is_file() and b"-gw=" in path.read_bytes()]


def _behind(cache: Nginx, cookie: str) -> str:
    """What Set-Cookie comes through a cache in front, for a page that may be cached."""
    connection = http.client.HTTPConnection("127.0.0.1", cache.port, timeout=20)
    connection.request("GET", "/cacheable", headers={"Host": APP, "Accept": "text/html", "Cookie": cookie})
    reply = connection.getresponse()
    assert reply.status == 200, reply.read()
    reply.read()
    connection.close()
    return ",".join(reply.headers.get_all("Set-Cookie", []))
