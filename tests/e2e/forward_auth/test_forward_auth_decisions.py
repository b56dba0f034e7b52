"""Who gets in, behind every proxy: DESIGN 1.6 as a browser, a script and an application see it."""

from __future__ import annotations

import http.client
import json
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.e2e.forward_auth.stage import (
    APP,
    AUTH,
    BOB,
    IDENTITY,
    NAVIGATION,
    Application,
    ask,
    connect,
    log_in,
    log_in_with,
    read_reply,
    upgrade,
    visitor,
)
from tests.proxies import Proxy


def test_a_stranger_is_led_to_the_login_and_back(proxy: Proxy, application: Application):
    reply = ask(proxy, "/reports/2026?a=1&b=x%26y#".rstrip("#"), *NAVIGATION)
    assert reply.status == 303
    location = urlsplit(reply.get("location") or "")
    assert (location.scheme, location.netloc, location.path) == ("https", AUTH, "/_auth/login")
    assert parse_qs(location.query) == {"next": [f"https://{APP}/reports/2026?a=1&b=x%26y"]}
    assert reply.all("set-cookie") == []
    assert application.saw("/reports") == []


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_script_is_told_401(proxy: Proxy, application: Application, method: str):
    reply = ask(proxy, "/script", "Accept: application/json", "Sec-Fetch-Mode: cors", method=method, body=b"{}" if method == "POST" else b"")
    assert (reply.status, reply.get("location")) == (401, None)
    assert json.loads(reply.body)["error"] == "login_required"
    assert (reply.get("www-authenticate") or "").startswith("Cookie")
    assert application.saw("/script") == []


def test_a_form_that_is_posted_after_the_session_ended_is_not_redirected(proxy: Proxy, application: Application):
    form = "Content-Type: application/x-www-form-urlencoded"
    reply = ask(proxy, "/order", *NAVIGATION, form, f"Referer: https://{APP}/shop", method="POST", body=b"text=important")
    assert (reply.status, reply.get("location")) == (401, None)
    assert (reply.get("content-type") or "").startswith("text/html")
    assert application.saw("/order") == []


async def test_somebody_who_is_logged_in_gets_in_and_is_known(proxy: Proxy):
    cookie = await log_in(proxy)
    reply = ask(proxy, "/hello?x=1", *NAVIGATION, cookie=cookie)
    assert {**reply.identity, "x-user-id": "…"} == {
        "x-user-id": "…",
        "x-user-email": "ann@example.com",
        "x-user-name": "Ann",
        "x-user-groups": "admins",
    }
    (assertion,) = reply.told["x-gateway-jwt-assertion"]
    assert assertion.count(".") == 2
    seen = json.loads(reply.body)
    assert (seen["method"], seen["target"]) == ("GET", "/hello?x=1")
    assert reply.told["host"] == [APP]


async def test_a_body_passes_untouched(proxy: Proxy):
    cookie = await log_in(proxy)
    reply = ask(proxy, "/order", *NAVIGATION, method="POST", body=b"a=1&b=" + b"x" * 20_000, cookie=cookie)
    assert json.loads(reply.body)["method"] == "POST"
    assert json.loads(reply.body)["body"] == "a=1&b=" + "x" * 20_000


async def test_a_wrong_group_gets_a_page_that_says_no(proxy: Proxy, application: Application):
    cookie = await log_in(proxy, BOB)
    page = ask(proxy, "/admin/users", *NAVIGATION, cookie=cookie)
    script = ask(proxy, "/admin/users", "Accept: application/json", cookie=cookie)
    assert (page.status, script.status) == (403, 403)
    assert (page.get("content-type") or "").startswith("text/html")
    assert b"<h1>" in page.body
    assert json.loads(script.body)["error"] == "refused"
    assert application.saw("/admin") == []


async def test_a_public_path_is_open_and_says_nobody(proxy: Proxy):
    cookie = await log_in(proxy)
    assert ask(proxy, "/public/page", *NAVIGATION).identity == {}
    assert ask(proxy, "/public/other", *NAVIGATION, cookie=cookie).identity == {}


async def test_the_gateways_cookies_are_kept_from_the_application(proxy: Proxy):
    cookie = await log_in(proxy)
    session = cookie.partition("=")[2]
    for sent, left in [
        (f"{cookie}", None),
        (f"a=1; {cookie}; b=2", "a=1; b=2"),
        (f"{cookie}; __Host-gw-csrf=x.y; gw-lang=de; b=2", "b=2"),
        (f"a=gw; {cookie}; mygw=2; gw-other=3", "a=gw; mygw=2; gw-other=3"),
        (f"{cookie}; gw=1; __Host-gw=2; __Host-gw-csrf=3; a=1", "a=1"),
    ]:
        told = ask(proxy, "/cookies", *NAVIGATION, cookie=sent).told.get("cookie", [])
        assert session not in str(told)
        assert [part.strip() for part in ";".join(told).split(";") if part.strip()] == ([] if left is None else left.split("; ")), sent


async def test_so_many_cookies_that_ours_could_be_overlooked(proxy: Proxy):
    """Somebody on a neighbouring host plants cookies of our names: none of them, and above all not the real one, reaches the application."""
    cookie = await log_in(proxy)
    planted = "; ".join(f"gw-lang={number}" for number in range(30))
    told = ask(proxy, "/public/x", *NAVIGATION, cookie=f"{planted}; {cookie}; gw=1").told.get("cookie", [])
    assert "gw" not in str(told)


