"""What becomes of settings in the snapshot that requests see."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from gateway.config.keys import decode_key
from gateway.config.load import load
from gateway.config.snapshot import make_snapshot
from gateway.core.access import Effect
from gateway.core.binding import Binding, Bound
from gateway.core.password import Weakness
from gateway.core.places import AllowedHost
from gateway.core.routes import UpstreamAddress
from gateway.core.session import Life
from gateway.core.urls import Origin
from gateway.snapshot import Snapshot, ThrottleLimits
from tests.configurations import KEY, OTHER_KEY, loaded, write

FULL = """\
login: {allowed_hosts: [files.example.com, "old.example.com:8443"], throttle: {per_ip: 5/30s}}
session: {idle: 10m, remember: 7d, max_per_user: 3, exclusive_login: true, cookie: {domain: Example.com, same_site: strict, persistent: true}}
pages: {title: Ours, accent: "#0969da", links: [{text: Help, url: /help}]}
routes:
  - name: wiki
    host: [Wiki.Example.com, "*.wiki.example.com"]
    path: /w
    upstream: https://10.0.0.1:8443
    strip_prefix: true
    add_prefix: /new/
    max_body: 10MiB
    websocket: false
    origins: [https://app.example.com]
    timeouts: {connect: 1s}
    tls: {verify: false, server_name: wiki.internal}
    set_headers: {X-Env: test}
    remove_headers: [X-Debug]
    response: {set_headers: {X-Frame-Options: DENY}, remove_headers: [Server]}
    encoded_paths: keep
    access:
      - {allow: public, methods: [OPTIONS]}
      - {allow: [group:admins, user:Ann@Example.com], networks: [10.0.0.0/8, "::1"], query: {a: ["1", "2*"]}}
      - {allow: optional, paths: [/w/**]}
  - {name: socket, host: s.example.com, upstream: unix:/run/app.sock, access: login, identity: {headers: {X-Who: email}, assertion: {enabled: false}}}
  - {name: asked, host: asked.example.com, access: deny}
audit: {retention: 7d}
users: {password: {min_length: 12, max_length: 64, context_words: [Kranich]}}
"""


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    return make_snapshot(loaded(tmp_path, FULL))


def test_what_sessions_are_tied_to(tmp_path: Path) -> None:
    assert make_snapshot(loaded(tmp_path, "routes: []\n")).binding == Binding()
    snapshot = make_snapshot(loaded(tmp_path, "session: {bind: {ip: warn, user_agent: end, ip_prefix: {v6: 64}}}\nroutes: []\n"))
    assert snapshot.binding == Binding(Bound.WARN, Bound.END, 24, 64)


def test_how_long_the_trail_is_kept(snapshot: Snapshot) -> None:
    assert snapshot.audit_retention == 7 * 86_400.0


def test_passwords_are_judged_in_the_context_of_the_service(snapshot: Snapshot) -> None:
    assert (snapshot.password.min_length, snapshot.password.max_length) == (12, 64)
    assert snapshot.password.context == (
        "Kranich",
        "Ours",
        "auth.example.com",
        "wiki.example.com",
        "*.wiki.example.com",
        "s.example.com",
        "asked.example.com",
    )
    refused = [
        snapshot.password.weakness(password) for password in ("wiki.example.com", "kranich12345", "Password1234", "a tortoise plays the cello")
    ]
    assert refused == [Weakness.CONTEXT, Weakness.CONTEXT, Weakness.COMPROMISED, None]


def test_places_cookie_and_times(snapshot: Snapshot) -> None:
    assert snapshot.places.public == Origin("https", "auth.example.com", 443)
    assert snapshot.places.prefix == "/_auth"
    assert snapshot.places.cookie_domain == "example.com"
    assert snapshot.places.allowed_hosts == (AllowedHost("files.example.com"), AllowedHost("old.example.com", 8443))
    assert snapshot.cookie.name == "__Secure-gw"
    assert (snapshot.cookie.secure, snapshot.cookie.same_site, snapshot.cookie.persistent) == (True, "strict", True)
    assert snapshot.life == Life(idle=600.0, remember=604800.0)
    assert snapshot.throttle == ThrottleLimits(per_ip=5, per_ip_window=30.0)
    assert (snapshot.max_sessions_per_user, snapshot.exclusive_login) == (3, True)
    assert snapshot.keys.sealing.secret == decode_key(KEY)
    assert (snapshot.mark.title, snapshot.mark.accent, snapshot.mark.links) == ("Ours", "#0969da", (("Help", "/help"),))


def test_routes(snapshot: Snapshot, tmp_path: Path) -> None:
    wiki, socket, asked = snapshot.routes.routes
    assert wiki.hosts == ("wiki.example.com", "*.wiki.example.com")
    assert wiki.upstream == UpstreamAddress("https", "10.0.0.1", 8443)
    assert (wiki.path, wiki.strip_prefix, wiki.add_prefix, wiki.max_body) == ("/w", True, "/new", 10 << 20)
    assert (wiki.timeouts.connect, wiki.timeouts.response) == (1.0, 60.0)
    assert (wiki.tls.verify, wiki.tls.server_name) == (False, "wiki.internal")
    assert wiki.set_headers == (("X-Env", "test"),)
    assert wiki.response_remove_headers == frozenset({"Server"})
    assert (wiki.websocket, wiki.origins, wiki.encoded_paths) == (False, ("https://app.example.com",), "keep")
    assert wiki.source == f"{tmp_path}/gateway.yml:7"
    assert socket.upstream == UpstreamAddress("http", "localhost", 80, "/run/app.sock")
    assert asked.upstream is None
    assert snapshot.routes.find("wiki.example.com", "/w/x") is wiki


def test_rules(snapshot: Snapshot, tmp_path: Path) -> None:
    public, members, optional = snapshot.routes.routes[0].rules
    assert (public.effect, public.methods) == (Effect.PUBLIC, frozenset({"OPTIONS"}))
    assert members.effect is Effect.MEMBERS
    assert (members.users, members.groups) == (frozenset({"ann@example.com"}), frozenset({"admins"}))
    assert members.networks == (ip_network("10.0.0.0/8"), ip_network("::1"))
    assert [(criterion.name, [glob.text for glob in criterion.values]) for criterion in members.query] == [("a", ["1", "2*"])]
    assert (optional.effect, [glob.text for glob in optional.paths]) == (Effect.OPTIONAL, ["/w/**"])
    assert public.source == f"{tmp_path}/gateway.yml:23"
    assert snapshot.routes.routes[2].rules[0].effect is Effect.DENY


def test_identity_of_routes_and_the_strip_list_of_all(snapshot: Snapshot) -> None:
    wiki, socket, _ = snapshot.routes.routes
    assert dict(wiki.identity.attributes)["X-User-Email"] == "email"
    assert wiki.identity.assertion == "X-Gateway-Jwt-Assertion"
    assert socket.identity.attributes == (("X-Who", "email"),)
    assert socket.identity.assertion is None
    for route in snapshot.routes.routes:
        assert route.identity.strip == snapshot.identity.strip
    for name in (b"x-user-id", b"x-who", b"x-gateway-jwt-assertion", b"remote-user", b"x-remote-user", b"x-forwarded-user", b"x-authentik-uid"):
        assert name in snapshot.identity.strip
    assert all(name == name.lower() and b"_" not in name and b"." not in name for name in snapshot.identity.strip)
    assert not snapshot.identity.strip & {b"authorization", b"cookie", b"host", b"accept", b"origin"}


@pytest.mark.parametrize(
    ("preset", "headers"),
    [
        ("authelia", {"Remote-User": "email", "Remote-Groups": "groups", "Remote-Name": "name", "Remote-Email": "email"}),
        ("oauth2-proxy", {"X-Forwarded-User": "id", "X-Forwarded-Email": "email", "X-Forwarded-Groups": "groups"}),
        ("authentik", {"X-authentik-username": "email", "X-authentik-groups": "groups_by_bar", "X-authentik-uid": "id"}),
    ],
)
def test_presets_add_their_headers(tmp_path: Path, preset: str, headers: dict[str, str]) -> None:
    attributes = dict(make_snapshot(loaded(tmp_path, f"identity: {{preset: {preset}}}\n")).identity.attributes)
    assert attributes.items() >= headers.items()
    assert attributes["X-User-Id"] == "id"


def test_a_route_may_have_no_preset(tmp_path: Path) -> None:
    text = "identity: {preset: authelia, headers: {}}\nroutes: [{name: a, host: a.b, access: login, identity: {preset: none}}]\n"
    found = make_snapshot(loaded(tmp_path, text))
    assert found.routes.routes[0].identity.attributes == ()
    assert b"remote-user" in found.routes.routes[0].identity.strip


@pytest.mark.parametrize(
    ("url", "cookie", "name", "secure"),
    [
        ("https://auth.example.com", "{}", "__Host-gw", True),
        ("https://auth.example.com", "{domain: example.com}", "__Secure-gw", True),
        ("http://localhost:8080", "{}", "gw", False),
        ("http://auth.lan", "{secure: false}", "gw", False),
        ("https://auth.example.com", "{name: sid}", "sid", True),
    ],
)
def test_the_cookies_name(tmp_path: Path, url: str, cookie: str, name: str, secure: bool) -> None:
    text = f"server: {{public_url: '{url}'}}\nkeys: [{{id: a, secret: {KEY}}}]\nsession: {{cookie: {cookie}}}\n"
    snapshot = make_snapshot(load(write(tmp_path, text), {}))
    assert (snapshot.cookie.name, snapshot.cookie.secure) == (name, secure)
    plain = name.removeprefix("__Host-").removeprefix("__Secure-")
    for own in (plain, "gw", "gw-csrf", "gw-lang"):
        assert {f"{prefix}{own}".encode() for prefix in ("", "__Host-", "__Secure-")} <= snapshot.own_cookies


def test_trusted_proxies(tmp_path: Path) -> None:
    text = f"server: {{public_url: https://a.b, trusted_proxies: [10.0.0.0/8, '::1', 'unix:']}}\nkeys: [{{id: a, secret: {KEY}}}]\n"
    trust = make_snapshot(load(write(tmp_path, text), {})).trust
    assert trust.believes("10.1.2.3")
    assert trust.believes("::1")
    assert trust.believes(None)
    assert not trust.believes("192.0.2.1")


def test_the_first_key_without_seal_false_seals(tmp_path: Path) -> None:
    text = f"server: {{public_url: https://a.b}}\nkeys: [{{id: new, secret: {OTHER_KEY}, seal: false}}, {{id: old, secret: {KEY}}}]\n"
    ring = make_snapshot(load(write(tmp_path, text), {})).keys
    assert ring.sealing.id == "old"
    assert ring.get("new") is not None


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n....", "image/png"),
        (b"\xff\xd8\xff....", "image/jpeg"),
        (b"RIFF\x00\x00\x00\x00WEBP", "image/webp"),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
    ],
)
def test_the_logo(tmp_path: Path, content: bytes, media_type: str) -> None:
    (tmp_path / "logo").write_bytes(content)
    mark = make_snapshot(loaded(tmp_path, "pages: {logo_file: logo}\n")).mark
    assert (mark.logo, mark.logo_type) == (content, media_type)


def test_settings_show_no_secret(tmp_path: Path) -> None:
    text = "session: {store: 'redis://u:hush1@h/0', store_password: hush2}\nusers: {database: 'postgresql://u:hush3@h/d', database_password: hush4}\n"
    found = loaded(tmp_path, text)
    shown = f"{found.settings!r} {found.settings} {found}"
    assert "hush" not in shown
    assert KEY not in shown
