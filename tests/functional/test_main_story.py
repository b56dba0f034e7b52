"""The whole gateway over HTTP, as people and attackers meet it: real process, real Redis, real PostgreSQL, an upstream that tells what it saw."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.browser import Browser, Page
from tests.gateways import PASSWORD, Gateway
from tests.servers import Postgres, Redis, wait_until
from tests.upstreams import EchoUpstream

MANY_LOGINS = {"throttle": {"per_ip": "10000/1m"}}  # every browser here has one address
IDENTITY = ("x-user-id", "x-user-email", "x-user-name", "x-user-groups", "x-gateway-jwt-assertion")


def routes(upstream: str) -> list[dict[str, Any]]:
    """A protected application, a public part of it, one for administrators."""
    return [
        {"name": "app", "host": "localhost", "path": "/", "upstream": upstream, "access": "login"},
        {"name": "open", "host": "localhost", "path": "/public", "upstream": upstream, "access": "public"},
        {"name": "maybe", "host": "localhost", "path": "/maybe", "upstream": upstream, "access": "optional"},
        {"name": "admin", "host": "localhost", "path": "/admin", "upstream": upstream, "access": [{"allow": ["group:admins"]}, "deny"]},
    ]


@pytest.fixture(scope="module")
def upstream() -> Iterator[EchoUpstream]:
    with EchoUpstream() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(redis_server: Redis, postgres_server: Postgres, upstream: EchoUpstream) -> Iterator[Gateway]:
    """One for all tests that change nothing but sessions."""
    with ExitStack() as running:
        yield prepared(lambda config: running.enter_context(Gateway(config)), redis_server.url_of(1000), postgres_server.fresh(), upstream.url)


@pytest.fixture
def own_gateway(start_gateway: Callable[..., Gateway], redis_url: str, postgres_url: str, upstream: EchoUpstream) -> Gateway:
    """One of its own, for a test that changes accounts or configuration."""
    return prepared(start_gateway, redis_url, postgres_url, upstream.url)


def prepared(start_gateway: Callable[..., Gateway], redis_url: str, postgres_url: str, upstream: str, **sections: Any) -> Gateway:
    """A gateway on that Redis and PostgreSQL, whose database is migrated, with Ann (an administrator) and Bob."""
    configuration = {
        "session": {"store": redis_url},
        "users": {"database": postgres_url},
        "routes": routes(upstream),
        "login": MANY_LOGINS,
        **sections,
    }
    migrating = Gateway(configuration)
    done = migrating.run("db", "upgrade")
    assert done.returncode == 0, done.stderr
    migrating.add_user("ann@example.com", groups=["admins"], name="Zoë, Ann")
    migrating.add_user("bob@example.com")
    migrating.stop()
    return start_gateway(configuration)


async def login(browser: Browser, email: str = "ann@example.com", password: str = PASSWORD, *, path: str = "/") -> Page:
    """Go to `path`, log in where that leads, and come back."""
    page = await browser.get(path, follow=True)
    assert page.status == 200, page.words
    return await browser.submit(page.form, email=email, password=password, follow=True)


def seen(page: Page) -> list[tuple[str, str]]:
    """The headers that the upstream saw, names in lower case."""
    assert page.status == 200, page.text
    return [(name.lower(), value) for name, value in page.json()["headers"]]


def identity(page: Page) -> dict[str, str]:
    """The identity headers that the upstream saw; each must have come once."""
    found = [(name, value) for name, value in seen(page) if name.replace("_", "-").replace(".", "-") in IDENTITY]
    assert sorted(name for name, _ in found) == sorted(IDENTITY)
    return dict(found)


async def test_from_the_application_to_the_login_page_and_back(gateway: Gateway) -> None:
    async with Browser(gateway.url) as ann:
        page = await ann.get("/report?year=2026&q=a%20b")
        assert page.status == 303
        assert "/_auth/login?next=" in (page.location or "")
        assert "gw" not in ann.cookies, "an anonymous request gets no cookie"
        page = await ann.follow(page)
        page = await ann.submit(page.form, email="ANN@example.com ", password=PASSWORD)
        assert page.status == 303
        assert page.location == f"{gateway.url}/report?year=2026&q=a%20b"
        assert len([line for line in page.set_cookies if line.startswith("gw=")]) == 1
        assert "Max-Age" not in next(line for line in page.set_cookies if line.startswith("gw="))
        page = await ann.follow(page)
        who = identity(page)
        assert page.json()["target"] == "/report?year=2026&q=a%20b"
        assert who["x-user-email"] == "ann@example.com"
        assert who["x-user-name"] == "Zo%C3%AB, Ann"
        assert who["x-user-groups"] == "admins"
        assert "gw=" not in json.dumps(page.json()["headers"]), "our cookies are cut out"
        captured = ann.cookies["gw"].value
        page = await ann.get("/_auth/logout")
        page = await ann.submit(page.form)
        assert page.status == 303
        assert (page.location or "").endswith("/_auth/signed-out")
        assert "gw" not in ann.cookies
        assert (await ann.follow(page)).status == 200
        replayed = await ann.get("/", headers={"Cookie": f"gw={captured}"})
        assert replayed.status == 303, "the captured cookie is dead"
        await login(ann)
        assert (await ann.get("/", headers={"Cookie": f"gw={captured}"})).status == 303, "and stays dead"


async def test_remember_me_gets_a_persistent_cookie(gateway: Gateway) -> None:
    async with Browser(gateway.url) as ann:
        page = await ann.get("/_auth/login")
        await ann.submit(page.form, email="ann@example.com", password=PASSWORD, remember="1")
        assert ann.cookies["gw"].max_age == 30 * 86400


SPOOFS = [
    "X-User-Email",
    "x-user-email",
    "X_User_Email",
    "X-User_Email",
    "x.user.email",
    "X-USER-ID",
    "X_USER_ID",
    "X-User-Groups",
    "X_User-Groups",
    "X-Gateway-Jwt-Assertion",
    "x_gateway_jwt_assertion",
    "Remote-User",
    "Remote_User",
    "X-Forwarded-User",
    "X-Auth-Request-Email",
    "X-authentik-username",
]


@pytest.mark.parametrize("path", ["/public/x", "/maybe", "/"])
async def test_no_spelling_of_an_identity_header_reaches_an_upstream(gateway: Gateway, path: str) -> None:
    async with Browser(gateway.url) as ann:
        await login(ann)
        spoofed = dict.fromkeys(SPOOFS, "mallory")
        nominated = {"Connection": "X-User-Email, x-user-groups, Cookie, Host, X-Real-IP, X-Forwarded-For, X-Gateway-Jwt-Assertion"}
        page = await ann.get(path, headers={**spoofed, **nominated})
        assert "mallory" not in page.text
        who = identity(page)
        assert who["x-user-email"] == ("" if path == "/public/x" else "ann@example.com")
        assert dict(seen(page))["x-forwarded-for"] == "127.0.0.1"


async def test_relayed_headers_of_a_client_are_replaced(gateway: Gateway) -> None:
    async with Browser(gateway.url) as nobody:
        spoofed = {
            "X-Forwarded-For": "10.0.0.1",
            "X-Forwarded-Host": "evil.example",
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Uri": "/public",
            "X-Original-URL": "/public",
            "X-Rewrite-URL": "/public",
            "X-Real-IP": "10.0.0.1",
            "Forwarded": "for=10.0.0.1;host=evil.example",
            "X_Forwarded_Proto": "https",
        }
        page = await nobody.get("/public/x", headers=spoofed)
        text = page.text
        assert "evil.example" not in text
        assert "10.0.0.1" not in text
        assert dict(seen(page))["x-forwarded-proto"] == "http"
        for path in ("/", "/admin"):
            assert (await nobody.get(path, headers=spoofed)).status == 303
        assert "evil.example" not in str((await nobody.get("/", headers=spoofed)).location)


async def test_other_cookies_keep_their_order_and_bytes(gateway: Gateway) -> None:
    async with Browser(gateway.url) as ann:
        await login(ann)
        value = ann.cookies["gw"].value
        page = await ann.get("/", headers={"Cookie": f'a="1 2"; gw={value};b=x=y; gw-csrf=1; __Host-gw=2;  c'})
        assert [text for name, text in seen(page) if name == "cookie"] == ['a="1 2";b=x=y;  c']
        page = await ann.get("/", headers={"Cookie": f"gw={value}"})
        assert not [text for name, text in seen(page) if name == "cookie"]


PATHS = [
    "/public/../admin",
    "/public/%2e%2e/admin",
    "/public/.%2E/admin",
    "/public/..%2fadmin",
    "/public/..%5cadmin",
    "/public/..\\admin",
    "/public/..;/admin",
    "/public/..;x=y/admin",
    "/public//../admin",
    "//admin",
    "/./admin",
    "/admin%00",
    "/admin%20",
    "/admin?/public/",
    "/admin;/public/",
    "/admin/",
    "/%61dmin",
    "/ADMIN/../admin",
    "/public/%252e%252e/admin",
    "/public/%25252e%25252e/admin",
    "/public/%c0%ae%c0%ae/admin",
    "/public/%ef%bc%8e%ef%bc%8e/admin",
    "/public/%u002e%u002e/admin",
    "/public%2f..%2fadmin",
    "/public\x0b/../admin",
    "/public/\x7f",
    "/public#/../admin",
    "/public/%zz/../admin",
    "http://evil.example/admin",
    "http://localhost/public/../admin",
    "admin",
    "@evil/",
]


@pytest.mark.parametrize("path", PATHS)
def test_no_spelling_of_a_path_reaches_what_is_protected(gateway: Gateway, upstream: EchoUpstream, path: str) -> None:
    before = len(upstream.heads)
    status = raw(gateway, f"GET {path} HTTP/1.1\r\nHost: localhost:{gateway.port}\r\nConnection: close\r\n\r\n")
    assert status in (303, 400, 401, 404), status
    assert len(upstream.heads) == before


def raw(gateway: Gateway, request: str) -> int:
    """Send bytes, return the first answer's status."""
    with socket.create_connection(("127.0.0.1", gateway.port), 10) as client:
        client.sendall(request.encode("latin-1"))
        first = client.makefile("rb").readline()
    return int(first.split()[1])