async def test_a_websocket_is_checked_and_then_left_alone(proxy: Proxy, application: Application):
    connection, head = upgrade(proxy, "/ws/refused")
    with connection:
        assert head.startswith(b"HTTP/1.1 401"), head
    assert application.saw("/ws/refused") == []
    connection, head = upgrade(proxy, "/ws/chat", f"Cookie: {await log_in(proxy)}")
    with connection:
        assert head.startswith(b"HTTP/1.1 101"), head
        connection.sendall(b"twice ")
        said = b""
        while len(said) < 12:
            said += connection.recv(100)
        assert said == b"twice twice "
    (seen,) = application.saw("/ws/chat")
    assert seen.all("x-user-email") == ["ann@example.com"]


async def test_checks_go_on_after_that_of_an_upgrade(proxy: Proxy):
    """Proxies keep their connections to the gateway: one that carried `Upgrade` must answer the next check, with that check's answer."""
    cookie = await log_in(proxy)
    for number in range(4):
        connection, head = upgrade(proxy, f"/ws/{number}", *([f"Cookie: {cookie}"] if number % 2 else []))
        connection.close()
        assert head.startswith(b"HTTP/1.1 101" if number % 2 else b"HTTP/1.1 401")
        assert ask(proxy, "/after", *NAVIGATION, cookie=cookie).identity["x-user-email"] == "ann@example.com"
        assert ask(proxy, "/after", *NAVIGATION).status == 303


async def test_two_people_on_one_connection_stay_two(proxy: Proxy):
    cookies = [await log_in(proxy), await log_in(proxy, BOB)]
    with connect(proxy) as connection:
        for number in range(6):
            head = f"GET /turn/{number} HTTP/1.1\r\nHost: {APP}\r\nAccept: text/html\r\nCookie: {cookies[number % 2]}\r\n\r\n"
            connection.sendall(head.encode())
            reply = read_reply(connection)
            assert reply.identity["x-user-email"] == ("bob@example.com" if number % 2 else "ann@example.com")


@pytest.mark.parametrize("host", [APP, AUTH])
@pytest.mark.parametrize(
    "target",
    [
        "/_auth/check/nginx",
        "/_auth/check/traefik",
        "/_auth/check/envoy/public/page",
        "/_auth/check/../login",
        "/_auth/check/traefik/../../login",
        "/_auth/check/envoy/../../login",
        "/_auth/x/../check/traefik",
        "/_auth//check/traefik",
        "/_auth/./check/traefik",
        "/_auth/%63heck/traefik",
        "/_auth/check%2ftraefik",
        "/%5fauth/check/traefik",
        "/_auth/check/traefik?x=/_auth/login",
        f"https://{APP}/_auth/check/traefik",
    ],
)
async def test_nobody_outside_may_ask_for_a_check(proxy: Proxy, host: str, target: str):
    """A page of an application could otherwise choose the judged address through a trusted peer, and read assertions."""
    cookie = await log_in(proxy)
    relayed = (
        f"X-Original-URL: https://{APP}/",
        "X-Original-Method: GET",
        "X-Forwarded-Method: GET",
        "X-Forwarded-Uri: /",
        f"X-Forwarded-Host: {APP}",
    )
    reply = ask(proxy, target, *NAVIGATION, *relayed, host=host, cookie=cookie)
    assert [name for name, _ in reply.headers if name.lower() in IDENTITY] == []
    if target.startswith("/_auth/check/") and ".." not in target:
        assert reply.status == 404
    elif reply.status == 200:  # what it means is another page, of the gateway or the application
        assert b"/_auth/check" not in reply.body or reply.get("content-type") == "application/json"


async def test_the_whole_visit(proxy: Proxy):
    """Open a page, log in, come back to it with its query, look at who is logged in, log out, be asked again."""
    async with visitor(proxy) as browser:
        page = await log_in_with(browser, page=f"https://{APP}/reports?year=2026&part=a%2Fb")
        assert str(page.url) == f"https://{APP}/reports?year=2026&part=a%2Fb"
        assert page.json()["target"] == "/reports?year=2026&part=a%2Fb"
        assert browser.cookies.refused == []
        assert browser.cookies["__Secure-gw"].host == "example.com"
        session = f"__Secure-gw={browser.cookies['__Secure-gw'].value}"
        assert "ann@example.com" in (await browser.get("/_auth/session", headers={"Accept": "application/json", "Sec-Fetch-Mode": "cors"})).text
        asked = await browser.get("/_auth/logout")
        assert asked.status == 200
        done = await browser.submit(asked.form, follow=True)
        assert done.status == 200, done.text
        assert str(done.url).endswith("/_auth/signed-out")
        assert "__Secure-gw" not in browser.cookies
        again = await browser.get(f"https://{APP}/reports")
        assert again.status == 303
    replayed = ask(proxy, "/reports", *NAVIGATION, cookie=session)
    assert replayed.status == 303, "the session has ended in the store, not only in the browser"


async def test_a_browser_that_loses_the_session_cookie_is_told_so(proxy: Proxy):
    """Without it, login and application would send each other the browser forever."""
    async with visitor(proxy) as browser:
        await log_in_with(browser)
        kept = [cookie for cookie in browser.cookies if cookie.name != "__Secure-gw"]
        browser.cookies.clear()
        for cookie in kept:
            browser.cookies.put(cookie)
        page = await browser.get(f"https://{APP}/reports", follow=True)
        assert page.forms == [] or "cookie" in page.words.lower()
        assert "cookie" in page.words.lower(), page.words


def test_plain_http_leads_to_https(proxy: Proxy):
    connection = http.client.HTTPConnection("127.0.0.1", proxy.plain_port, timeout=10)
    connection.request("GET", "/x?y=1", headers={"Host": APP})
    reply = connection.getresponse()
    assert reply.status in (301, 308)
    assert urlsplit(reply.headers["Location"])._replace(netloc=APP).geturl() == f"https://{APP}/x?y=1"
    connection.close()
