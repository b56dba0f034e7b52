"""Hosts, targets and the path that is judged. U numbers are the proxy checklist's; the corpus of paths is P, extended."""

from __future__ import annotations

import itertools

import pytest

from gateway.core.access import Effect, Rule
from gateway.core.decide import AskLogin, Nobody, Refuse, decide, select
from gateway.core.decide import Malformed as MalformedDecision
from gateway.core.globs import Glob
from gateway.core.urls import Authority, Malformed, Origin, canonical_host, covers, parse_authority, parse_target, remove_dots
from tests.samples import sample_facts, sample_route, sample_snapshot


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("example.com", "example.com", None),
        ("EXAMPLE.Com", "example.com", None),
        ("example.com.", "example.com", None),
        ("example.com.:8443", "example.com", 8443),
        ("example.com:80", "example.com", 80),
        ("example.com:00080", "example.com", 80),
        ("localhost", "localhost", None),
        ("under_score.example.com", "under_score.example.com", None),
        ("xn--bcher-kva.example", "xn--bcher-kva.example", None),
        ("127.0.0.1:8080", "127.0.0.1", 8080),
        ("[::1]", "[::1]", None),
        ("[::1]:80", "[::1]", 80),
        ("[0:0:0:0:0:0:0:1]", "[::1]", None),
        ("[2001:DB8::A]:443", "[2001:db8::a]", 443),
        ("a" * 63 + ".example", "a" * 63 + ".example", None),
    ],
)
def test_u8_hosts_in_the_form_that_is_matched(text: str, host: str, port: int | None) -> None:
    assert parse_authority(text) == Authority(host, port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        ".example.com",
        "example..com",
        "example.com..",
        ":80",
        "example.com:",
        "example.com:0",
        "example.com:65536",
        "example.com:99999",
        "example.com:-1",
        "example.com:+80",
        "example.com:8o",
        "example.com:80:80",
        "example.com:٨٠",
        "user@example.com",
        "user:pw@example.com",
        "example.com/x",
        "example.com\\x",
        "example.com?x",
        "example.com#x",
        "example.com evil.com",
        "example.com,evil.com",
        " example.com",
        "example.com ",
        "example.com\t",
        "example.com\r\nX: 1",
        "example.com\x00",
        "exa%6dple.com",
        "exämple.com",
        "example。com",
        "ｅxample.com",
        "*.example.com",
        "-example.com",
        "example-.com",
        "::1",
        "[::1",
        "::1]",
        "[::1]x",
        "[::1%25eth0]",
        "[v1.x]",
        "[127.0.0.1]",
        "[]",
        "a" * 64 + ".example",
        ".".join(["a" * 50] * 6),
        "<script>",
        "'",
    ],
)
def test_u8_what_is_no_host(text: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse_authority(text)
    assert len(text) < 3 or text not in str(caught.value)


@pytest.mark.parametrize(
    ("domain", "host", "covered"),
    [
        ("example.com", "example.com", True),
        ("example.com", "app.example.com", True),
        ("example.com", "a.b.example.com", True),
        ("example.com", "badexample.com", False),
        ("example.com", "example.com.evil", False),
        ("example.com", "com", False),
        ("app.example.com", "example.com", False),
        ("example.com", "", False),
        ("example.com", "example.comx", False),
        ("example.com", "-example.com", False),
    ],
)
def test_a_domain_covers_on_label_borders(domain: str, host: str, covered: bool) -> None:
    """CVE-2021-21291."""
    assert covers(domain, host) is covered


@pytest.mark.parametrize(
    ("origin", "text"),
    [
        (Origin("https", "example.com", 443), "https://example.com"),
        (Origin("https", "example.com", 8443), "https://example.com:8443"),
        (Origin("http", "example.com", 80), "http://example.com"),
        (Origin("http", "example.com", 443), "http://example.com:443"),
        (Origin("http", "[::1]", 8080), "http://[::1]:8080"),
    ],
)
def test_an_origin_as_text(origin: Origin, text: str) -> None:
    assert str(origin) == text


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/", "/", None),
        ("/?", "/", ""),
        ("/a/b.c", "/a/b.c", None),
        ("/a/", "/a/", None),
        ("/a%20b", "/a b", None),
        ("/a+b", "/a+b", None),
        ("/%7Euser", "/~user", None),
        ("/a;v=1/b", "/a;v=1/b", None),
        ("/a:b@c", "/a:b@c", None),
        ("/a..b/...c/.d/e.", "/a..b/...c/.d/e.", None),
        ("/%C3%A4", "/ä", None),
        ("/a%3Fb", "/a?b", None),
        ("/a%23b", "/a#b", None),
        ("/100%25", "/100%", None),
        ("/a?b=../../c&d=%2e%2e//", "/a", "b=../../c&d=%2e%2e//"),
        ("/a?b?c", "/a", "b?c"),
        ("/a?%zz", "/a", "%zz"),
        ("/a?x='[]", "/a", "x='[]"),
    ],
)
def test_u1_u2_ordinary_targets_are_read_once_and_kept_as_sent(target: str, path: str, query: str | None) -> None:
    read = parse_target(target)
    assert (read.path, read.query, read.encoded) == (path, query, False)
    assert read.raw_path + ("" if read.query is None else f"?{read.query}") == target


