"""What passes and what does not (DESIGN 1.6), what sessions promise (1.7) and what upstreams are told (1.8), with a real process and a real Redis."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import jwt
import pytest
import redis

from tests.browser import Browser, Page
from tests.gateways import PASSWORD, Gateway
from tests.servers import Redis, wait_until
from tests.upstreams import Upstream, answer, read_body

BROWSER = {"Sec-Fetch-Mode": "navigate", "Accept": "text/html"}
SCRIPT = {"Sec-Fetch-Mode": "cors", "Accept": "*/*"}
WEBSOCKET = {
    "Sec-Fetch-Mode": "websocket",
    "Connection": "keep-alive, Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


class Application(Upstream):
    """Tells what it was asked; `/status/N` answers with that status, `/cached` may be cached by everybody, a WebSocket gets its bytes back."""

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await self.request(reader):
            if head.get("upgrade"):
                writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
                while data := await reader.read(65536):
                    writer.write(data)
                return
            await read_body(reader, head)
            told = json.dumps(head.headers).encode()
            path = head.target.partition("?")[0]
            shared = [("Cache-Control", "public, max-age=60, s-maxage=600"), ("CDN-Cache-Control", "max-age=9"), ("Surrogate-Control", "max-age=9")]
            if path.startswith("/status/304"):
                writer.write(b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n')
            elif path.startswith("/status/206"):
                writer.write(answer("206 Partial Content", b"ab", ("Content-Range", "bytes 0-1/9")))
            else:
                more = (
                    shared if path.startswith("/cached") else [("Set-Cookie", "gw=theirs"), ("Set-Cookie", "gw-csrf=theirs"), ("Set-Cookie", "a=1")]
                )
                writer.write(answer("200 OK", told, ("X-User-Email", "leak"), ("Server", "secret/1.0"), *more))
            await writer.drain()


@pytest.fixture(scope="module")
def application() -> Iterator[Application]:
    with Application() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def own_store() -> Iterator[Redis]:
    with Redis() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(own_store: Redis, application: Application) -> Iterator[Gateway]:
    def route(name: str, path: str, access: Any, **more: Any) -> dict[str, Any]:
        return {"name": name, "host": "localhost", "path": path, "upstream": application.url, "access": access, **more}

    sections = {
        "session": {"store": own_store.url},
        "login": {"throttle": {"per_ip": "10000/1m"}},
        "routes": [
            route("app", "/app", "login", response={"remove_headers": ["Server"], "set_headers": {"X-Frame-Options": "DENY"}}),
            route("cached", "/cached", "login"),
            route("status", "/status", "login"),
            route("open", "/open", "public"),
            route("maybe", "/maybe", "optional"),
            route("staff", "/staff", [{"allow": ["group:staff"]}, "deny"]),
            route("dead", "/dead", "public") | {"upstream": "http://127.0.0.1:1"},
            {"name": "elsewhere", "host": "localhost", "path": "/elsewhere", "access": "public"},
        ],
    }
    with Gateway(sections) as running:
        for name in ("ann", "bob", "cleo", "dora"):
            running.add_user(f"{name}@example.com")
        yield running


@pytest.fixture
async def nobody(gateway: Gateway) -> AsyncIterator[Browser]:
    async with Browser(gateway.url) as browser:
        yield browser


async def login(browser: Browser, name: str = "ann") -> Page:
    page = await browser.get("/_auth/login")
    page = await browser.submit(page.form, email=f"{name}@example.com", password=PASSWORD)
    assert page.status == 303, page.words
    return page


async def ask(gateway: Gateway, path: str, client: dict[str, str], *, host: str | None = None, cookie: str = "") -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of what `client` is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    headers = {"Host": host or f"localhost:{gateway.port}", **client, **({"Cookie": cookie} if cookie else {})}
    writer.write("\r\n".join([f"GET {path} HTTP/1.1", *map(": ".join, headers.items()), "", ""]).encode("latin-1"))
    async with asyncio.timeout(10):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        got = {name.lower(): value for name, _, value in (line.partition(": ") for line in head.split("\r\n")[1:])}
        body = await reader.readexactly(int(got.get("content-length", "0")))
    writer.close()
    return int(head.split()[1]), got, body


TABLE = [
    ("/open", None, (200, 200, 101)),
    ("/app", None, (303, 401, 401)),
    ("/staff", "cookie", (403, 403, 403)),
    ("/app", "evil.example", (421, 421, 421)),
    ("/open/%zz", None, (400, 400, 400)),
    ("/none", None, (404, 404, 404)),
    ("/", None, (303, 303, 404)),
    ("/elsewhere", None, (404, 404, 404)),
]


@pytest.mark.parametrize(("path", "who", "statuses"), TABLE)
async def test_the_table_of_what_passes(gateway: Gateway, nobody: Browser, path: str, who: str | None, statuses: tuple[int, ...]) -> None:
    cookie = ""
    if who == "cookie":
        await login(nobody)
        cookie = f"gw={nobody.cookies['gw'].value}"
    for client, status in zip((BROWSER, SCRIPT, WEBSOCKET), statuses, strict=True):
        got, headers, body = await ask(gateway, path, client, host=who if who and who != "cookie" else None, cookie=cookie)
        assert got == status, client
        if status < 300 or status == 303:
            continue
        assert headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert ("www-authenticate" in headers) == (status == 401)
        if client is BROWSER:
            assert headers["content-type"].startswith("text/html")
        else:
            told = json.loads(body)
            assert isinstance(told["error"], str)
            assert told["request_id"] == headers["x-request-id"]


async def test_an_anonymous_request_creates_nothing_and_gets_no_cookie(gateway: Gateway, own_store: Redis) -> None:
    with redis.Redis.from_url(own_store.url) as store:
        before = sorted(store.keys())
        sealed_elsewhere = "AQR0ZXN0" + "A" * 118
        for cookie in ("", "gw=x", f"gw={sealed_elsewhere}", "gw-csrf=x; gw=" + "y" * 4000):
            for client in (BROWSER, SCRIPT, WEBSOCKET):
                for path in ("/app", "/open", "/staff", "/none", "/_auth/session", "/_auth/signed-out", "/_auth/account", "/"):
                    _, headers, _ = await ask(gateway, path, client, cookie=cookie)
                    assert "gw" not in headers.get("set-cookie", ""), (path, cookie)
        _, headers, _ = await ask(gateway, "/_auth/login", BROWSER)
        assert headers["set-cookie"].startswith("gw-csrf=")
        assert "Max-Age" not in headers["set-cookie"]
        assert sorted(store.keys()) == before


@pytest.mark.parametrize(("path", "status"), [("/app/save", 401), ("/staff", 401), ("/none", 404), ("/open/%zz", 400), ("/_auth/login", 415)])
async def test_whoever_asks_before_sending_hears_that_it_is_in_vain(gateway: Gateway, application: Application, path: str, status: int) -> None:
    before = len(application.heads)
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 100000\r\n\r\n".encode())
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    assert head.startswith(b"HTTP/1.1 %d " % status), "no 100 before it"
    assert b"\r\nConnection: close\r\n" in head
    assert len(application.heads) == before
    writer.close()


async def test_every_key_ends_by_itself_and_tells_nothing(gateway: Gateway, own_store: Redis, nobody: Browser) -> None:
    await login(nobody)
    who = (await nobody.get("/_auth/session")).json()["user"]["id"]
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", who), "a UUID of version 7 in lower case"
    with redis.Redis.from_url(own_store.url) as store:
        for key in store.scan_iter():
            assert store.pttl(key) > 0, key
            content = store.dump(key)
            for secret in (b"ann@example.com", nobody.cookies["gw"].value.encode()):
                assert secret not in content
        members = [member.decode() for member in store.zrange(f"gw:u:{who}", 0, -1)]
        assert members
        for member in members:
            assert re.fullmatch("[0-9a-f]{64}", member)
            record = store.get(f"gw:s:{member}")
            assert record[0] == 1
            assert 1700_000 < store.pttl(f"gw:s:{member}") <= 1860_000, "the time left and a minute"


async def test_images_ranges_and_304_never_carry_the_cookie_and_the_next_answer_does(gateway: Gateway) -> None:
    async with Browser(gateway.url) as bob:
        await login(bob, "bob")
        assert gateway.run("users", "set-groups", "bob@example.com", "--group", "new").returncode == 0  # rotation is due
        old = {"Cookie": f"gw={bob.cookies['gw'].value}"}
        for destination in ("image", "style", "script", "font"):
            page = await bob.get("/cached", headers={**old, "Sec-Fetch-Dest": destination, "Sec-Fetch-Mode": "no-cors"})
            assert (page.status, page.set_cookies) == (200, [])
            assert page.headers["Cache-Control"] == "public, max-age=60, s-maxage=600", "untouched without our cookie"
        for status in (304, 206):
            page = await bob.get(f"/status/{status}", headers=old)
            assert (page.status, page.set_cookies) == (status, [])
        page = await bob.get("/cached", headers=old)
        (line,) = page.set_cookies
        assert line.startswith("gw=")
        assert page.headers["Cache-Control"] == "max-age=60, private"
        assert "CDN-Cache-Control" not in page.headers
        assert "Surrogate-Control" not in page.headers
        assert (await bob.get("/cached")).set_cookies == [], "only when the value changes"


async def test_an_upstream_sets_none_of_our_cookies_and_tells_no_client_who_somebody_is(nobody: Browser) -> None:
    await login(nobody)
    page = await nobody.get("/app")
    assert page.set_cookies == ["a=1"]
    assert "X-User-Email" not in page.headers
    assert "Server" not in page.headers
    assert page.headers["X-Frame-Options"] == "DENY"


async def test_the_assertion_is_verified_with_the_published_keys(gateway: Gateway, nobody: Browser) -> None:
    await login(nobody)
    told = dict(await headers_seen(nobody, "/app"))
    keys = {key["kid"]: jwt.PyJWK(key) for key in (await nobody.get("/_auth/jwks.json")).json()["keys"]}
    token = told["x-gateway-jwt-assertion"]
    claims = jwt.decode(token, keys[jwt.get_unverified_header(token)["kid"]], ["EdDSA"], audience="app", issuer=gateway.url)
    assert set(claims) == {"iss", "aud", "sub", "email", "groups", "iat", "exp", "jti"}
    assert (claims["sub"], claims["email"], claims["exp"] - claims["iat"]) == (told["x-user-id"], "ann@example.com", 300)
    assert dict(await headers_seen(nobody, "/app"))["x-gateway-jwt-assertion"] == token, "signed once"
    anonymous = dict(await headers_seen(nobody, "/open"))
    assert anonymous["x-gateway-jwt-assertion"] == anonymous["x-user-id"] == ""


async def headers_seen(browser: Browser, path: str) -> list[tuple[str, str]]:
    page = await browser.get(path)
    assert page.status == 200
    return [(name.lower(), value) for name, value in page.json()]


async def test_an_upstream_that_is_away_is_told_without_naming_it(gateway: Gateway) -> None:
    for client in (BROWSER, SCRIPT):
        status, headers, body = await ask(gateway, "/dead", client)
        assert status == 502
        assert headers["x-request-id"].encode() in body
        for word in (b"127.0.0.1", b"Traceback", b"refused", b"Errno"):
            assert word not in body


async def websocket(gateway: Gateway, cookie: str, **headers: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    lines = {"Host": f"localhost:{gateway.port}", **WEBSOCKET, "Cookie": f"gw={cookie}", **headers}
    writer.write("\r\n".join(["GET /app/socket HTTP/1.1", *map(": ".join, lines.items()), "", ""]).encode())
    return reader, writer, await reader.readuntil(b"\r\n\r\n")


@pytest.mark.parametrize("end", ["logout", "disable", "revoke"])
async def test_a_websocket_ends_within_five_seconds_of_its_session(gateway: Gateway, end: str) -> None:
    async with Browser(gateway.url) as cleo:
        await login(cleo, "cleo")
        reader, writer, head = await websocket(gateway, cleo.cookies["gw"].value, Origin=gateway.url)
        assert b" 101 " in head
        assert b"gw=" not in head
        writer.write(b"still here")
        assert await reader.readexactly(10) == b"still here"
        match end:
            case "logout":
                await cleo.submit((await cleo.get("/_auth/logout")).form)
            case "disable":
                assert gateway.run("users", "disable", "cleo@example.com").returncode == 0
            case _:
                assert gateway.run("sessions", "revoke", "--user", "cleo@example.com").returncode == 0
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()
        if end == "disable":
            assert gateway.run("users", "enable", "cleo@example.com").returncode == 0


async def test_a_websocket_from_another_site_is_refused(gateway: Gateway) -> None:
    async with Browser(gateway.url) as ann:
        await login(ann)
        for origin in ("https://evil.example", f"http://localhost:{gateway.port + 1}", "null"):
            _, writer, head = await websocket(gateway, ann.cookies["gw"].value, Origin=origin)
            assert b" 403 " in head, origin
            writer.close()


async def test_a_store_that_is_away_is_503_for_whoever_has_a_cookie_and_nothing_for_the_others(gateway: Gateway, own_store: Redis) -> None:
    async with Browser(gateway.url) as ann:
        await login(ann)
        cookie = f"gw={ann.cookies['gw'].value}"
        own_store.pause()
        try:
            for path in ("/app", "/maybe"):
                for client in (BROWSER, SCRIPT, WEBSOCKET):
                    status, headers, body = await ask(gateway, path, client, cookie=cookie)
                    assert (status, headers["retry-after"], "set-cookie" in headers) == (503, "5", False), (path, client)
                    assert client is BROWSER or json.loads(body)["error"] == "store_away"
            for path, status in (("/open", 200), ("/maybe", 200), ("/app", 303)):
                assert (await ask(gateway, path, BROWSER))[0] == status, path
            assert (await ask(gateway, "/open", BROWSER, cookie=cookie))[0] == 200
            assert (await ask(gateway, "/app", BROWSER, cookie="gw=x"))[0] == 303, "what does not open is nobody's"
        finally:
            own_store.resume()
        wait_until(lambda: gateway.admin("/readyz?strict")[0] == 200, "Redis is back")
        assert (await ask(gateway, "/app", BROWSER, cookie=cookie))[0] == 200


async def test_the_latest_use_is_written_at_the_end_of_the_process(own_store: Redis, application: Application) -> None:
    sections = {
        "session": {"store": own_store.url, "key_prefix": "end:", "touch_every": "10m"},
        "routes": [{"name": "app", "host": "localhost", "path": "/", "upstream": application.url, "access": "login"}],
    }
    with Gateway(sections) as gateway, redis.Redis.from_url(own_store.url) as store:
        gateway.add_user("ann@example.com")
        async with Browser(gateway.url) as ann:
            await login(ann)
            (key,) = (key for key in store.scan_iter("end:s:*") if b"canary" not in key)
            written = store.get(key)
            assert (await ann.get("/app")).status == 200
            assert store.get(key) == written, "not yet"
        gateway.stop()
        assert int.from_bytes(store.get(key)[1:9], "big") == int.from_bytes(written[1:9], "big") + 1


async def test_whoever_was_disabled_while_the_store_was_away_is_never_served_again(gateway: Gateway, own_store: Redis) -> None:
    async with Browser(gateway.url) as dora:
        await login(dora, "dora")
        assert (await dora.get("/app")).status == 200
        own_store.pause()
        try:
            while (status := (await dora.get("/app")).status) == 200:
                pass  # a copy serves until the silence is noticed, within session.cache_lease
            assert status == 503
            done = gateway.run("users", "disable", "dora@example.com")
            assert done.returncode == 3
            assert "saved; sessions end when the store is back" in done.stderr
        finally:
            own_store.resume()
        answers: list[int] = []

        async def come_again() -> None:
            while 303 not in answers:
                answers.append((await dora.get("/app")).status)

        await asyncio.wait_for(come_again(), 10)
        assert 200 not in answers
    wait_until(lambda: gateway.admin("/readyz?strict")[0] == 200, "Redis is back")


async def test_a_browser_that_presents_two_sessions_is_nobody(gateway: Gateway) -> None:
    async with Browser(gateway.url) as ann, Browser(gateway.url) as bob:
        await login(ann)
        await login(bob, "bob")
        mine, planted = ann.cookies["gw"].value, bob.cookies["gw"].value
        for cookies in (f"gw={mine}; gw={planted}", f"gw={planted}; a=1; gw=x; gw={mine}"):
            status, _, _ = await ask(gateway, "/app", BROWSER, cookie=cookies)
            assert status == 303
        status, headers, _ = await ask(gateway, "/_auth/login", BROWSER, cookie=f"gw={mine}; gw={planted}")
        assert status == 200
        assert "gw=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax" in headers["set-cookie"]
        for cookies in (f"gw=x; gw=y; gw=z; gw={mine}", f"gw={mine}; gw={mine}"):
            status, _, _ = await ask(gateway, "/app", BROWSER, cookie=cookies)
            assert status == 200, "what does not open is skipped"
        status, _, _ = await ask(gateway, "/app", BROWSER, cookie=f"gw=1; gw=2; gw=3; gw=4; gw={mine}")
        assert status == 303, "the first four are opened"
