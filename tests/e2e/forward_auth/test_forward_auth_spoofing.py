"""Nothing that a client sends becomes an identity header, chooses the judged path, or slips past it, behind every proxy."""

from __future__ import annotations

import http.client
import json
import ssl
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from gateway.core.urls import remove_dots
from tests.e2e.forward_auth.stage import APP, BOB, IDENTITY, NAVIGATION, Application, Reply, ask, log_in, upgrade, upgrade_over_http2
from tests.proxies import HaproxyRecipe, Proxy

#: Characters that applications read as one and the same.
JOINTS = ("-", "_", ".")
SPELLINGS = sorted({name.title().replace("-", joint) for name in IDENTITY for joint in JOINTS} | {"X-User_Email", "X_User-Email", "X.User-Email"})
#: Where a client may say what another address it means, from where it comes, or what it wants to do.
RELAYED = (
    "X-Forwarded-Uri: /public/spoofed",
    f"X-Original-URL: https://{APP}/public/spoofed",
    "X-Original-URI: /public/spoofed",
    "X-Rewrite-URL: /public/spoofed",
    "X-Forwarded-Prefix: /public/spoofed",
    "X_Forwarded_Uri: /public/spoofed",
    "X.Original.Url: /public/spoofed",
    "X-Forwarded-Method: OPTIONS",
    "X-Original-Method: OPTIONS",
    "X-Http-Method-Override: OPTIONS",
    "X-Forwarded-Host: spoofed.example.net",
    "X-Forwarded-Proto: http",
    "X-Forwarded-Port: 8443",
    "Forwarded: for=10.0.0.1;host=spoofed.example.net;proto=http",
)


def spoofed(value: str = "mallory@example.com") -> list[str]:
    return [f"{name}: {value}" for name in SPELLINGS]


def test_a_stranger_stays_nobody_whatever_he_says_of_himself(proxy: Proxy):
    for lines in (spoofed(), [*spoofed(), *spoofed("eve@example.com")], [line.lower() for line in spoofed()], [line.upper() for line in spoofed()]):
        reply = ask(proxy, "/public/page", *NAVIGATION, *lines)
        assert reply.identity == {}
        assert not any(reply.told.get("x-gateway-jwt-assertion", []))
        assert b"mallory" not in reply.body.lower()


async def test_bob_stays_bob_whatever_he_says_of_himself(proxy: Proxy):
    cookie = await log_in(proxy, BOB)
    reply = ask(proxy, "/page", *NAVIGATION, *spoofed(), cookie=cookie)
    assert reply.identity["x-user-email"] == "bob@example.com"
    assert "x-user-groups" not in reply.identity, "Bob is in no group, and what he says of that is gone"
    assert len(reply.told["x-gateway-jwt-assertion"]) == 1
    assert b"mallory" not in reply.body.lower()


async def test_connection_takes_no_identity_away(proxy: Proxy):
    cookie = await log_in(proxy, BOB)
    named = ", ".join(["close", *IDENTITY, "Cookie", "X-Forwarded-Uri", "X-Forwarded-Host"])
    reply = ask(proxy, "/page", *NAVIGATION, *spoofed(), f"Connection: {named}", cookie=cookie)
    if reply.status == 200:
        assert reply.identity["x-user-email"] == "bob@example.com"
        assert b"mallory" not in reply.body.lower()
    else:  # to name Cookie is to send none
        assert reply.status in (303, 400)
    without = ask(proxy, "/page", *NAVIGATION, *spoofed(), f"Connection: close, {', '.join(IDENTITY)}", cookie=cookie)
    assert without.identity["x-user-email"] == "bob@example.com"
    assert ask(proxy, "/public/page", *NAVIGATION, *spoofed(), f"Connection: close, {', '.join(IDENTITY)}").identity == {}


async def test_a_websocket_spoofs_nobody(proxy: Proxy, application: Application):
    named = f"Connection: {', '.join(IDENTITY)}"
    connection, head = upgrade(proxy, "/ws/spoof", *spoofed(), named, f"Cookie: {await log_in(proxy, BOB)}")
    connection.close()
    assert head.startswith(b"HTTP/1.1 101"), head
    (seen,) = application.saw("/ws/spoof")
    assert b"mallory" not in seen.raw.lower()
    assert seen.all("x-user-email") == ["bob@example.com"]


