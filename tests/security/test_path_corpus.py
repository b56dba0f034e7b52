"""Corpus P and what grows from it: no spelling of a path is judged as one thing and served as another.

The oracle is an application that does whatever servers are known to do with a path, in any order: decode (again), fold slashes, read `\\` as `/`, cut
path parameters, cut what follows a `?`, `#` or NUL, read compatibility characters as what they look like, and then resolve dots. If it could see
`/admin`, a stranger hears 400, 401 or is asked to log in.
"""

from __future__ import annotations

import re
import socket
import unicodedata
from collections.abc import Callable, Iterator
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.core.access import Effect, Rule
from gateway.core.decide import Selected, select
from gateway.core.forwarding import forwarded_target
from gateway.core.globs import Glob
from gateway.core.urls import Malformed
from tests.gateways import Gateway
from tests.samples import sample_facts, sample_route, sample_snapshot
from tests.upstreams import EchoUpstream

PUBLIC = Rule(Effect.PUBLIC, "gateway.yml:1", paths=(Glob("/public/**"),))
LOGIN = Rule(Effect.LOGIN, "gateway.yml:2")


def decoded(path: str) -> str:
    return unquote_to_bytes(path.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def resolved(path: str) -> str:
    """Without dot segments; empty segments count, as in RFC 3986."""
    kept: list[str] = []
    for segment in path.split("/")[1:]:
        if segment == "..":
            kept = kept[:-1]
        elif segment != ".":
            kept.append(segment)
    return "/" + "/".join(kept)


HABITS: tuple[Callable[[str], str], ...] = (
    decoded,
    resolved,
    lambda path: path.replace("\\", "/"),
    lambda path: re.sub("/+", "/", path),
    lambda path: "/".join(segment.partition(";")[0] for segment in path.split("/")),
    lambda path: path.partition(";")[0],
    lambda path: re.split("[?#\0]", path, maxsplit=1)[0],
    lambda path: re.sub("[\t\r\n]", "", path),
    lambda path: unicodedata.normalize("NFKC", path),
)


def could_become(target: str, depth: int = 4) -> set[str]:
    """Every path that habits make of a target, `depth` of them at most."""
    found = frontier = {target}
    for _ in range(depth):
        frontier = {habit(path) for path in frontier for habit in HABITS} - found
        found = found | frontier
    return found


def below(path: str, top: str) -> bool:
    return path == top or path.startswith(f"{top}/")


PIECES = st.sampled_from(
    [
        "/",
        "/",
        "/",
        "admin",
        "public",
        "..",
        "..",
        ".",
        "%2e",
        "%2E%2e",
        "%2f",
        "%5c",
        "\\",
        ";",
        "%3b",
        ";x=1",
        "%00",
        "%09",
        "%25",
        "%252e",
        "%252f",
        "%255c",
        "%25252e",
        "%c0%af",
        "%c0%ae",
        "%ef%bc%8f",
        "%ef%bc%8e",
        "?",
        "%3f",
        "%23",
        "%e2%80%a5",
        "%e2%80%a4",
        "%ef%bc%bc",
        "%ef%bc%9b",
        "%ef%bc%9f",
        "%c2%a0",
        "%61dmin",
        "%2561dmin",
        "%253f",
        "%253b",
        "a",
    ]
)
TARGETS = st.builds(lambda start, pieces: start + "".join(pieces), st.sampled_from(["/", "/public", "/public/"]), st.lists(PIECES, max_size=8))


@pytest.mark.parametrize("encoded_paths", ["reject", "keep"])
@settings(max_examples=400, deadline=None)
@given(target=TARGETS)
@example(target="/public/..;/admin")
@example(target="/public/%252e%252e/admin")
def test_what_passes_as_public_is_nothing_else_to_anybody(target: str, encoded_paths: str):
    snapshot = sample_snapshot(sample_route("app", "/", PUBLIC, LOGIN, encoded_paths=encoded_paths))
    try:
        facts = sample_facts(target)
    except Malformed:
        return
    selected = select(facts, snapshot.places)
    if isinstance(selected, Selected) and selected.rule is PUBLIC:
        assert not any(below(path, "/admin") for path in could_become(facts.raw_path))


@pytest.mark.parametrize("encoded_paths", ["reject", "keep"])
@settings(max_examples=400, deadline=None)
@given(pieces=st.lists(PIECES, max_size=8))
@example(pieces=["..;", "/", "admin"])
@example(pieces=["%25", "2e%25", "2e", "/", "admin"])
@example(pieces=["..%23"])
def test_nothing_climbs_out_of_a_prefix_that_a_route_adds(pieces: list[str], encoded_paths: str):
    route = sample_route("app", "/", Rule(Effect.PUBLIC, "gateway.yml:1"), encoded_paths=encoded_paths, add_prefix="/app")
    try:
        facts = sample_facts("/" + "".join(pieces))
        if not isinstance(select(facts, sample_snapshot(route).places), Selected):
            return
        target = forwarded_target(facts, "/", strip=False, add="/app")
    except Malformed:
        return
    assert all(below(resolved(path), "/app") for path in could_become(target.partition("?")[0]))


CLIMBS = (
    "..",
    "%2e%2e",
    ".%2e",
    "%2E.",
    "%252e%252e",
    "..;",
    "..;x=1",
    "..%3b",
    "..%00",
    "%c0%ae%c0%ae",
    "%ef%bc%8e%ef%bc%8e",
    "%e2%80%a5",
    "...",
    ".",
)
SLASHES = ("/", "%2f", "%2F", "%5c", "\\", "%252f", "//", "/./", "/;/", "%c0%af", "%ef%bc%8f", "%e2%88%95")
CORPUS = [
    *(f"/public{first}{climb}{second}admin" for climb in CLIMBS for first in ("/", "//", "/a/..;/") for second in SLASHES),
    *(f"{slash}admin" for slash in SLASHES if slash.startswith("/")),
    *(
        "/admin%00",
        "/admin%09",
        "/admin;x",
        "/admin/",
        "/admin/.",
        "/admin%2f",
        "/%61dmin",
        "/%2561dmin",
        "/./admin",
        "/admin?/public/",
        "/admin%3f/public/",
    ),
    *(
        "/public/?/../admin",
        "/public%3f/../admin",
        "/public/%23/../../admin",
        "/publicx/../admin",
        "/public;/../admin",
        "/x/public/a",
        "/_auth/../admin",
    ),
    *(
        "//admin@localhost/public/",
        "/\\admin",
        "/public/%zz",
        "/public/%",
        "/public/\x7f",
        "/public/#/../admin",
        "admin",
        "@localhost/public/x",
        "http:/public/x",
    ),
]


@pytest.fixture(scope="module")
def upstream() -> Iterator[EchoUpstream]:
    with EchoUpstream() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(upstream: EchoUpstream) -> Iterator[Gateway]:
    """The same rules on three hosts: an ordinary one, one that keeps encoded paths, and one for forward-auth; 127.0.0.1 may ask."""
    rules = [{"allow": "public", "paths": ["/public/**"]}, {"allow": "login"}]
    routes = [
        {"name": "plain", "host": "plain.test", "path": "/", "upstream": upstream.url, "access": rules},
        {"name": "kept", "host": "kept.test", "path": "/", "upstream": upstream.url, "access": rules, "encoded_paths": "keep"},
    ]
    with Gateway({"server": {"trusted_proxies": ["127.0.0.1/32"]}, "routes": routes}) as running:
        yield running


class Client:
    """Raw requests, one after the other, on a connection that is opened again when it was closed."""

    def __init__(self, port: int) -> None:
        self._port = port

    def ask(self, target: str, host: str, *lines: str) -> tuple[int, bytes]:
        head = "".join(f"{line}\r\n" for line in (f"GET {target} HTTP/1.1", f"Host: {host}", "Connection: close", *lines))
        with socket.create_connection(("127.0.0.1", self._port), timeout=10) as connection:
            connection.sendall(f"{head}\r\n".encode("latin-1"))
            said = b""
            while data := connection.recv(65536):
                said += data
        return int(said[9:12]), said


@pytest.mark.parametrize("host", ["plain.test", "kept.test"])
def test_no_path_of_the_corpus_leads_past_its_rule(gateway: Gateway, upstream: EchoUpstream, host: str):
    """CVE-2026-33494, CVE-2026-42274, CVE-2025-32431 and their kin, on the way to an upstream."""
    client = Client(gateway.port)
    for target in CORPUS:
        before = len(upstream.heads)
        status, _ = client.ask(target, host)
        reached = [head.target for head in upstream.heads[before:]]
        assert status in ((200,) if reached else (303, 400, 401, 404)), target
        for one in reached:
            assert one == target, "what is forwarded is what was sent"
            assert not any(below(path, "/admin") for path in could_become(one.partition("?")[0])), target


@pytest.mark.parametrize("dialect", ["nginx", "traefik", "caddy", "haproxy", "envoy"])
def test_no_relayed_path_leads_past_its_rule(gateway: Gateway, dialect: str):
    """CVE-2021-32637, CVE-2026-40912: the same corpus, as proxies relay it."""
    client = Client(gateway.port)
    for host in ("plain.test", "kept.test"):
        for target in CORPUS:
            check = f"/_auth/check/{dialect}"
            if dialect == "nginx":
                lines = [f"X-Original-URL: https://{host}{target}", "X-Original-Method: GET"]
            elif dialect == "envoy":
                check, lines = check + target, ["X-Forwarded-Proto: https"]
            else:
                lines = ["X-Forwarded-Method: GET", "X-Forwarded-Proto: https", f"X-Forwarded-Host: {host}", f"X-Forwarded-Uri: {target}"]
            status, _ = client.ask(check, host, *lines)
            assert status < 500, target
            if status == 200:
                assert not any(below(path, "/admin") for path in could_become(target.partition("?")[0])), target


BROKEN_RELAYS = {
    "an escape that is none": ("https", "plain.test", "/public/%zz"),
    "a scheme alone": ("", "", "://"),
    "nothing": ("", "", ""),
    "no slash": ("https", "plain.test", "public/x"),
    "another scheme": ("ftp", "plain.test", "/public/x"),
    "a host with userinfo": ("https", "plain.test@evil.test", "/public/x"),
    "two hosts": ("https", "plain.test, kept.test", "/public/x"),
    "64 KiB": ("https", "plain.test", "/public/" + "a" * 65_500),
    "not UTF-8": ("https", "plain.test", "/public/\xff\xfe"),
    "an overlong slash": ("https", "plain.test", "/public/%c0%af..%c0%afadmin"),
    "a fragment": ("https", "plain.test", "/public/x#/admin"),
}


@pytest.mark.parametrize("case", BROKEN_RELAYS)
def test_what_is_relayed_and_no_address_is_never_allowed(gateway: Gateway, case: str):
    """CVE-2021-32637: an error must not read as an answer."""
    scheme, host, target = BROKEN_RELAYS[case]
    client = Client(gateway.port)
    lines = ("X-Forwarded-Method: GET", f"X-Forwarded-Proto: {scheme}", f"X-Forwarded-Host: {host}", f"X-Forwarded-Uri: {target}")
    assert 400 <= client.ask("/_auth/check/traefik", "plain.test", *lines)[0] < 500
    url = f"{scheme}://{host}{target}" if scheme else target
    assert 400 <= client.ask("/_auth/check/nginx", "plain.test", f"X-Original-URL: {url}", "X-Original-Method: GET")[0] < 500


@pytest.mark.parametrize("port", ["0", "65536", "000080999", "80x", "-80", "+80", "8 0", "٨٠", "9" * 5000, ""])
def test_a_relayed_port_that_is_none_is_malformed(gateway: Gateway, port: str):
    client = Client(gateway.port)
    line = f"X-Forwarded-Port: {port}".encode().decode("latin-1")
    assert client.ask("/public/x", "plain.test", line)[0] == 400


def test_an_error_page_links_to_no_other_host(start_gateway: Callable[..., Gateway]):
    """Where encoded paths are kept, a target may begin with what a browser takes for two slashes, and the page offers another try of it."""
    route = {"name": "gone", "host": "localhost", "path": "/", "upstream": "http://127.0.0.1:9", "access": "public", "encoded_paths": "keep"}
    client = Client(start_gateway({"routes": [route]}).port)
    for target in ("/\\evil.example/x", "//evil.example/x", "/\\/evil.example", "/page"):
        status, said = client.ask(target, "localhost", "Accept: text/html")
        assert status == 502
        assert (b'href="/page"' in said) == (target == "/page")
        assert b"evil.example" not in said