TARGETS = [
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\\/evil.example",
    "/%09/evil.example",
    "/%0d%0a/evil.example",
    "/%0a//evil.example",
    "/.//evil.example",
    "/..//evil.example",
    "/%5cevil.example",
    "/%2f%2fevil.example",
    "/%252f%252fevil.example",
    "https:evil.example",
    "http:/evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "http://localhost@evil.example/",
    "http://evil.example#@localhost/",
    "http://localhost.evil.example/",
    "http://evillocalhost/",
    "http://evil.example/",
    "https://localhost/",
    "http://localhost:1/",
    " /x",
    "\t//evil.example",
    "http://[::1]/",
    "/_auth/logout",
    "/_auth/%6cogout",
    "/_auth/login?next=/",
    "/x" * 1001,
]


async def test_next_never_leaves_the_site(gateway: Gateway) -> None:
    for target in TARGETS:
        async with Browser(gateway.url) as ann:
            page = await ann.get("/_auth/login")
            fields = {**page.form.fields, "email": "ann@example.com", "password": PASSWORD, "next": target}
            page = await ann.post("/_auth/login", fields)
            assert page.status == 303, target
            assert page.location == f"{gateway.url}/", target


@pytest.mark.parametrize("target", ["/a?b=c#d", "/a//b", "/x?u=https://y", "/x?u=//evil.example", "/a%20b"])
async def test_next_leads_back_into_the_site(gateway: Gateway, target: str) -> None:
    async with Browser(gateway.url) as ann:
        page = await ann.get("/_auth/login")
        page = await ann.post("/_auth/login", {**page.form.fields, "email": "ann@example.com", "password": PASSWORD, "next": target})
        assert page.headers["Location"] == target


