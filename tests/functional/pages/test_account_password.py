"""Changing one's password: asked for the present one, felt by every session, counted with the logins."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from gateway.services.tickets import Purpose
from gateway.snapshot import ThrottleLimits
from tests.browser import Browser, Page
from tests.functional.pages.site import AUTH, PASSWORD, Site
from tests.samples import sample_account

PAGE = f"{AUTH}/_auth/account/password"
ANN = sample_account("ann").identity.user_id
NEW = "nine lives and a broken umbrella"


async def change(browser: Browser, current: str = PASSWORD, new: str = NEW, again: str | None = None) -> Page:
    form = (await browser.get(PAGE)).form
    return await browser.submit(form, current_password=current, new_password=new, new_password_confirm=new if again is None else again)


async def may_log_in(site: Site, password: str) -> bool:
    async with site.browser() as ann:
        return (await ann.submit(await site.login_form(ann), email="ann@example.com", password=password)).status == 303


async def test_the_others_end_and_the_own_one_is_replaced(either: Site):
    async with either.browser() as laptop, either.browser() as phone:
        for browser in (laptop, phone):
            await either.login(browser)
        before = laptop.cookies["gw"].value
        page = await change(laptop)
        assert page.location == f"{PAGE}?done=password"
        assert "Your password is changed." in (await laptop.follow(page)).words
        assert laptop.cookies["gw"].value != before
        assert [await either.logged_in(one) for one in (laptop, phone)] == [True, False]
        laptop.cookies["gw"].value = before
        assert not await either.logged_in(laptop), "a copy of the cookie dies with the change"
        assert either.postbox.to("ann@example.com") == ["password_changed"]
    assert not await may_log_in(either, PASSWORD)
    assert await may_log_in(either, NEW)


async def test_of_changes_at_once_one_is_made(site: Site):
    """A reset between asking for the password and changing it must not be undone by the old one."""
    async with site.browser() as ann:
        await site.login(ann)
        form = (await ann.get(PAGE)).form
        chosen = [f"{NEW} {number}" for number in range(4)]
        pages = await asyncio.gather(*(ann.submit(form, current_password=PASSWORD, new_password=new, new_password_confirm=new) for new in chosen))
    made = [new for new, page in zip(chosen, pages, strict=True) if page.location == f"{PAGE}?done=password"]
    assert len(made) == 1
    assert await may_log_in(site, made[0])


async def test_a_new_session_is_remembered_where_the_old_one_was(site: Site):
    async with site.browser() as ann:
        form = await site.login_form(ann)
        await ann.submit(form, email="ann@example.com", password=PASSWORD, remember="1")
        page = await change(ann)
        [line] = [line for line in page.set_cookies if line.startswith("gw=")]
        assert f"Max-Age={int(site.snapshot.life.remember)}" in line
        await change(ann, NEW, PASSWORD)
    async with site.browser() as ann:
        await site.login(ann)
        [line] = [line for line in (await change(ann)).set_cookies if line.startswith("gw=")]
        assert "Max-Age" not in line


@pytest.mark.parametrize(
    ("current", "new", "again", "words"),
    [
        ("not the password", NEW, None, "That is not your current password"),
        ("", NEW, None, "Enter your current password"),
        (PASSWORD, "", "", "Enter a new password"),
        (PASSWORD, NEW, NEW + "x", "are not the same"),
        (PASSWORD, "short", None, "at least 8"),
        (PASSWORD, "ann@example.com", None, "your name or address"),
        (PASSWORD, "abababab", None, "repeats"),
        (PASSWORD, "x" * 257, None, "at most 256"),
    ],
)
async def test_what_changes_nothing(site: Site, current: str, new: str, again: str | None, words: str):
    async with site.browser() as ann:
        await site.login(ann)
        page = await change(ann, current, new, again)
        assert page.status == 422
        assert words in page.words
        assert page.title.startswith("Error:")
        typed = {name: page.form.fields.get(name, "") for name in ("current_password", "new_password", "new_password_confirm")}
        assert set(typed.values()) == {""}, "a password is never shown again"
        assert await site.logged_in(ann)
        assert site.postbox.letters == []
    assert await may_log_in(site, PASSWORD)


async def test_wrong_ones_count_with_the_logins(either: Site):
    either.snapshot = replace(either.snapshot, throttle=ThrottleLimits(delay_after=3))
    async with either.browser() as ann:
        await either.login(ann)
        assert [(await change(ann, f"guess {number}")).status for number in range(4)] == [422, 422, 422, 429]
        page = await change(ann)
        assert page.status == 429, "the right one has to wait too"
        assert int(page.headers["Retry-After"]) > 0
        assert not await may_log_in(either, PASSWORD)
        either.clock.forward(900)
        assert (await change(ann)).status == 303
    assert await may_log_in(either, NEW), "a right one forgives"


async def test_links_that_were_mailed_before_are_void(site: Site):
    reset = await site.tickets.issue(site.snapshot, Purpose.RESET, ANN, {})
    async with site.browser() as ann:
        await site.login(ann)
        assert await site.tickets.look(site.snapshot, Purpose.RESET, reset.token) is not None
        await change(ann)
    assert await site.tickets.look(site.snapshot, Purpose.RESET, reset.token) is None


async def test_a_store_that_goes_away_loses_no_change(site: Site):
    """The password is saved in SQL; sessions end when their store is back, and until then nobody gets a new one."""
    async with site.browser() as ann, site.browser() as phone:
        for browser in (ann, phone):
            await site.login(browser)
        form = (await ann.get(PAGE)).form
        site.store.writes_away = True
        page = await ann.submit(form, current_password=PASSWORD, new_password=NEW, new_password_confirm=NEW)
        assert page.status == 200
        assert "Your password is changed" in page.words
        assert "gw" not in ann.cookies
        site.store.writes_away = False
        assert len(await site.accounts.effects()) == 1
        await site.effects.apply_pending()
        assert not await site.logged_in(phone)
    assert await may_log_in(site, NEW)


async def test_mail_that_cannot_be_written_does_not_keep_sessions_alive(site: Site):
    async with site.browser() as ann, site.browser() as phone:
        for browser in (ann, phone):
            await site.login(browser)
        site.postbox.away = True
        assert (await change(ann)).status == 303
        assert [await site.logged_in(one) for one in (ann, phone)] == [True, False]


async def test_the_trail_tells_of_it_and_holds_no_password(site: Site):
    async with site.browser() as ann:
        await site.login(ann)
        await change(ann, "not the password")
        await change(ann)
    told = [json.loads(line) for line in site.audit]
    assert [(one["audit"], one.get("reason"), one.get("by")) for one in told if one["audit"] in ("login:failure", "user:password")] == [
        ("login:failure", "current", None),
        ("user:password", None, "self"),
    ]
    assert not any(secret in line for line in site.audit for secret in (PASSWORD, NEW, "not the password"))


async def test_password_managers_know_what_is_what(site: Site):
    async with site.browser() as ann:
        await site.login(ann)
        page = await ann.get(PAGE)
        assert page.form.fields["username"] == "ann@example.com"
        for word in ('autocomplete="username"', 'autocomplete="current-password"', 'autocomplete="new-password"'):
            assert word in page.text
