"""Which host serves what, methods, and assets."""

from __future__ import annotations

import json
import re

import pytest

from gateway.snapshot import Mark
from gateway.web.pages.table import Reach
from tests.functional.pages.site import AUTH, WIKI, Site, site_snapshot

UNKNOWN = "http://nobody.example.test"


async def test_an_unknown_host_gets_keys_and_assets_only(site: Site):
    async with site.browser() as other:
        for endpoint in site.pages.endpoints:
            page = await other.request(endpoint.method, f"{UNKNOWN}/_auth{endpoint.path}")
            assert page.status == (421 if endpoint.reach is not Reach.ANY else 404 if endpoint.path.endswith("*") else 200), endpoint
        assert (await other.get(f"{UNKNOWN}/_auth/nothing")).status == 421


async def test_a_known_host_serves_what_a_login_needs_and_sends_on_the_rest(site: Site):
    async with site.browser() as ann:
        for path in ("/login", "/logout", "/signed-out"):
            assert (await ann.get(f"{WIKI}/_auth{path}")).status == 200
        assert (await ann.get(f"{WIKI}/_auth/session")).status == 401
        page = await ann.get(f"{WIKI}/_auth/account?x=1")
        assert (page.status, page.headers["Location"]) == (303, f"{AUTH}/_auth/account?x=1")
        page = await ann.get(f"{WIKI}/_auth")
        assert page.headers["Location"] == f"{AUTH}/_auth/"


async def test_a_login_on_another_host_is_a_session_of_its_own(site: Site):
    async with site.browser() as ann:
        page = await site.login(ann, f"{WIKI}/_auth/login?next=/page")
        assert page.headers["Location"] == "/page"
        assert await site.logged_in(ann, f"{WIKI}/_auth/session")
        assert not await site.logged_in(ann, f"{AUTH}/_auth/session")


@pytest.mark.parametrize("host", ["AUTH.Example.Test", "auth.example.test.", "auth.example.test:80"])
async def test_a_hosts_spelling_does_not_matter(site: Site, host: str):
    async with site.browser() as ann:
        assert (await ann.get("/_auth/account", headers={"Host": host})).status == 303


@pytest.mark.parametrize("path", ["/nothing", "/login/", "/LOGIN", "/login/x", "/admin", "/check", "/static", "/static/", "/api/users"])
async def test_an_unknown_own_path_is_not_found(site: Site, path: str):
    async with site.browser() as ann:
        page = await ann.get(f"{AUTH}/_auth{path}")
        assert page.status == 404
        assert "There is nothing here" in page.words
        assert (await ann.request("POST", f"{AUTH}/_auth{path}", data=b"x")).status == 404


async def test_head_is_get_without_a_body(site: Site):
    async with site.browser() as ann:
        for endpoint in site.pages.endpoints:
            if endpoint.method == "GET" and not endpoint.path.endswith("*"):
                get, head = await ann.get(f"{AUTH}/_auth{endpoint.path}"), await ann.request("HEAD", f"{AUTH}/_auth{endpoint.path}")
                assert (head.status, head.body) == (get.status, b"")
                assert get.status == 303 or head.headers["Content-Length"] == get.headers["Content-Length"]


async def test_other_methods_are_named(site: Site):
    async with site.browser() as ann:
        for method in ("PUT", "DELETE", "PATCH", "PROPFIND"):
            page = await ann.request(method, f"{AUTH}/_auth/login")
            assert (page.status, page.headers["Allow"]) == (405, "GET, HEAD, OPTIONS, POST")
        page = await ann.request("POST", f"{AUTH}/_auth/session", data=b"")
        assert (page.status, page.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
        page = await ann.request(
            "OPTIONS", f"{AUTH}/_auth/login", headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        )
        assert (page.status, page.headers["Allow"]) == (204, "GET, HEAD, OPTIONS, POST")
        assert not [name for name in page.headers if name.lower().startswith("access-control")]


async def test_the_keys(site: Site):
    async with site.browser() as other:
        page = await other.get(f"{UNKNOWN}/_auth/jwks.json")
        assert json.loads(page.body) == {"keys": []}
        assert page.headers["Content-Type"] == "application/json"


async def test_assets_are_immutable_and_only_what_we_ship(site: Site):
    site.snapshot = site_snapshot(mark=Mark(title="Our Wiki", logo=b"<svg/>", accent="#ffcc00", links=(("Imprint", "https://example.com/imprint"),)))
    async with site.browser() as ann:
        page = await ann.get(f"{AUTH}/_auth/login")
        assert "Our Wiki" in page.words
        assert page.title == "Log in – Our Wiki"
        assert page.link("Imprint") == "https://example.com/imprint"
        names = re.findall(r'(?:href|src)="(/_auth/static/[^"]+)"', page.text)
        assert len(names) == len(set(names)) == 5, "style, accent, script, icon, logo"
        for name in names:
            asset = await ann.get(f"{UNKNOWN}{name}")
            assert asset.status == 200
            assert asset.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert asset.headers["X-Content-Type-Options"] == "nosniff"
            assert asset.set_cookies == []
        accent = next(name for name in names if "accent" in name)
        assert "--accent:" in (await ann.get(f"{AUTH}{accent}")).text


@pytest.mark.parametrize(
    "name",
    [
        "../pages/login.py",
        "..%2fpages%2flogin.py",
        "%2e%2e/x",
        "..\\x",
        "style.css",
        "style.0000000000000000.css",
        "/etc/passwd",
        "style.css/",
        "x%00.css",
        "//x",
    ],
)
async def test_no_other_file_can_be_had(site: Site, name: str):
    async with site.browser() as ann:
        assert (await ann.get(f"{AUTH}/_auth/static/{name}")).status in (303, 400, 404)
        reply = await ann.request("GET", f"{AUTH}/_auth/static/{name}", headers={"Sec-Fetch-Mode": "no-cors"})
        assert reply.status in (303, 400, 404)
