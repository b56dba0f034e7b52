"""Where a login may lead: corpus R of the published advisories, extended. Judged when it comes in and again when it is used."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.functional.pages.site import AUTH, PASSWORD, WIKI, Site, site_snapshot

LEAVING = [
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\\/evil.example",
    "\\/evil.example",
    "/%09/evil.example",
    "/%0a/evil.example",
    "/%0d/evil.example",
    "/%0d%0a/evil.example",
    "/%0b/evil.example",
    "/%2509/evil.example",
    "/%250d%250a/evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r\n/evil.example",
    "/.//evil.example",
    "/..//evil.example",
    "/./..//evil.example",
    "/%2e//evil.example",
    "/%5cevil.example",
    "/%255cevil.example",
    "/%2fevil.example",
    "/%2f%2fevil.example",
    "https:evil.example",
    "http:evil.example",
    "http:/evil.example",
    "http:///evil.example",
    "http:\\\\evil.example",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "blob:http://auth.example.test/x",
    "http://auth.example.test@evil.example/",
    "http://auth.example.test:80@evil.example/",
    "http://evil.example#@auth.example.test/",
    "http://evil.example?@auth.example.test/",
    "http://evil.example\\@auth.example.test/",
    "http://auth.example.test.evil.example/",
    "http://evilauth.example.test/",
    "http://evil.example/",
    "https://auth.example.test/",
    "http://auth.example.test:81/",
    "http://user@auth.example.test/",
    "http://docs.example.test/",
    "http://a.docs.example.test/",
    "http://other.example.org:8080/",
    "http://dev.example.org/",
    "http://[::1]/",
    "http://127.1/",
    "http://auth.example.test%2f@evil.example/",
    "http://auth.example.test%00.evil.example/",
    "http://auth.example.test//evil.example",
    "http://auth.example.test/_auth/logout",
    "ftp://auth.example.test/",
    " /x",
    "\x01/x",
    "/x\x7f",
    "/é",
    "x",
    "?x",
    "#x",
    "*",
    "/_auth/login",
    "/_auth/login/",
    "/_auth/login?next=/x",
    "/_auth/logout",
    "/_auth/%6cogout",
    "/_auth/%256cogout",
    "/_auth/check/nginx",
    "/x/../_auth/logout",
    "/" + "x" * 2000,
]
STAYING = [
    "/",
    "/a?b=c#d",
    "/a//b",
    "/x?u=https://y",
    "/x?u=//evil.example",
    "/%7Eann/a%20b",
    "/_auth/account",
    "/_authentic",
    f"{AUTH}/path",
    f"{WIKI}/path?a=b",
    "http://wiki.example.test:80/",
    "http://WIKI.example.test/",
    "http://other.example.org/",
    "http://dev.example.org:8443/x",
    "/" + "x" * 1999,
]


@pytest.mark.parametrize("target", LEAVING)
async def test_it_never_leaves_the_site(site: Site, target: str):
    async with site.browser() as ann:
        page = await ann.get(f"{AUTH}/_auth/login?next={quote(target, safe='')}")
        assert page.form.fields["next"] == "/"
        page = await ann.submit(page.form, email="ann@example.com", password=PASSWORD, next=target)
        assert page.headers["Location"] == "/"
        page = await ann.get(f"{AUTH}/_auth/login?next={quote(target, safe='')}")
        assert (page.status, page.headers["Location"]) == (303, "/"), "nor for somebody who is logged in"


@pytest.mark.parametrize("target", STAYING)
async def test_it_leads_back_into_the_site(site: Site, target: str):
    async with site.browser() as ann:
        page = await ann.get(f"{AUTH}/_auth/login?next={quote(target, safe='')}")
        assert page.form.fields["next"] == target
        page = await ann.submit(page.form, email="ann@example.com", password=PASSWORD)
        assert page.headers["Location"] == target


@pytest.mark.parametrize(
    "query", ["next=/a&next=//evil.example", "next=/a&n%65xt=/b", "next", "next=", "x=/a", "", "next=%ff", "next=%zz", "next=%00"]
)
async def test_a_doubled_missing_or_broken_next_is_dropped(site: Site, query: str):
    async with site.browser() as ann:
        assert (await site.login_form(ann, f"{AUTH}/_auth/login?{query}")).fields["next"] == "/"


async def test_a_wildcards_hosts_are_good_where_the_cookie_covers_them(site: Site):
    site.snapshot = site_snapshot(domain="example.test")
    async with site.browser() as ann:
        for target, good in (("http://a.docs.example.test/x", True), ("http://baddocs.example.test/", False), ("http://docs.example.test/", False)):
            form = await site.login_form(ann, f"{AUTH}/_auth/login?next={quote(target, safe='')}")
            assert form.fields["next"] == (target if good else "/")


async def test_the_page_says_where_one_will_go_on_to(site: Site):
    async with site.browser() as ann:
        assert "to go on to wiki.example.test" in (await ann.get(f"{AUTH}/_auth/login?next={quote(WIKI, safe='')}%2Fa")).words
        assert "to go on to wiki.example.test" in (await ann.get(f"{WIKI}/_auth/login?next=/a")).words
        assert "to go on" not in (await ann.get(f"{AUTH}/_auth/login?next=/a")).words
