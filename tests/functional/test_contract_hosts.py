"""Several hosts behind one gateway that speaks TLS, one cookie domain and a host outside of it: where login is asked for, and with which cookies."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.browser import Browser, Page
from tests.certificates import Authority
from tests.gateways import PASSWORD, Gateway
from tests.servers import free_port
from tests.upstreams import EchoUpstream

AUTH, APP, DEEP, OUTSIDE = "https://auth.example.test", "https://app.example.test", "https://a.b.example.test", "https://shop.elsewhere.test"


@pytest.fixture(scope="module")
def gateway(authority: Authority) -> Iterator[Gateway]:
    issued = authority.issue("auth.example.test", "app.example.test", "a.b.example.test", "shop.elsewhere.test")
    with EchoUpstream() as upstream:
        port = free_port()
        sections = {
            "server": {
                "listen": f"127.0.0.1:{port}",
                "public_url": AUTH,
                "tls": {"certificate_file": str(issued.certificate), "key_file": str(issued.key)},
            },
            "session": {"cookie": {"domain": "example.test", "persistent": True}},
            "login": {"throttle": {"per_ip": "10000/1m"}},
            "routes": [
                {"name": "app", "host": "app.example.test", "path": "/", "upstream": upstream.url, "access": "login"},
                {"name": "deep", "host": "*.b.example.test", "path": "/", "upstream": upstream.url, "access": "login"},
                {"name": "shop", "host": "shop.elsewhere.test", "path": "/", "upstream": upstream.url, "access": "login"},
            ],
        }
        with Gateway(sections) as running:
            running.port = port
            running.add_user("ann@example.com")
            yield running


@pytest.fixture
def visit(gateway: Gateway, authority: Authority) -> Callable[[str], Browser]:
    return lambda base: Browser(base, ports={443: gateway.port}, trust=authority.context())


async def submit(browser: Browser, page: Page, *, remember: bool = False) -> Page:
    """Log in with the form of `page`."""
    if remember:
        return await browser.submit(page.form, email="ann@example.com", password=PASSWORD, remember="1")
    return await browser.submit(page.form, email="ann@example.com", password=PASSWORD)


def session_line(page: Page) -> str:
    """The Set-Cookie that gives a session."""
    (line,) = [line for line in page.set_cookies if "gw=" in line and "Max-Age=0" not in line]
    return line


async def test_one_login_for_all_hosts_that_the_cookie_covers(visit: Callable[[str], Browser]) -> None:
    async with visit(APP) as ann:
        page = await ann.get("/report?a=1&b=%2F")
        assert page.status == 303
        asked = urlsplit(page.headers["Location"])
        assert (f"{asked.scheme}://{asked.netloc}{asked.path}", parse_qs(asked.query)) == (
            f"{AUTH}/_auth/login",
            {"next": [f"{APP}/report?a=1&b=%2F"]},
        )
        page = await ann.follow(page)
        assert page.headers["Content-Security-Policy"].endswith("form-action 'self' https:")
        page = await submit(ann, page)
        assert (page.status, page.location) == (303, f"{APP}/report?a=1&b=%2F")
        name, *attributes = session_line(page).split("; ")
        assert name.startswith("__Secure-gw=")
        assert len(name.removeprefix("__Secure-gw=")) <= 200
        assert attributes == ["Path=/", "Max-Age=43200", "HttpOnly", "SameSite=Lax", "Secure", "Domain=example.test"]
        assert [line for line in page.set_cookies if "Max-Age=0" in line] == ["__Secure-gw=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure"]
        assert "__Host-gw-csrf" in ann.cookies
        assert ann.cookies.refused == []
        page = await ann.follow(page)
        assert page.status == 200
        told = {name.lower(): value for name, value in page.json()["headers"]}
        assert (told["x-forwarded-proto"], told["x-forwarded-host"], told["x-forwarded-port"]) == ("https", "app.example.test", "443")
        assert "gw" not in json.dumps(told.get("cookie", ""))
        assert (await ann.get(f"{DEEP}/")).status == 200, "the same session"
        assert (await ann.get(f"{OUTSIDE}/")).status == 303, "is not sent to another domain"


async def test_a_host_outside_has_a_session_of_its_own(visit: Callable[[str], Browser]) -> None:
    async with visit(OUTSIDE) as ann:
        page = await ann.get("/cart")
        assert page.headers["Location"] == "/_auth/login?next=/cart"
        page = await submit(ann, await ann.follow(page), remember=True)
        attributes = session_line(page).split("; ")[1:]
        assert attributes == ["Path=/", "Max-Age=2592000", "HttpOnly", "SameSite=Lax", "Secure"]
        assert (await ann.follow(page)).status == 200
        assert (await ann.get(f"{AUTH}/_auth/session")).status == 401


async def test_logging_out_clears_the_cookie_as_it_was_set(visit: Callable[[str], Browser]) -> None:
    for base, domain in ((APP, "; Domain=example.test"), (OUTSIDE, "")):
        async with visit(base) as ann:
            await submit(ann, await ann.get("/_auth/login"))
            page = await ann.submit((await ann.get("/_auth/logout")).form)
            assert f"__Secure-gw=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure{domain}" in page.set_cookies
            assert page.location == f"{base}/_auth/signed-out"
            assert "__Secure-gw" not in ann.cookies


async def test_public_url_without_a_route_leads_to_who_is_logged_in(visit: Callable[[str], Browser]) -> None:
    async with visit(AUTH) as ann:
        page = await ann.get("/")
        assert (page.status, page.headers["Location"]) == (303, "/_auth/account")
        assert (await ann.get("/other")).status == 404
        page = await submit(ann, await ann.get("/", follow=True))
        assert page.location == f"{AUTH}/_auth/account"
        page = await ann.follow(page)
        assert (page.status, "ann@example.com" in page.words) == (200, True)


async def test_other_hosts_serve_what_a_login_needs_and_send_on_the_rest(visit: Callable[[str], Browser]) -> None:
    async with visit(OUTSIDE) as nobody:
        for path in ("/_auth/login", "/_auth/logout", "/_auth/signed-out", "/_auth/jwks.json"):
            assert (await nobody.get(path)).status == 200, path
        assert (await nobody.get("/_auth/session")).status == 401
        page = await nobody.get("/_auth/account?x=1")
        assert (page.status, page.headers["Location"]) == (303, f"{AUTH}/_auth/account?x=1")


async def test_a_host_that_nobody_named(visit: Callable[[str], Browser], gateway: Gateway) -> None:
    async with visit(APP) as nobody:
        for host in ("evil.test", "example.test", "b.example.test", "xapp.example.test"):
            assert (await nobody.get("/", headers={"Host": host})).status == 421, host
            assert (await nobody.get("/_auth/login", headers={"Host": host})).status == 421, host
            assert (await nobody.get("/_auth/jwks.json", headers={"Host": host})).status == 200, host
        page = await nobody.get("/_auth/nothing", headers={"Host": "evil.test"})
        assert page.status == 421, "own paths included, but for keys, assets and checks"


@pytest.mark.parametrize(
    ("target", "good"),
    [
        (f"{APP}/x?y=1", True),
        (f"{DEEP}/x", True),
        (f"{OUTSIDE}/x", True),
        (f"{AUTH}/x", True),
        ("/x", True),
        ("https://other.example.test/", False),
        ("https://b.example.test/", False),
        ("https://evil.b.example.test.evil.test/", False),
        ("http://app.example.test/", False),
        ("https://app.example.test:8443/", False),
        ("https://ann@app.example.test/", False),
        (f"{APP}/_auth/logout", False),
    ],
)
async def test_where_next_may_lead(visit: Callable[[str], Browser], target: str, good: bool) -> None:
    async with visit(AUTH) as ann:
        page = await ann.get("/_auth/login")
        fields = {**page.form.fields, "email": "ann@example.com", "password": PASSWORD, "next": target}
        page = await ann.post("/_auth/login", fields)
        assert page.status == 303
        assert page.headers["Location"] == (target if good else "/")
        again = await ann.get(f"/_auth/login?next={target.replace('&', '%26').replace('?', '%3F')}")
        assert (again.status, again.headers["Location"]) == (303, target if good else "/"), "logged in already: judged in the same way"


async def test_a_form_that_was_not_sent_comes_back_to_its_own_page(visit: Callable[[str], Browser]) -> None:
    async with visit(APP) as nobody:
        for referer, back in ((f"{APP}/edit?id=1#x", f"{APP}/edit?id=1"), ("https://evil.test/edit", f"{APP}/"), ("", f"{APP}/")):
            page = await nobody.post("/save", {"text": "long"}, headers={"Referer": referer})
            assert (page.status, page.headers["WWW-Authenticate"]) == (401, 'Cookie realm="auth.example.test"')
            (link,) = [target for _, target in page.links if "/_auth/login" in target]
            assert (link.partition("?")[0], parse_qs(urlsplit(link).query)) == (f"{AUTH}/_auth/login", {"next": [back]})
            assert "not sent" in page.words
