"""Corpus R and what grows from it: neither a login nor a logout leads to another site, wherever `next` comes in and wherever it is used.

The oracle reads an address as browsers do (WHATWG URL): white space and control characters around it are cut off, tabs and line breaks inside it are
removed, a backslash is a slash, and any number of slashes begins a host.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.browser import Browser
from tests.gateways import PASSWORD, Gateway
from tests.samples import sample_route, sample_snapshot
from tests.upstreams import EchoUpstream

ANN = "ann@example.com"
EDGES = "".join(map(chr, range(33)))


def host_of(text: str) -> str | None:
    """The host that a browser goes to, None where it stays; a scheme that is not http's is a host of its own."""
    text = re.sub("[\t\r\n]", "", text.strip(EDGES)).replace("\\", "/")
    scheme, colon, rest = text.partition(":")
    if colon and re.fullmatch("[A-Za-z][A-Za-z0-9+.-]*", scheme):
        if scheme.lower() not in ("http", "https"):
            return f"{scheme.lower()}:"
        text = f"//{rest.lstrip('/')}"
    if not text.startswith("//"):
        return None
    authority = re.split("[/?#]", text.lstrip("/"), maxsplit=1)[0]
    return unquote(authority.rpartition("@")[2]).partition(":")[0].lower().rstrip(".")


PIECES = st.sampled_from(
    [
        *("/", "//", "\\", ":", "@", "#", "?", ".", "..", ";", "-", "_", "%", " ", "\t", "\n", "\0", "\x0b", "\x7f", "é", "。", "\xad", "[", "]"),
        *(
            "http:",
            "https:",
            "https://",
            "HTTPS://",
            "javascript:",
            "data:",
            "%2f",
            "%5c",
            "%2e",
            "%09",
            "%0d%0a",
            "%00",
            "%20",
            "%252f",
            "%255c",
            "%40",
        ),
        *("auth.example.com", "wiki.example.com", "evil.example", "example.com", ":443", ":8443", "a", "_auth", "login", "logout", "check"),
    ]
)


@settings(max_examples=1500, deadline=None)
@given(pieces=st.lists(PIECES, max_size=8))
@example(pieces=["/", "\\", "evil.example"])
@example(pieces=["https://", "auth.example.com", "@", "evil.example"])
@example(pieces=["https://", "wiki.example.com", ".", "evil.example"])
def test_what_is_safe_stays_however_often_it_is_decoded(pieces: list[str]):
    places = sample_snapshot(sample_route(), sample_route("any", "/", host="*"), sample_route("below", "/", host="*.apps.example.com")).places
    target = places.safe_next("".join(pieces), "here.example.com")
    for _ in range(4):
        assert host_of(target) in (None, "auth.example.com", "wiki.example.com", "here.example.com")
        assert not re.search("/_auth/+(login|logout|check)", target.partition("?")[0].partition("#")[0])
        target = unquote(target)


SLASHES = (
    "//",
    "///",
    "/\\",
    "\\\\",
    "\\/",
    "/\\/",
    "/%09/",
    "/%0a/",
    "/%0d/",
    "/%0d%0a/",
    "/%0b/",
    "/.//",
    "/..//",
    "/%5c",
    "/%2f",
    "/%252f",
    "/%255c",
)
EVIL = [
    *(f"{slashes}evil.example{rest}" for slashes in SLASHES for rest in ("", "/x", ":443/x", "%2f..", "@localhost")),
    *(f"{edge}//evil.example" for edge in (" ", "\t", "\n", "\r", "\0", "\x0b", "\x1f", "\x7f", "\xa0", "%20", "%09", "%00", "%e3%80%80")),
    *(
        f"{scheme}evil.example"
        for scheme in ("https:", "https:/", "https:///", "http://", "HTTPS://", "ftp://", "//user@", "http:\\\\", "blob:", "h\tttp://")
    ),
    *(
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "/javascript:alert(1)//\\evil.example",
    ),
    *(
        f"http://{host}/"
        for host in ("localhost@evil.example", "evil.example#@localhost", "localhost.evil.example", "xlocalhost", "localhost%2eevil.example")
    ),
    *(
        f"http://{host}/"
        for host in ("localhost\\@evil.example", "localhost:80@evil.example", "127.0.0.1", "[::1]", "0x7f.1", "localhost%00.evil.example")
    ),
    *(
        "http://localhost:1/",
        "http://localhost.:1/x",
        "http://evil.example\\localhost/",
        "?next=//evil.example",
        "evil.example",
        ".evil.example",
        "@evil.example",
    ),
    "/" + "a" * 2000,
]
GOOD = ["/", "/a?b=c#d", "/a//b", "/x?u=https://y.example", "/%20x", "/.well-known/x", "/a;b=c", "/...", "/a/b@c"]


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    with EchoUpstream() as upstream:
        config = {
            "routes": [{"name": "app", "host": "localhost", "path": "/", "upstream": upstream.url, "access": "login"}],
            "login": {"throttle": {"per_ip": "10000/1m"}},
            "users": {"password": {"argon2": {"memory": "8MiB", "time": 3}}},
        }
        with Gateway(config) as running:
            running.add_user(ANN)
            yield running