async def test_a_page_of_another_origin_opens_no_websocket(proxy: Proxy, application: Application):
    """The browser sends the cookie along from any page of the same site. Over HTTP/2 as well, where the handshake is another one."""
    cookie = await log_in(proxy, BOB)
    for origin in ("https://evil.example.com", "http://app.example.com", "null"):
        connection, head = upgrade(proxy, "/ws/foreign", f"Origin: {origin}", f"Cookie: {cookie}")
        connection.close()
        assert head.startswith(b"HTTP/1.1 403"), head
        upgrade_over_http2(proxy, "/ws/foreign", {"origin": origin, "cookie": cookie})
    assert application.saw("/ws/foreign") == []
    connection, head = upgrade(proxy, "/ws/own", f"Origin: https://{APP}", f"Cookie: {cookie}")
    connection.close()
    assert head.startswith(b"HTTP/1.1 101"), head
    if isinstance(proxy, HaproxyRecipe):  # the one that offers it without being told
        upgrade_over_http2(proxy, "/ws/own/http2", {"origin": f"https://{APP}", "cookie": cookie})
        (seen,) = application.saw("/ws/own/http2")
        assert seen.all("x-user-email") == ["bob@example.com"]


@pytest.mark.parametrize("protocol", ["h2c", "h2c, websocket", "websocket, h2c", "TLS/1.0", "anything"])
async def test_only_websocket_is_upgraded(proxy: Proxy, application: Application, protocol: str):
    """Behind a 101 for anything else a client could ask the application whatever it likes, unchecked."""
    lines = (f"Upgrade: {protocol}", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA")
    for target, cookie in (("/public/page", None), ("/page", await log_in(proxy))):
        try:
            reply = ask(proxy, target, *NAVIGATION, *lines, cookie=cookie)
        except (http.client.HTTPException, ConnectionError, ssl.SSLError):
            continue
        assert reply.status != 101
        assert [value for head in application.heads for value in head.all("upgrade")] == []
        assert [value for head in application.heads for value in head.all("http2-settings")] == []


@pytest.mark.parametrize(
    "lines", [(line,) for line in RELAYED] + [RELAYED, ("X-Forwarded-Uri: /public/a", "X-Forwarded-Uri: /public/b")], ids=lambda lines: lines[0][:24]
)
async def test_the_judged_address_is_the_one_that_is_forwarded(proxy: Proxy, application: Application, lines: tuple[str, ...]):
    reply = ask(proxy, "/reports?x=1", *NAVIGATION, *lines)
    assert reply.status in (303, 400), reply.status
    if reply.status == 303:
        assert parse_qs(urlsplit(reply.get("location") or "").query) == {"next": [f"https://{APP}/reports?x=1"]}
    assert application.heads == []
    told = ask(proxy, "/reports?x=1", *NAVIGATION, *lines, cookie=await log_in(proxy))
    if told.status == 200:
        assert b"spoofed" not in told.body, "the application might believe it"
        assert told.told.get("x-forwarded-proto", ["https"]) == ["https"]


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Real-Ip", "True-Client-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "Forwarded"])
def test_an_address_is_the_one_that_a_client_comes_from(proxy: Proxy, application: Application, name: str):
    value = "for=10.1.2.3" if name == "Forwarded" else "10.1.2.3"
    for lines in ((f"{name}: {value}",), (f"{name}: {value}", f"{name}: {value}"), (f"{name}: {value}, {value}",)):
        assert ask(proxy, "/inside", *NAVIGATION, *lines).status in (400, 403)
    assert application.heads == []
    told = ask(proxy, "/public/page", *NAVIGATION, f"{name}: {value}")
    assert b"10.1.2.3" not in told.body, "the application might believe it"


def reads_as_admin(target: str) -> bool:
    """Whether a strict, a decoding or a lenient application might take it for the administrators' part."""
    readings = {target, target.partition("?")[0].partition("#")[0]}
    for _ in range(2):
        readings |= {unquote(reading) for reading in readings}
    readings |= {reading.replace("\\", "/") for reading in readings}
    readings |= {"/".join(segment.partition(";")[0] for segment in reading.split("/")) for reading in readings}
    readings |= {reading.partition("\0")[0] for reading in readings}
    return any((remove_dots("/" + reading.lstrip("/")) + "/").startswith("/admin/") for reading in readings)


