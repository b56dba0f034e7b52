"""Where people are sent: corpus R of redirect targets, extended, and where login is asked for."""

from __future__ import annotations

import itertools
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.core.places import MOST_NEXT, AllowedHost, Places
from gateway.core.routes import RouteTable
from gateway.core.urls import Origin
from tests.samples import sample_facts, sample_route

ROUTES = RouteTable(
    [
        sample_route("app", host="app.good.example"),
        sample_route("wild", host="*.apps.good.example"),
        sample_route("far", host="*.elsewhere.example"),
        sample_route("any", host="*"),
    ]
)
PLACES = Places(Origin("https", "auth.good.example", 443), "/_auth", None, (AllowedHost("partner.example"), AllowedHost("dev.example", 8443)), ROUTES)
SHARED = replace(PLACES, cookie_domain="good.example")
HERE = "app.good.example"


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/a?b=c#d",
        "/a//b",
        "/x?u=https://y",
        "/x?u=//evil",
        "/x#//evil",
        "/%C3%A4%20b",
        "/a;b=c",
        "/...",
        "/?",
        "/_auth",
        "/_auth/",
        "/_auth/account",
        "/_auth/loginx",
        "/login",
        "/_authx/login",
        "https://app.good.example/path",
        "https://app.good.example",
        "https://app.good.example:443/path?x#y",
        "https://auth.good.example/_auth/account",
        "https://partner.example/x",
        "https://dev.example:8443/x",
        "https://APP.good.example/x",
    ],
)
def test_r_what_must_be_accepted(target: str) -> None:
    assert PLACES.safe_next(target, HERE) == target


STARTS = [
    "/",
    "//",
    "///",
    "/\\",
    "\\",
    "\\\\",
    "\\/",
    "/\\/",
    "./",
    "../",
    "",
    " /",
    "\t/",
    "\n//",
    "/\t/",
    "/\n/",
    "/\r/",
    "/%09/",
    "/%0a/",
    "/%0d%0a/",
    "/%0b/",
]
MORE = [
    "/%00/",
    "/%5c",
    "/%5C",
    "/%255c",
    "/%252f",
    "/%2f",
    "/%2F",
    "/.//",
    "/..//",
    "/./",
    "/%2e/",
    "/%2e%2e//",
    "/x/..//",
    "/x/../..//",
    "//;@",
    "//@",
]
SCHEMES = [
    "https:",
    "https:/",
    "http://",
    "HTTPS:",
    "javascript:",
    "data:text/html,",
    "vbscript:",
    "file:///",
    "ftp://",
    "ws://",
    "//https:",
    "https:\\",
    "https:\\\\",
]
HOSTS = ["evil", "evil.example", "good.example.evil.example", "badgood.example", "[::1]", "2130706433", "evil.example:443"]


def crafted() -> list[str]:
    leading = [start for start in (*STARTS, *MORE) if start not in ("/", "", "./", "../", "/x/..//", "/./", "/%2e/")]
    made = [f"{start}{host}" for start, host in itertools.product(leading, HOSTS)]
    made += [f"{scheme}{host}" for scheme, host in itertools.product(SCHEMES, HOSTS)]
    made += [f"https://{host}/x" for host in HOSTS]
    made += [
        f"https://app.good.example{join}evil.example/"
        for join in ("@", ":@", ":443@", "%40", ".", "%00.", "%2e", "\\@", "\\.", "%5c", "。", "%E3%80%82")
    ]
    made += [f"https://evil.example{join}app.good.example/" for join in ("#", "#@", "?", "?@", "/", "/@", "\\", "\\@", "%23@", "%2f@", ";", ",")]
    made += [
        f"https://{host}"
        for host in ("user@app.good.example", "user:pw@app.good.example", "@app.good.example", "app.good.example:", "app.good.example:0")
    ]
    made += [
        "https://app.good.example:8443/",
        "https://dev.example/",
        "https://dev.example:443/",
        "https://partner.example:8443/",
        "http://app.good.example/",
    ]
    made += [
        "https://",
        "https:///x",
        "https:////evil",
        "://app.good.example/",
        "https://app.good.example evil.example",
        "https://app.good.example\n",
    ]
    made += [
        "https://unnamed.example/",
        "https://x.elsewhere.example/",
        "https://x.apps.good.example/",
        "https://sub.app.good.example/",
        "https://good.example/",
    ]
    made += ["/a b", "/ä", "/\u2028", "/a\x7f", "/a\\b", "\x00/", "/\ud800", "a", "a/b", "?x", "#x", "*", "app.good.example", "mailto:x@y"]
    made += [f"/_auth/{page}{end}" for page, end in itertools.product(("login", "logout", "check", "check/nginx"), ("", "/", "?x", "#x", "/x"))]
    made += [
        "/_auth/%6cogin",
        "/_auth/log%6fut",
        "/%5fauth/logout",
        "/%255fauth/logout",
        "/_auth/%256cogout",
        "/_auth/x/../logout",
        "/_auth/./logout",
    ]
    made += ["/_auth//logout", "/_auth/%2flogout", "/x/%2e%2e/_auth/logout", "/x/..%2f_auth/logout", "https://auth.good.example/_auth/logout"]
    made += ["https://app.good.example/_auth/login?next=/", "https://app.good.example//evil", "https://app.good.example/../_auth/logout"]
    return made