@pytest.fixture
async def stranger(gateway: Gateway) -> AsyncIterator[Browser]:
    async with Browser(gateway.url) as browser:
        yield browser


async def log_in(browser: Browser) -> None:
    page = await browser.get("/_auth/login")
    assert (await browser.submit(page.form, email=ANN, password=PASSWORD)).status == 303


async def test_no_target_leads_to_another_site(stranger: Browser):
    """Before the login, in the form and in its link; then, logged in, at once. Raw where it can be sent, encoded once and twice."""
    form = (await stranger.get("/_auth/login")).form
    for target in EVIL:
        shown = (await stranger.get(f"/_auth/login?next={quote(target, safe='')}")).form.fields["next"]
        assert host_of(shown) in (None, "localhost"), target
        assert not shown.startswith(("//", "/\\")), target
    await log_in(stranger)
    for target in EVIL:
        for sent in (quote(target, safe=""), quote(quote(target, safe=""), safe="")):
            page = await stranger.get(f"/_auth/login?next={sent}")
            assert page.status == 303
            assert host_of(page.headers["Location"]) in (None, "localhost"), target
            assert page.headers["Location"] != target, target
    assert form.action.endswith("/_auth/login")


async def test_what_was_tampered_with_in_the_form_leads_nowhere_else(stranger: Browser):
    """7b9002e and c923e43 of caddy-security: it is judged again when it is used."""
    for target in EVIL[:: len(EVIL) // 12]:
        stranger.cookies.clear()
        page = await stranger.get("/_auth/login?next=/good")
        done = await stranger.post("/_auth/login", {**page.form.fields, "email": ANN, "password": PASSWORD, "next": target})
        assert done.status in (303, 400), target
        if done.status == 303:
            assert done.headers["Location"] == "/", target


async def test_the_page_about_a_loop_links_to_no_other_site(stranger: Browser):
    await log_in(stranger)
    for cookie in list(stranger.cookies):
        if cookie.name == "gw":
            cookie.expires = 1.0  # the browser forgets the session's cookie and keeps the form's
    for target in EVIL[::5]:
        page = await stranger.get(f"/_auth/login?next={quote(target, safe='')}")
        assert page.status == 200
        assert page.forms == [], "this is the page that explains"
        assert {host_of(link) for _, link in page.links} <= {None, "localhost"}, target
        assert "evil.example" not in page.text, target


async def test_a_logout_leads_nowhere_else(stranger: Browser):
    """CVE-2021-29456: with a session and without one."""
    for logged_in in (True, False):
        for target in EVIL[::9]:
            if logged_in:
                await log_in(stranger)
            page = await stranger.get("/_auth/logout")
            for name in ("next", "rd", "redirect", "return_to"):
                page = await stranger.get(f"/_auth/logout?{name}={quote(target, safe='')}")
                assert page.status == 200
                assert {host_of(link) for _, link in page.links} <= {None, "localhost"}
            done = await stranger.post(f"/_auth/logout?next={quote(target, safe='')}", {**page.form.fields, "next": target, "rd": target})
            if done.status != 400:
                assert (done.status, done.headers["Location"]) == (303, "/_auth/signed-out")


async def test_targets_of_ours_are_followed(stranger: Browser):
    await log_in(stranger)
    for target in GOOD:
        assert (await stranger.get(f"/_auth/login?next={quote(target, safe='')}")).headers["Location"] == target
    assert (await stranger.get("/_auth/login?next=/a&next=//evil.example")).headers["Location"] == "/"