@pytest.mark.parametrize("cache", ["tracked", "off"])
async def test_thirty_parallel_requests_at_rotation_over_two_processes(
    start_gateway: Callable[..., Gateway], redis_url: str, postgres_url: str, upstream: EchoUpstream, cache: str
) -> None:
    first = prepared(start_gateway, redis_url, postgres_url, upstream.url, session={"store": redis_url, "cache": cache})
    second = start_gateway({key: first.config[key] for key in ("keys", "users", "routes", "login", "session")})
    async with Browser(first.url) as ann, Browser(second.url) as elsewhere:
        await login(ann)
        assert (await elsewhere.get("/", headers={"Cookie": f"gw={ann.cookies['gw'].value}"})).status == 200, "both have read it"
        # New groups make rotation due at once, so that no test has to wait for an hour.
        assert first.run("users", "set-groups", "ann@example.com", "--group", "staff").returncode == 0
        cookie = ann.cookies["gw"].value
        pages = await asyncio.gather(*(browser.get("/", headers={"Cookie": f"gw={cookie}"}) for browser in [ann, elsewhere] * 15))
        assert [page.status for page in pages] == [200] * 30
        lines = {line.split(";")[0] for page in pages for line in page.set_cookies}
        assert all(page.set_cookies for page in pages)
        assert len(lines) == 1, "exactly one new secret, and everybody gets the same cookie"
        assert lines != {f"gw={cookie}"}
        assert all("private" in page.headers["Cache-Control"] for page in pages)
        repaired = await elsewhere.get("/", headers={"Cookie": f"gw={cookie}"})
        assert {line.split(";")[0] for line in repaired.set_cookies} == lines, "a lost answer is repaired"
        successor = await elsewhere.get("/", headers={"Cookie": lines.pop()})
        assert successor.status == 200
        assert successor.set_cookies == [], "the client has the present cookie"


