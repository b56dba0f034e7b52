"""A forgotten password, told as stories."""

from __future__ import annotations

import asyncio
import re

import pytest

from gateway.core.identity import State
from gateway.services.tickets import Purpose
from tests.browser import Browser, Page
from tests.functional.pages.site import AUTH, PASSWORD, Posted, Site, site_snapshot
from tests.samples import sample_account

CHOSEN = "the moon is made of brass"
ANN = "ann@example.com"


async def forget(site: Site, browser: Browser, email: str = ANN) -> Page:
    return await browser.submit((await browser.get(f"{AUTH}/_auth/forgot")).form, email=email)


async def log_in(site: Site, browser: Browser, password: str, email: str = ANN) -> Page:
    return await browser.submit(await site.login_form(browser), email=email, password=password)


def last(site: Site) -> Posted:
    return site.postbox.letters[-1]


async def test_a_forgotten_password_is_set_anew_and_every_session_ends(either: Site):
    site = either
    async with site.browser() as ann, site.browser() as phone, site.browser() as work, site.browser() as other:
        for browser in (ann, phone, work):
            assert (await log_in(site, browser, PASSWORD)).status == 303
        link = (await other.get(f"{AUTH}/_auth/login")).link("Forgot your password?")
        page = await other.submit((await other.get(link)).form, email=" ANN@example.com ")
        assert page.status == 200
        assert "Look into your mail" in page.words
        assert (last(site).recipient, last(site).letter, last(site).values["lasts"]) == (ANN, "reset", 1800)
        for _ in range(2):  # following the link uses nothing up
            page = await other.get(last(site).link)
            assert page.status == 200
            assert page.headers["Referrer-Policy"] == "no-referrer"
            assert set(page.form.types) == {"csrf_token", "token", "username", "password", "password_confirm"}
        assert await site.logged_in(ann)
        page = await other.submit(page.form, password="short", password_confirm="short")
        assert page.status == 422
        assert "too short" in page.words
        assert page.form.fields["username"] == ANN, "whose password it is, for people and for password managers"
        assert f"For the account with this address: {ANN}" in page.words
        page = await other.submit(page.form, password=CHOSEN, password_confirm=PASSWORD)
        assert "not the same" in page.words
        used = last(site).link
        page = await other.submit(page.form, password=CHOSEN, password_confirm=CHOSEN)
        assert page.status == 200
        assert "Your password has been changed" in page.words
        assert not await site.logged_in(other), "nobody is logged in by a reset"
        assert (last(site).recipient, last(site).letter) == (ANN, "password_changed")
        for browser in (ann, phone, work):
            assert not await site.logged_in(browser)
        assert (await other.get(used)).status == 400
        assert (await log_in(site, other, PASSWORD)).status == 401
        assert (await log_in(site, other, CHOSEN)).status == 303
        assert [line for line in site.audit if CHOSEN in line or used.partition("=")[2] in line] == []


async def test_a_reset_voids_every_other_link_and_code(either: Site):
    site = either
    async with site.browser() as ann:
        for _ in range(3):
            await forget(site, ann)
        first, second, third = site.postbox.letters
        page = await ann.get(second.link)
        await ann.submit(page.form, password=CHOSEN, password_confirm=CHOSEN)
        assert [(await ann.get(one.link)).status for one in (first, second, third)] == [400, 400, 400]
        page = await ann.get(f"{AUTH}/_auth/reset")
        page = await ann.submit(page.form, email=ANN, token=str(third.values["code"]), password=PASSWORD, password_confirm=PASSWORD)
        assert page.status == 422


async def test_the_code_does_what_the_link_does(either: Site):
    site = either
    async with site.browser() as ann:
        page = await forget(site, ann)
        page = await ann.get(page.link("Type the code from the message instead"))
        code = str(last(site).values["code"])
        wrong = f"{(int(code.replace(' ', '')) + 1) % 10**6:06}"
        for email, typed in ((ANN, wrong), ("nobody@example.com", code), ("no address", code), (ANN, "12345")):
            page = await ann.submit(page.form, email=email, token=typed, password=CHOSEN, password_confirm=CHOSEN)
            assert page.status == 422
            assert "This code is not right" in page.words
        page = await ann.submit(page.form, email=ANN, token=code, password=CHOSEN, password_confirm=CHOSEN)
        assert "Your password has been changed" in page.words
        assert (await log_in(site, ann, CHOSEN)).status == 303