@pytest.mark.parametrize(
    "target",
    [
        "",
        "a",
        "*",
        "?a",
        "http://evil/x",
        "//evil#",
        "/a#b",
        "/a?b#c",
        "/a b",
        "/a\tb",
        "/a\nb",
        "/a\r\nX: 1",
        "/a\x00b",
        "/a\x7fb",
        "/ä",
        "/a\udc80",
        "/%",
        "/%2",
        "/%zz",
        "/%u002e%u002e/",
        "/%%32%65",
        "/%00",
        "/a%0d%0ab",
        "/a%09b",
        "/a%1fb",
        "/a%7fb",
        "/%c0%ae%c0%ae/",
        "/%c0%af",
        "/%c1%9c",
        "/%e0%80%ae",
        "/%e0%80%af",
        "/%f0%80%80%ae",
        "/%F0%80%80%AF",
    ],
)
def test_u7_targets_that_nobody_should_read(target: str) -> None:
    with pytest.raises(Malformed):
        parse_target(target)


@pytest.mark.parametrize(
    ("path", "clean"),
    [
        ("/", "/"),
        ("/.", "/"),
        ("/..", "/"),
        ("/../..", "/"),
        ("/a/..", "/"),
        ("/a/../", "/"),
        ("/a/.", "/a/"),
        ("/a/b/..", "/a/"),
        ("/a/b/../c", "/a/c"),
        ("/a/./b/", "/a/b/"),
        ("//a///b//", "/a/b/"),
        ("/a/../../b", "/b"),
        ("/...", "/..."),
        ("/a..", "/a.."),
        ("/..a/.b", "/..a/.b"),
    ],
)
def test_dots_are_removed_as_in_rfc_3986(path: str, clean: str) -> None:
    assert remove_dots(path) == clean


PUBLIC = Rule(Effect.PUBLIC, "c:1", paths=(Glob("/public/**"),))
DENY = Rule(Effect.DENY, "c:2", paths=(Glob("/admin"), Glob("/admin/**")))
LOGIN = Rule(Effect.LOGIN, "c:3")
#: Ways to write `/`, `.` and `..` that some program understands.
SLASHES = [
    "/",
    "//",
    "%2f",
    "%2F",
    "%5c",
    "%5C",
    "%252f",
    "%255c",
    "%25252f",
    "/%2f",
    "%2f/",
    "/./",
    "/%2e/",
    "/;/",
    "/;x=1/",
    "%ef%bc%8f",
    "/.;/",
]
DOTS = [
    "..",
    "%2e%2e",
    "%2E.",
    ".%2e",
    "%252e%252e",
    "%25252e%25252e",
    "..;",
    "..;x=1",
    "..%3b",
    "..%00x",
    "%2e%2e;",
    "..%3bx",
    "%ef%bc%8e%ef%bc%8e",
    "%e2%80%a5",
]
BARE = ["", "/", "/x", "%2fx", "?/public/", "%3f/public/", "%23", ";x", "%3bx", "%00", "/.", "/..", "%2e", "%20", "%09", "%c0%af"]


def crafted() -> list[str]:
    made = [f"/public{first}{dots}{second}admin" for first, dots, second in itertools.product(SLASHES, DOTS, SLASHES)]
    made += [f"/public/x{first}{dots}{second}{dots}{first}admin" for first, dots, second in itertools.product(SLASHES[:8], DOTS, SLASHES[:8])]
    made += [f"/admin{end}" for end in BARE] + [f"/admin/../public/..{slash}admin" for slash in SLASHES]
    made += [f"{slash}admin" for slash in SLASHES if slash[0] == "/"] + [f"/{slash}admin" for slash in SLASHES]
    made += [f"/%2561dmin{end}" for end in BARE] + [f"/%61dmin{end}" for end in BARE] + [f"/%25%36%31dmin{end}" for end in BARE]
    return made


@pytest.mark.parametrize("keep", [False, True])
def test_p_no_spelling_of_a_protected_path_is_public(keep: bool) -> None:
    """If a strict or a decoding upstream could see /admin, nobody passes without a session, whatever `encoded_paths` says."""
    route = sample_route("app", "/", PUBLIC, DENY, LOGIN, encoded_paths="keep" if keep else "reject")
    places = sample_snapshot(route).places
    passed = []
    for target in crafted():
        try:
            facts = sample_facts(target)
        except Malformed:
            continue
        selected = select(facts, places)
        if isinstance(selected, MalformedDecision):
            continue
        assert not hasattr(selected, "host"), target
        decision = decide(facts, selected, Nobody.ANONYMOUS)  # type: ignore[arg-type]  # the table has a route for every path
        if not isinstance(decision, (AskLogin, Refuse)):
            passed.append(target)
    assert passed == []


@pytest.mark.parametrize(
    "target",
    [
        "/public/../admin",
        "/public/%2e%2e/admin",
        "/public/..%2fadmin",
        "/public/..%5cadmin",
        "/public/..;/admin",
        "/public//../admin",
        "//admin",
        "/./admin",
        "/public/%252e%252e/admin",
        "/public/a%2fb",
        "/public/a%5cb",
        "/a//b",
        "/a/;/b",
        "/a/.;x/b",
        "/public/%ef%bc%8e%ef%bc%8e/admin",
        "/public/.",
        "/public/..",
        "/%2e",
        "/a\\b",
    ],
)
def test_u3_what_is_not_its_own_canonical_form_is_marked(target: str) -> None:
    assert parse_target(target).encoded


@pytest.mark.parametrize("target", ["/public/x", "/public/a%20b", "/public/%C3%A4?x=../admin", "/public/a;b=c", "/public/...", "/public/a.b..c"])
def test_u3_honest_paths_stay_public(target: str) -> None:
    places = sample_snapshot(sample_route("app", "/", PUBLIC, DENY, LOGIN)).places
    selected = select(sample_facts(target), places)
    assert getattr(selected, "rule", None) is PUBLIC


def test_the_longest_host_is_254_with_its_dot() -> None:
    longest = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])
    assert canonical_host(longest + ".") == longest
    with pytest.raises(Malformed):
        canonical_host(longest + "ee")