PATHS = (
    "/public/../admin",
    "/public/%2e%2e/admin",
    "/public/%2E%2E%2Fadmin",
    "/public/..%2fadmin",
    "/public/..%5cadmin",
    "/public/..\\admin",
    "/public/..;/admin",
    "/public/..;x=1/admin",
    "/public/%252e%252e/admin",
    "/public/..%252fadmin",
    "/public//../admin",
    "/public/./../admin",
    "/public/x/../../admin",
    "/public/../../admin",
    "//admin",
    "///admin",
    "/./admin",
    "/.//admin",
    "/%61dmin",
    "/admin",
    "/admin/",
    "/admin/.",
    "/admin;/x",
    "/admin;public",
    "/admin%00",
    "/admin%00/public",
    "/public%00/../admin",
    "/admin?/public/",
    "/admin?/public/../public",
    "/admin/../public/../admin",
    "/public/%c0%ae%c0%ae/admin",
    "/public/%ef%bc%8e%ef%bc%8e/admin",
    f"https://{APP}/public/../admin",
    f"https://{APP}/admin",
    "/public/..%2f..%2fadmin",
    "/%2fadmin",
    "/%2e/admin",
    "/public%2f..%2fadmin",
)
NO_PATHS = (
    "/%zz",
    "/%",
    "/%u0041",
    "/\x7f",
    "/\xe9",
    "/a b",
    "*",
    "admin",
    "?x",
    "@app.example.com/admin",
    "http://",
    "https://",
    "/public/#/../admin",
    "/public/x#",
    "/" + "a" * 70_000,
    "/public/" + "../" * 2_000 + "admin",
)


def ask_anything(proxy: Proxy, target: str, cookie: str | None) -> Reply | None:
    """None when the proxy hangs up instead of answering."""
    try:
        return ask(proxy, target, *NAVIGATION, cookie=cookie)
    except (http.client.HTTPException, ConnectionError, ssl.SSLError, TimeoutError):
        return None


async def test_no_spelling_of_a_path_leads_past_its_rule(proxy: Proxy, application: Application):
    """As a stranger and as Bob, who is no administrator: what the proxy or the gateway lets pass is nothing of the administrators'."""
    bob = await log_in(proxy, BOB)
    for cookie in (None, bob):
        for target in PATHS:
            application.heads.clear()
            reply = ask_anything(proxy, target, cookie)
            reached = [head.target for head in application.heads if reads_as_admin(head.target)]
            assert reached == [], f"{target} became {reached} for {'Bob' if cookie else 'a stranger'}"
            if cookie is None and reply is not None and reads_as_admin(target):
                assert reply.status != 200 or not reads_as_admin(json.loads(reply.body)["target"]), target


async def test_what_is_no_address_is_refused_and_harms_nobody(proxy: Proxy, application: Application):
    for target in NO_PATHS:
        application.heads.clear()
        reply = ask_anything(proxy, target, None)
        assert reply is None or reply.status != 200 or application.heads[0].target.startswith("/public/x"), target[:40]
        assert [head.target for head in application.heads if not head.target.startswith("/public/x")] == [], target[:40]
    assert ask(proxy, "/public/alive", *NAVIGATION).status == 200


@pytest.mark.parametrize("host", ["APP.Example.COM", "app.example.com.", "app.example.com:443"])
def test_a_host_is_the_same_in_every_spelling(proxy: Proxy, application: Application, host: str):
    reply = ask(proxy, "/admin", *NAVIGATION, host=host)
    # Caddy takes the dot for another site, and answers an empty 200 where it has none.
    assert reply.status in (303, 400, 403, 404, 421) or (reply.status, reply.body) == (200, b"")
    assert application.heads == []


@pytest.mark.parametrize("host", ["other.example.net", "127.0.0.1", "app.example.com.evil.example", "app.example.com@evil.example", ""])
def test_a_host_that_nobody_named_is_refused(proxy: Proxy, application: Application, host: str):
    try:
        reply = ask(proxy, "/public/page", *NAVIGATION, host=host)
    except (http.client.HTTPException, ConnectionError, ssl.SSLError):
        reply = None
    assert reply is None or reply.status != 200 or reply.body == b"", "Caddy answers an empty 200 for a site that it does not have"
    assert application.heads == []