async def test_a_code_is_void_after_five_tries_and_its_link_is_not(either: Site):
    site = either
    async with site.browser() as ann:
        await forget(site, ann)
        code = str(last(site).values["code"]).replace(" ", "")
        form = (await ann.get(f"{AUTH}/_auth/reset")).form
        for _ in range(5):
            assert (await ann.submit(form, email=ANN, token=f"{(int(code) + 1) % 10**6:06}", password=CHOSEN, password_confirm=CHOSEN)).status == 422
        assert (await ann.submit(form, email=ANN, token=code, password=CHOSEN, password_confirm=CHOSEN)).status == 422
        page = await ann.get(last(site).link)
        assert "Your password has been changed" in (await ann.submit(page.form, password=CHOSEN, password_confirm=CHOSEN)).words


async def test_a_password_of_the_own_words_is_told_to_whoever_has_the_code(either: Site):
    """Nobody else hears from it what belongs to the account, and the code stays good for a better one."""
    site = either
    async with site.browser() as ann:
        await forget(site, ann)
        code = str(last(site).values["code"]).replace(" ", "")
        form = (await ann.get(f"{AUTH}/_auth/reset")).form
        told = []
        for email, password in ((ANN, ANN), (ANN, CHOSEN), ("nobody@example.com", "nobody@example.com")):
            page = await ann.submit(form, email=email, token=f"{(int(code) + 1) % 10**6:06}", password=password, password_confirm=password)
            told.append((page.status, page.words.replace(email, "…")))
        assert set(told) == {(422, told[0][1])}
        assert "This code is not right" in told[0][1]
        page = await ann.submit(form, email=ANN, token=code, password=ANN, password_confirm=ANN)
        assert page.status == 422
        assert "This code is not right" not in page.words
        assert (await log_in(site, ann, ANN)).status == 401
        page = await ann.submit(form, email=ANN, token=code, password=CHOSEN, password_confirm=CHOSEN)
        assert "Your password has been changed" in page.words
        page = await ann.submit(form, email=ANN, token=code, password=CHOSEN, password_confirm=CHOSEN)
        assert "This code is not right" in page.words, "it was good once"


async def test_codes_that_are_asked_for_again_and_again_cannot_be_guessed(either: Site):
    """Whoever has seen all letters of an hour has fifteen tries; the day has room for thirty, and then the right code is as wrong as any."""
    site = either
    async with site.browser() as ann:
        await forget(site, ann)
        form = (await ann.get(f"{AUTH}/_auth/reset")).form
        answers = []
        for _ in range(6):
            right = (await site.tickets.issue(site.snapshot, Purpose.RESET, sample_account().identity.user_id, {})).code.replace(" ", "")
            for _ in range(5):
                await site.forward(60)
                answers.append(await ann.submit(form, email=ANN, token=f"{(int(right) + 1) % 10**6:06}", password=CHOSEN, password_confirm=CHOSEN))
        await forget(site, ann)
        answers.append(await ann.submit(form, email=ANN, token=str(last(site).values["code"]), password=CHOSEN, password_confirm=CHOSEN))
        assert {(page.status, page.words) for page in answers} == {(422, answers[0].words)}
        assert "This code is not right" in answers[0].words
        page = await ann.get(last(site).link)
        assert "Your password has been changed" in (await ann.submit(page.form, password=CHOSEN, password_confirm=CHOSEN)).words


async def test_a_link_is_good_for_half_an_hour(either: Site):
    site = either
    async with site.browser() as ann:
        await forget(site, ann)
        site.clock.forward(1799)
        page = await ann.get(last(site).link)
        assert page.status == 200
        site.clock.forward(1)
        assert (await ann.get(last(site).link)).status == 400
        assert (await ann.submit(page.form, password=CHOSEN, password_confirm=CHOSEN)).status == 400


async def test_of_many_at_once_one_sets_the_password(either: Site):
    site = either
    async with site.browser() as ann:
        await forget(site, ann)
        form = (await ann.get(last(site).link)).form
        pages = await asyncio.gather(*(ann.submit(form, password=f"{CHOSEN} {n}", password_confirm=f"{CHOSEN} {n}") for n in range(6)))
        assert sorted(page.status for page in pages) == [200] + [400] * 5
        (won,) = [number for number, page in enumerate(pages) if page.status == 200]
        assert (await log_in(site, ann, f"{CHOSEN} {won}")).status == 303


async def test_of_many_with_one_code_one_sets_the_password(either: Site):
    site = either
    async with site.browser() as ann:
        await forget(site, ann)
        form, code = (await ann.get(f"{AUTH}/_auth/reset")).form, str(last(site).values["code"])
        passwords = [f"{CHOSEN} {number}" for number in range(5)]
        pages = await asyncio.gather(*(ann.submit(form, email=ANN, token=code, password=one, password_confirm=one) for one in passwords))
        assert sorted(page.status for page in pages) == [200] + [422] * 4