async def test_logout_on_one_process_is_felt_on_the_other(
    start_gateway: Callable[..., Gateway], redis_url: str, postgres_url: str, upstream: EchoUpstream
) -> None:
    first = prepared(start_gateway, redis_url, postgres_url, upstream.url)
    second = start_gateway({key: first.config[key] for key in ("keys", "users", "routes", "login", "session")})
    async with Browser(first.url) as ann, Browser(second.url) as elsewhere:
        await login(ann)
        cookie = {"Cookie": f"gw={ann.cookies['gw'].value}"}
        assert (await elsewhere.get("/", headers=cookie)).status == 200
        await ann.submit((await ann.get("/_auth/logout")).form)
        assert (await elsewhere.get("/", headers=cookie)).status == 303


async def test_two_devices_and_a_planted_cookie(gateway: Gateway) -> None:
    async with Browser(gateway.url) as laptop, Browser(gateway.url) as phone, Browser(gateway.url) as mallory:
        await login(laptop)
        await login(phone)
        await login(mallory, "bob@example.com")
        await laptop.submit((await laptop.get("/_auth/logout")).form)
        assert (await phone.get("/")).status == 200, "logging out of one leaves the other"
        planted = mallory.cookies["gw"]
        laptop.cookies.put(planted)
        page = await laptop.get("/_auth/login")
        assert page.status == 303, "mallory's session is live, so this browser counts as logged in"
        await laptop.submit((await laptop.get("/_auth/logout")).form)
        laptop.cookies.put(planted)
        assert identity(await login(laptop))["x-user-email"] == "ann@example.com"
        assert (await mallory.get("/")).status == 303


@pytest.mark.parametrize("value", ["x", "x" * 10_000, "\x80\xff", "AQ", "AQVmb3JlaWduAAAA" * 9, "A" * 126, '"quoted"', "=", ";;;", "a b", "%00"])
async def test_garbage_cookies_are_nobody_and_never_an_error(gateway: Gateway, value: str) -> None:
    cookies = "; ".join([f"gw={value}"] * 50 if len(value) < 20 else [f"gw={value}"])
    sent = f"GET / HTTP/1.1\r\nHost: localhost:{gateway.port}\r\nCookie: {cookies}\r\nAccept: text/html\r\nConnection: close\r\n\r\n"
    assert raw(gateway, sent) == 303
    assert raw(gateway, sent.replace("GET / ", "GET /public ")) == 200


async def test_a_disabled_user_is_out_at_once_and_gets_the_generic_answer(own_gateway: Gateway) -> None:
    async with Browser(own_gateway.url) as ann, Browser(own_gateway.url) as wrong:
        await login(ann)
        assert own_gateway.run("users", "disable", "ann@example.com").returncode == 0
        assert (await ann.get("/")).status == 303
        refused = await login(ann)
        mistaken = await login(wrong, password="not the password")
        assert refused.status == mistaken.status == 401
        assert refused.words == mistaken.words


async def test_groups_taken_away_by_command_are_felt_by_the_next_request(own_gateway: Gateway) -> None:
    async with Browser(own_gateway.url) as ann:
        assert (await login(ann, path="/admin")).status == 200
        assert own_gateway.run("users", "set-groups", "ann@example.com", "--group", "readers").returncode == 0
        assert (await ann.get("/admin")).status == 403
        assert identity(await ann.get("/"))["x-user-groups"] == "readers"


@pytest.fixture
def lasting_redis() -> Iterator[Redis]:
    """A Redis that keeps its data over a restart, as the recipes configure it."""
    with Redis(options=("--appendonly", "yes", "--appendfsync", "always")) as server:
        yield server


