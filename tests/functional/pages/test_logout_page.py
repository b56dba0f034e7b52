"""Logging out, told as stories."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.functional.pages.site import AUTH, WIKI, Site, site_snapshot

CLEARED = "gw=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"


async def test_get_asks_and_post_does_it(site: Site):
    async with site.browser() as ann:
        await site.login(ann)
        captured = ann.cookies["gw"]
        page = await ann.get("/_auth/logout")
        assert "ann@example.com" in page.words
        assert await site.logged_in(ann)
        page = await ann.submit((await ann.get("/_auth/logout")).form)
        assert (page.status, page.headers["Location"]) == (303, "/_auth/signed-out")
        cleared, form_cookie = page.set_cookies
        assert cleared == CLEARED
        assert form_cookie.startswith("gw-csrf=")
        assert site.store.records() == 0
        page = await ann.follow(page)
        assert "You are logged out" in page.words
        ann.cookies.put(captured)
        assert not await site.logged_in(ann), "a captured cookie is dead"


async def test_without_a_session_the_same_happens(site: Site):
    async with site.browser() as nobody:
        page = await nobody.submit((await nobody.get("/_auth/logout")).form)
        assert (page.status, page.headers["Location"]) == (303, "/_auth/signed-out")
        assert page.set_cookies[0] == CLEARED


async def test_the_store_is_away(site: Site):
    async with site.browser() as ann:
        await site.login(ann)
        form = (await ann.get("/_auth/logout")).form
        site.store.away = True
        assert (await ann.get("/_auth/logout")).status == 200
        page = await ann.submit(form)
        assert (page.status, page.headers["Retry-After"]) == (503, "5")
        assert "Logged out in this browser only" in page.words
        assert page.set_cookies[0] == CLEARED
        assert "gw" not in ann.cookies
        site.store.away = False
        assert (await site.login_form(ann)) is not None, "the login mark is gone too: this is no loop"


async def test_the_cookie_is_cleared_as_it_was_set(site: Site):
    site.snapshot = site_snapshot(domain="example.test")
    async with site.browser() as ann:
        await site.login(ann)
        page = await ann.submit((await ann.get(f"{WIKI}/_auth/logout")).form)
        assert page.set_cookies[0] == f"{CLEARED}; Domain=example.test"
        assert "gw" not in ann.cookies


async def test_different_sessions_all_end_and_every_variant_is_expired(site: Site):
    site.snapshot = site_snapshot(domain="example.test")
    async with site.browser() as mallory, site.browser() as ann:
        await site.login(mallory)
        await site.login(ann)
        ann.cookies.put(replace(mallory.cookies["gw"], host="auth.example.test", host_only=True))
        page = await ann.submit((await ann.get("/_auth/logout")).form)
        assert page.set_cookies[:2] == [CLEARED, f"{CLEARED}; Domain=example.test"]
        assert site.store.records() == 0
        assert not await site.logged_in(mallory)


@pytest.mark.parametrize("parameter", ["next", "rd", "return_to", "redirect"])
async def test_a_logout_leads_to_our_own_page_and_nowhere_else(site: Site, parameter: str):
    async with site.browser() as ann:
        for _ in range(2):  # the second time without a session (CVE-2021-29456)
            page = await ann.get(f"/_auth/logout?{parameter}=https://evil.example/")
            assert "evil.example" not in page.text
            page = await ann.post(f"/_auth/logout?{parameter}=//evil.example", {**page.form.fields, parameter: "//evil.example"})
            assert page.headers["Location"] == "/_auth/signed-out"


async def test_a_form_made_before_the_login_does_not_log_out(site: Site):
    async with site.browser() as ann:
        before = (await ann.get(f"{AUTH}/_auth/logout")).form
        await site.login(ann)
        page = await ann.submit(before)
        assert page.status == 403
        assert await site.logged_in(ann)
        assert (await ann.submit(page.form)).status == 303