async def test_an_account_that_is_disabled_meanwhile_keeps_its_password(either: Site):
    site = either
    async with site.browser() as ann:
        await forget(site, ann)
        page = await ann.get(last(site).link)
        account = await site.accounts.find(ANN)
        assert account is not None
        await site.accounts.set_state(account.identity.user_id, State.DISABLED)
        assert (await ann.get(last(site).link)).status == 400
        assert (await ann.submit(page.form, password=CHOSEN, password_confirm=CHOSEN)).status == 400
        again = await site.accounts.find(ANN)
        assert again is not None
        assert again.password_hash == account.password_hash


async def test_an_expired_account_sets_its_password_and_stays_expired(either: Site):
    site = either
    async with site.browser() as ed:
        await forget(site, ed, "ed@example.com")
        page = await ed.get(last(site).link)
        await ed.submit(page.form, password=CHOSEN, password_confirm=CHOSEN)
        account = await site.accounts.find("ed@example.com")
        assert account is not None
        assert account.identity.state is State.EXPIRED


async def test_who_waits_for_verification_gets_that_link_and_can_choose_a_password(either: Site):
    site = either
    async with site.browser() as carl:
        await forget(site, carl, "carl@example.com")
        assert last(site).letter == "verify"
        page = await carl.get(last(site).link)
        page = await carl.submit(page.form, password=CHOSEN, password_confirm=CHOSEN)
        assert "Your account is ready" in page.words
        assert (await log_in(site, carl, CHOSEN, "carl@example.com")).status == 303


async def test_after_too_many_failed_logins_a_reset_lets_its_owner_in(either: Site):
    site = either
    async with site.browser() as ann, site.browser() as mallory:
        form = await site.login_form(mallory)
        for _ in range(6):
            await mallory.submit(form, email=ANN, password="x")
        assert (await log_in(site, ann, PASSWORD)).status == 429
        await forget(site, ann)
        page = await ann.get(last(site).link)
        await ann.submit(page.form, password=CHOSEN, password_confirm=CHOSEN)
        assert (await log_in(site, ann, CHOSEN)).status == 303


async def test_letters_are_few_and_so_are_questions(either: Site):
    site = either
    async with site.browser() as ann:
        for _ in range(5):
            assert (await forget(site, ann)).status == 200
        assert site.postbox.take() == [(ANN, "reset")] * 3
        for number in range(5):
            assert (await forget(site, ann, f"nobody{number}@example.com")).status == 200
        page = await forget(site, ann, "ed@example.com")
        assert page.status == 429
        assert int(page.headers["Retry-After"]) > 0
        assert page.form.fields["email"] == "ed@example.com"
        assert site.postbox.take() == []
        await site.forward(3601)
        assert (await forget(site, ann)).status == 200
        assert site.postbox.take() == [(ANN, "reset")]


async def test_who_has_no_account_is_told_so_by_mail_where_that_is_configured(site: Site):
    async with site.browser() as other:
        await forget(site, other, "nobody@example.com")
        assert site.postbox.take() == []
        site.snapshot = site_snapshot(notify_unknown=True)
        await forget(site, other, "nobody@example.com")
        assert site.postbox.take() == [("nobody@example.com", "notice_unknown")]
        await forget(site, other, "no address")
        assert site.postbox.take() == []


async def test_the_session_store_is_away_while_a_password_is_set(site: Site):
    """The password is set all the same; sessions end when their store is back."""
    async with site.browser() as ann, site.browser() as other:
        await log_in(site, ann, PASSWORD)
        await forget(site, other)
        page = await other.get(last(site).link)
        site.store.away = True
        page = await other.submit(page.form, password=CHOSEN, password_confirm=CHOSEN)
        assert page.status == 200
        site.store.away = False
        effects = await site.accounts.effects()
        assert [effect.end_below for effect in effects] == [2], "what ends them is kept in SQL"


@pytest.mark.parametrize("filled", [{"email": ""}, {"email": "   "}])
async def test_an_empty_address_is_named(site: Site, filled: dict[str, str]):
    async with site.browser() as ann:
        for path in ("/forgot", "/verify/resend"):
            page = await ann.get(f"{AUTH}/_auth{path}")
            page = await ann.submit(page.form, email=filled["email"])
            assert page.status == 422
            assert "Enter your e-mail address." in page.words
            assert re.search(r'<input id="email"[^>]*aria-invalid="true"', page.text)


async def test_links_come_from_public_url(site: Site):
    async with site.browser() as ann:
        form = (await ann.get(f"{AUTH}/_auth/forgot")).form
        page = await ann.submit(form, email=ANN, headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"})
        assert page.status == 421
        await ann.submit(form, email=ANN)
        assert last(site).link.startswith(f"{AUTH}/_auth/reset?token=")