@pytest.mark.parametrize("way", ["hanging", "gone"])
async def test_redis_away_and_back(
    start_gateway: Callable[..., Gateway], lasting_redis: Redis, postgres_url: str, upstream: EchoUpstream, way: str
) -> None:
    gateway = prepared(start_gateway, lasting_redis.url, postgres_url, upstream.url)
    async with Browser(gateway.url) as ann, Browser(gateway.url) as nobody:
        await login(ann)
        cookie = ann.cookies["gw"].value
        lasting_redis.pause() if way == "hanging" else lasting_redis.stop()
        while True:
            started = asyncio.get_running_loop().time()
            page = await ann.get("/")
            assert asyncio.get_running_loop().time() - started < 1
            if page.status != 200:  # a copy serves until the silence is noticed, within session.cache_lease
                break
        assert page.status == 503
        assert page.headers["Retry-After"] == "5"
        assert page.set_cookies == []
        assert "still logged in" in page.words
        assert (await ann.get("/public/x")).status == 200
        assert (await nobody.get("/")).status == 303
        assert (await ann.get("/_auth/session")).status == 503
        assert gateway.admin("/readyz")[0] == 200
        assert json.loads(gateway.admin("/readyz")[1])["store"] != "ok"
        assert gateway.admin("/readyz?strict")[0] == 503
        lasting_redis.resume() if way == "hanging" else lasting_redis.start()
        wait_until(lambda: gateway.admin("/readyz?strict")[0] == 200, "Redis is back")
        assert ann.cookies["gw"].value == cookie
        assert (await ann.get("/")).status == 200, "the same session works"


async def test_database_away_people_go_on_and_logins_wait(start_gateway: Callable[..., Gateway], redis_url: str, upstream: EchoUpstream) -> None:
    with Postgres() as postgres:
        gateway = prepared(start_gateway, redis_url, postgres.fresh(), upstream.url)
        async with Browser(gateway.url) as ann, Browser(gateway.url) as bob:
            await login(ann)
            page = await bob.get("/_auth/login")
            postgres.stop()
            assert (await ann.get("/")).status == 200
            assert gateway.admin("/readyz?strict")[0] == 503
            page = await bob.submit(page.form, email="bob@example.com", password=PASSWORD)
            assert page.status == 503
            assert "gw" not in bob.cookies


async def test_new_keys_with_old_cookies_still_valid(own_gateway: Gateway) -> None:
    async with Browser(own_gateway.url) as ann:
        await login(ann)
        fresh = {"id": "fresh", "secret": own_gateway.run("keys", "generate", config=False).stdout.strip()}
        own_gateway.configure({"keys": [fresh, *own_gateway.config["keys"]]})
        own_gateway.reload()
        wait_until(lambda: any(line.get("audit") == "config:reload" for line in own_gateway.log_lines()), "reload")
        old = ann.cookies["gw"].value
        assert (await ann.get("/")).status == 200
        await ann.submit((await ann.get("/_auth/logout")).form)
        await login(ann)
        assert ann.cookies["gw"].value[:14] != old[:14], "sealed with the new key"
        published = [key["kid"] for key in (await ann.get("/_auth/jwks.json")).json()["keys"]]
        assert published == ["fresh", "test"]


async def test_an_unknown_host_and_an_unknown_own_page(gateway: Gateway) -> None:
    port = gateway.port
    assert raw(gateway, f"GET / HTTP/1.1\r\nHost: other.example:{port}\r\nConnection: close\r\n\r\n") == 421
    async with Browser(gateway.url) as nobody:
        assert (await nobody.get("/_auth/nothing")).status == 404


async def test_nothing_secret_in_the_log(own_gateway: Gateway) -> None:
    own_gateway.configure({"log": {"level": "debug"}})
    own_gateway.reload()
    async with Browser(own_gateway.url) as ann:
        page = await login(ann, path="/?code=very-secret-code")
        assertion = identity(page)["x-gateway-jwt-assertion"]
        token = (await ann.get("/_auth/logout")).form.fields["csrf_token"]
        secrets = [PASSWORD, ann.cookies["gw"].value, ann.cookies["gw-csrf"].value, token, assertion, "very-secret-code"]
        secrets.append(own_gateway.config["keys"][0]["secret"])
        await ann.submit((await ann.get("/_auth/logout")).form)
        await login(ann, password="a mistyped secret")
    log = own_gateway.log()
    for secret in [*secrets, "a mistyped secret"]:
        assert secret not in log
    shown = own_gateway.run("config", "show").stdout
    assert own_gateway.config["keys"][0]["secret"] not in shown