@pytest.mark.parametrize("places", [PLACES, SHARED], ids=["own", "shared"])
def test_r_what_must_never_be_followed(places: Places) -> None:
    reachable = {"https://x.apps.good.example/"} if places is SHARED else set()
    followed = [target for target in crafted() if places.safe_next(target, HERE) != "/"]
    assert set(followed) == reachable


@pytest.mark.parametrize("target", [None, ""])
def test_without_a_target_it_is_the_root(target: str | None) -> None:
    assert PLACES.safe_next(target, HERE) == "/"


def test_a_target_is_at_most_2000_bytes() -> None:
    longest = "/" + "a" * (MOST_NEXT - 1)
    assert PLACES.safe_next(longest, HERE) == longest
    assert PLACES.safe_next(longest + "a", HERE) == "/"


def test_the_request_s_own_host_is_good_even_where_only_a_star_names_it() -> None:
    assert PLACES.safe_next("https://mine.example/x", "mine.example") == "https://mine.example/x"
    assert PLACES.safe_next("https://mine.example/x", HERE) == "/"


def test_hosts_below_a_wildcard_are_good_only_where_the_cookie_reaches() -> None:
    assert SHARED.safe_next("https://x.apps.good.example/", HERE) == "https://x.apps.good.example/"
    assert SHARED.safe_next("https://x.elsewhere.example/", HERE) == "/"


def test_public_url_with_a_port_of_its_own() -> None:
    places = replace(PLACES, public=Origin("http", "localhost", 8080))
    assert places.safe_next("http://localhost:8080/x", "localhost") == "http://localhost:8080/x"
    assert places.safe_next("http://localhost/x", "localhost") == "/"
    assert places.safe_next("https://localhost:8080/x", "localhost") == "/"
    assert places.safe_next("http://partner.example:8080/x", "localhost") == "http://partner.example:8080/x"


@pytest.mark.parametrize(
    ("target", "places", "absolute", "url"),
    [
        ("/", PLACES, False, "/_auth/login"),
        ("/a?b=c&d", PLACES, False, "/_auth/login?next=/a%3Fb%3Dc%26d"),
        ("/a%20b", PLACES, False, "/_auth/login?next=/a%2520b"),
        ("/a", PLACES, True, "https://app.good.example/_auth/login?next=/a"),
        ("/a", SHARED, False, "https://auth.good.example/_auth/login?next=https://app.good.example/a"),
        ("/", SHARED, False, "https://auth.good.example/_auth/login?next=https://app.good.example/"),
        ("/" + "a" * 2100, PLACES, False, "/_auth/login"),
    ],
)
def test_where_login_is_asked_for(target: str, places: Places, absolute: bool, url: str) -> None:
    facts = sample_facts(target, host=HERE)
    assert places.login_url(facts, absolute=absolute) == url


def test_login_at_public_url_itself_comes_back_by_path() -> None:
    facts = sample_facts("/x", host="auth.good.example")
    assert SHARED.login_url(facts) == "https://auth.good.example/_auth/login?next=/x"


def test_what_login_is_asked_for_with_is_followed_afterwards() -> None:
    for places, target in itertools.product((PLACES, SHARED), ("/a", "/a?b=c", "/a%20b", "/a;b?c=/d//e")):
        query = urlsplit(places.login_url(sample_facts(target, host=HERE))).query
        (back,) = parse_qs(query)["next"]
        assert places.safe_next(back, HERE) == back
        assert back.endswith(target)


@pytest.mark.parametrize(
    ("path", "own"),
    [
        ("/_auth", "/"),
        ("/_auth/", "/"),
        ("/_auth/login", "/login"),
        ("/_auth/static/x", "/static/x"),
        ("/_authx", None),
        ("/_aut", None),
        ("/", None),
        ("/x/_auth/login", None),
        ("/_AUTH/login", None),
    ],
)
def test_own_paths(path: str, own: str | None) -> None:
    assert PLACES.own(path) == own
    assert PLACES.public_url("/login") == "https://auth.good.example/_auth/login"
