"""Signing up and verifying, told as stories."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

import pytest

from gateway.core.identity import State
from gateway.services.signup import Refused
from gateway.snapshot import SignUpRules
from tests.browser import Browser, Page
from tests.functional.pages.site import AUTH, Posted, Site, site_snapshot
from tests.samples import sample_facts

CHOSEN = "the moon is made of brass"
OTHER = "a heron sleeps on one leg"
EMAIL = "nora@example.com"
CODE = re.compile(r"\d{3} \d{3}")


async def sign_up(site: Site, browser: Browser, email: str = EMAIL, password: str = CHOSEN, name: str = "Nora") -> Page:
    form = (await browser.get(f"{AUTH}/_auth/signup")).form
    return await browser.submit(form, email=email, name=name, password=password, password_confirm=password)


async def log_in(site: Site, browser: Browser, email: str = EMAIL, password: str = CHOSEN) -> Page:
    return await browser.submit(await site.login_form(browser), email=email, password=password)


def last(site: Site) -> Posted:
    return site.postbox.letters[-1]


async def test_somebody_signs_up_confirms_with_the_link_and_logs_in(either: Site):
    site = either
    async with site.browser() as nora:
        login = await nora.get(f"{AUTH}/_auth/login")
        assert login.link("Create an account") == f"{AUTH}/_auth/signup"
        page = await sign_up(site, nora)
        assert page.status == 200
        assert EMAIL in page.words
        assert (last(site).recipient, last(site).letter, last(site).values["lasts"]) == (EMAIL, "verify", 72 * 3600)
        assert last(site).link.startswith(f"{AUTH}/_auth/verify?token=")
        page = await log_in(site, nora)
        assert page.status == 403
        assert "has not been confirmed yet" in page.words
        for _ in range(2):  # programs that look into mail follow links, as often as they like
            page = await nora.get(last(site).link)
            assert page.status == 200
            assert page.headers["Referrer-Policy"] == "no-referrer"
            assert page.form.types == {"csrf_token": "hidden", "token": "hidden"}, "the browser that signed up is asked for nothing"
        account = await site.accounts.find(EMAIL)
        assert account is not None
        assert (account.identity.state, account.signed_up) == (State.CREATED, site.clock.now)
        page = await nora.submit(page.form)
        assert page.status == 200
        assert "Your account is ready" in page.words
        account = await site.accounts.find(EMAIL)
        assert account is not None
        assert (account.identity.state, account.identity.name) == (State.VERIFIED, "Nora")
        assert (await log_in(site, nora)).status == 303
        assert await site.logged_in(nora)
        page = await nora.get(last(site).link)
        assert page.status == 400
        assert page.link("Ask for a new message") == f"{AUTH}/_auth/verify/resend"
        assert [line for line in site.audit if CHOSEN in line or "token=" in line] == []


async def test_the_code_does_what_the_link_does(either: Site):
    site = either
    async with site.browser() as nora:
        page = await sign_up(site, nora)
        code = str(last(site).values["code"])
        assert CODE.fullmatch(code)
        page = await nora.submit(page.form_to("/verify"), token=code)
        assert "Your account is ready" in page.words
        assert (await log_in(site, nora)).status == 303
        page = await nora.get(last(site).link)
        assert page.status == 400, "code and link are one"


async def test_a_code_is_void_after_five_tries_and_its_link_is_not(either: Site):
    site = either
    async with site.browser() as nora:
        page = await sign_up(site, nora)
        code = str(last(site).values["code"]).replace(" ", "")
        wrong = f"{(int(code) + 1) % 10**6:06}"
        for _ in range(5):
            page = await nora.submit(page.form_to("/verify"), token=wrong)
            assert page.status == 422
            assert "This code is not right" in page.words
            assert page.form.fields["email"] == EMAIL
            assert page.form.fields["token"] == ""
        page = await nora.submit(page.form, token=code)
        assert page.status == 422
        page = await nora.get(last(site).link)
        assert (await nora.submit(page.form)).status == 200


async def test_a_code_is_good_for_a_day_and_a_link_for_three(either: Site):
    site = either
    async with site.browser() as nora:
        page = await sign_up(site, nora)
        site.clock.forward(24 * 3600 + 1)
        form = (await nora.get(f"{AUTH}/_auth/verify")).form
        page = await nora.submit(form, email=EMAIL, token=str(last(site).values["code"]))
        assert page.status == 422
        site.clock.forward(48 * 3600 - 2)
        assert (await nora.get(last(site).link)).status == 200
        site.clock.forward(2)
        page = await nora.get(last(site).link)
        assert page.status == 400


@pytest.mark.parametrize("query", ["?token=", "?token=abc", f"?token={'a' * 43}", "?token=%FF", f"?token={'a' * 43}%00"])
@pytest.mark.parametrize("path", ["/verify", "/reset"])
async def test_every_bad_link_gets_one_message(site: Site, path: str, query: str):
    async with site.browser() as other:
        page = await other.get(f"{AUTH}/_auth{path}{query}")
        usual = await other.get(f"{AUTH}/_auth/verify?token={'b' * 43}")
        assert page.status == usual.status == 400
        assert page.title == usual.title
        told = await other.get(f"{AUTH}/_auth{path}{query}", headers={"Sec-Fetch-Mode": "cors"})
        assert told.json()["error"] == "bad_token"


async def test_a_used_an_expired_and_an_unknown_link_look_alike(site: Site):
    async with site.browser() as nora, site.browser() as other:
        await sign_up(site, nora)
        used = last(site).link
        await nora.submit((await nora.get(used)).form)
        await sign_up(site, nora, email="olga@example.com")
        expired = last(site).link
        site.clock.forward(72 * 3600 + 1)
        pages = [await other.get(link) for link in (used, expired, f"{AUTH}/_auth/verify?token={'x' * 43}")]
        assert {page.status for page in pages} == {400}
        assert len({page.text.replace(page.headers["X-Request-Id"], "") for page in pages}) == 1


async def test_another_browser_gives_the_password_of_its_attempt(either: Site):
    site = either
    async with site.browser() as nora, site.browser() as phone:
        await sign_up(site, nora)
        page = await phone.get(last(site).link)
        assert page.form.types["password"] == "password"
        assert "if you did not choose one" in page.words.lower()
        page = await phone.submit(page.form, password=OTHER)
        assert page.status == 422
        assert "not the password" in page.words
        assert page.form.fields["password"] == ""
        page = await phone.submit(page.form, password=CHOSEN)
        assert "Your account is ready" in page.words


async def test_passwords_of_a_link_cannot_be_guessed_for_ever(site: Site):
    async with site.browser() as nora, site.browser() as mallory:
        await sign_up(site, nora)
        page = await mallory.get(last(site).link)
        for _ in range(10):
            page = await mallory.submit(page.form, password=OTHER)
            assert page.status == 422
        page = await mallory.submit(page.form, password=CHOSEN)
        assert page.status == 429
        assert int(page.headers["Retry-After"]) > 0


async def test_nobody_gets_an_account_that_another_confirms(either: Site):
    """Pre-hijacking: Mallory signs up with Nora's address and waits for Nora to confirm it."""
    site = either
    async with site.browser() as mallory, site.browser() as nora:
        await sign_up(site, mallory, password=OTHER, name="Mallory")
        planted = last(site).link
        await sign_up(site, nora)
        own = last(site).link
        page = await nora.get(planted)
        page = await nora.submit(page.form, password=CHOSEN)
        assert page.status == 422, "the first link is the first attempt's"
        page = await nora.submit((await nora.get(own)).form)
        assert "Your account is ready" in page.words
        assert (await log_in(site, mallory, password=OTHER)).status == 401
        assert (await log_in(site, nora)).status == 303
        account = await site.accounts.find(EMAIL)
        assert account is not None
        assert account.identity.name == "Nora"
        page = await mallory.get(planted)
        assert page.status == 400, "verifying voids what was sent before"


async def test_who_asks_for_the_link_anew_chooses_the_password(either: Site):
    site = either
    async with site.browser() as mallory, site.browser() as nora:
        await sign_up(site, mallory, password=OTHER)
        page = await nora.get(f"{AUTH}/_auth/verify/resend")
        page = await nora.submit(page.form, email=EMAIL)
        assert page.status == 200
        assert last(site).letter == "verify"
        page = await nora.get(last(site).link)
        assert set(page.form.types) == {"csrf_token", "token", "username", "password", "password_confirm"}
        page = await nora.submit(page.form, password=CHOSEN, password_confirm=OTHER)
        assert "not the same" in page.words
        page = await nora.submit(page.form, password="nora", password_confirm="nora")
        assert page.status == 422
        assert "too short" in page.words
        page = await nora.submit(page.form, password=CHOSEN, password_confirm=CHOSEN)
        assert "Your account is ready" in page.words
        assert (await log_in(site, mallory, password=OTHER)).status == 401
        assert (await log_in(site, nora)).status == 303


async def test_the_button_on_verify_first_sends_the_message_once_more(site: Site):
    async with site.browser() as carl:
        page = await carl.submit(await site.login_form(carl), email="carl@example.com", password="a tortoise plays the cello")
        assert page.status == 403
        page = await carl.submit(page.form_to("/verify/resend"))
        assert page.status == 200
        assert site.postbox.take() == [("carl@example.com", "verify")]


async def test_a_disabled_account_stays_disabled(either: Site):
    site = either
    async with site.browser() as nora:
        await sign_up(site, nora)
        account = await site.accounts.find(EMAIL)
        assert account is not None
        page = await nora.get(last(site).link)
        await site.accounts.set_state(account.identity.user_id, State.DISABLED)
        assert (await nora.get(last(site).link)).status == 400
        assert (await nora.submit(page.form)).status == 400
        assert (await log_in(site, nora)).status == 401


async def test_of_many_presses_one_confirms(either: Site):
    site = either
    async with site.browser() as nora:
        await sign_up(site, nora)
        form = (await nora.get(last(site).link)).form
        pages = await asyncio.gather(*(nora.submit(form) for _ in range(8)))
        assert sorted(page.status for page in pages) == [200] + [400] * 7


async def test_of_many_attempts_on_one_address_one_makes_the_account(either: Site):
    site = either
    async with site.browser() as nora:
        form = (await nora.get(f"{AUTH}/_auth/signup")).form
        pages = await asyncio.gather(
            *(nora.submit(form, email=email, password=CHOSEN, password_confirm=CHOSEN) for email in (EMAIL, EMAIL.upper(), f" {EMAIL}") * 3)
        )
        assert {page.status for page in pages} == {200}
        found = [one for one in await site.accounts.list() if one.identity.email.lower() == EMAIL]
        assert len(found) == 1
        assert {letter for _, letter in site.postbox.take()} == {"verify"}


@pytest.mark.parametrize(
    ("filled", "said"),
    [
        ({"email": ""}, "Enter your e-mail address."),
        ({"email": "nora"}, "not a complete e-mail address"),
        ({"email": "nora@two@example.com"}, "not a complete e-mail address"),
        ({"email": "nora@localhost"}, "not a complete e-mail address"),
        ({"email": f"{'n' * 250}@example.com"}, "not a complete e-mail address"),
        ({"name": "n" * 101}, "too long"),
        ({"name": "No\nra"}, "cannot be shown"),
        ({"password": "", "password_confirm": ""}, "Enter a password."),
        ({"password_confirm": "another one altogether"}, "not the same"),
        ({"password": "short", "password_confirm": "short"}, "too short"),
        ({"password": EMAIL, "password_confirm": EMAIL}, "your name or address"),
        ({"password": "abababab", "password_confirm": "abababab"}, "repeats"),
    ],
)
async def test_what_cannot_be_is_said_at_its_field(site: Site, filled: dict[str, str], said: str):
    async with site.browser() as nora:
        form = (await nora.get(f"{AUTH}/_auth/signup")).form
        typed = {**form.fields, "email": EMAIL, "name": "Nora", "password": CHOSEN, "password_confirm": CHOSEN, **filled}
        page = await nora.post(form.action, typed)
        assert page.status == 422
        assert said in page.words
        assert 'role="alert"' in page.text
        assert 'aria-invalid="true"' in page.text
        assert page.form.fields["password"] == page.form.fields["password_confirm"] == ""
        if "name" not in filled:
            assert page.form.fields["name"] == "Nora"
        assert site.postbox.take() == []
        told = await nora.submit(page.form, email="", password="x", password_confirm="x", headers={"Sec-Fetch-Mode": "cors"})
        assert told.json()["error"] == "not_valid"
        assert "email" in told.json()["detail"]


async def test_whoever_asks_what_cannot_be_is_refused_before_anything_is_hashed(site: Site):
    facts = sample_facts()
    for email, password in (("nora", CHOSEN), (EMAIL, "short"), ("", "")):
        outcome = await site.signup.begin(site.snapshot, facts, email, "Nora", password, "en")
        assert isinstance(outcome, Refused)
        assert outcome.faults
    assert site.hasher.made == 0
    assert await site.accounts.find(EMAIL) is None


async def test_only_addresses_of_the_domains_that_are_served(site: Site):
    site.snapshot = site_snapshot(signup=SignUpRules(enabled=True, domains=frozenset({"example.com", "xn--bcher-kva.example.org"})))
    async with site.browser() as nora:
        for email in ("nora@example.net", "nora@sub.example.com", "ann@example.com.evil.example.net"):
            page = await sign_up(site, nora, email=email)
            assert page.status == 422
            assert "this organisation" in page.words
        for email in ("nora@EXAMPLE.com", "nora@bücher.example.org"):
            assert (await sign_up(site, nora, email=email)).status == 200
        assert len(site.postbox.take()) == 2


async def test_without_sign_up_there_is_no_such_page(site: Site):
    async with site.browser() as nora:
        form = (await nora.get(f"{AUTH}/_auth/signup")).form
        site.snapshot = site_snapshot(signup=SignUpRules())
        assert (await nora.get(f"{AUTH}/_auth/signup")).status == 404
        assert (await nora.submit(form, email=EMAIL, password=CHOSEN, password_confirm=CHOSEN)).status == 404
        assert "Create an account" not in (await nora.get(f"{AUTH}/_auth/login")).words
        assert await site.accounts.find(EMAIL) is None


async def test_without_mail_nothing_is_offered_that_needs_it(site: Site):
    site.snapshot = site_snapshot(mail=None, signup=SignUpRules(enabled=True, require_verification=False))
    async with site.browser() as nora:
        assert "Forgot" not in (await nora.get(f"{AUTH}/_auth/login")).words
        for path in ("/forgot", "/reset", "/verify", "/verify/resend"):
            assert (await nora.get(f"{AUTH}/_auth{path}")).status == 404
        page = await log_in(site, nora, "carl@example.com", "a tortoise plays the cello")
        assert page.status == 403
        assert page.forms == []


async def test_where_addresses_need_not_be_confirmed_the_account_works_at_once(site: Site):
    site.snapshot = site_snapshot(signup=SignUpRules(enabled=True, require_verification=False))
    async with site.browser() as nora:
        page = await sign_up(site, nora)
        known = await sign_up(site, nora, email="ann@example.com")
        assert page.text.replace(EMAIL, "") == known.text.replace("ann@example.com", "").replace(known.headers["X-Request-Id"], "")
        assert site.postbox.take() == [("ann@example.com", "notice_signup")]
        assert (await log_in(site, nora)).status == 303


async def test_letters_to_one_address_are_few(either: Site):
    site = either
    async with site.browser() as nora:
        for _ in range(5):
            assert (await sign_up(site, nora)).status == 200
        assert len(site.postbox.take()) == 3, "three an hour"
        for _ in range(4):
            await site.forward(3601)
            for _ in range(3):
                assert (await sign_up(site, nora, email=EMAIL.upper())).status == 200
        assert len(site.postbox.take()) == 7, "ten a day, however the address is spelt"


async def test_one_client_cannot_sign_up_for_ever(site: Site):
    site.snapshot = site_snapshot(throttle=replace(site.snapshot.throttle, per_ip=3))
    async with site.browser() as nora:
        for number in range(3):
            assert (await sign_up(site, nora, email=f"nora{number}@example.com")).status == 200
        page = await sign_up(site, nora)
        assert page.status == 429
        assert int(page.headers["Retry-After"]) > 0
        assert page.form.fields["email"] == EMAIL
        assert await site.accounts.find(EMAIL) is None


@pytest.mark.parametrize("path", ["/signup", "/verify", "/verify/resend", "/forgot", "/reset"])
async def test_forms_are_believed_only_from_our_pages(site: Site, path: str):
    async with site.browser() as nora, site.browser() as mallory:
        form = (await nora.get(f"{AUTH}/_auth{path}")).form
        foreign = (await mallory.get(f"{AUTH}/_auth{path}")).form.fields["csrf_token"]
        for token, headers in ((form.fields["csrf_token"], {"Sec-Fetch-Site": "cross-site"}), (foreign, {}), ("", {})):
            page = await nora.submit(form, csrf_token=token, headers=headers, email="ann@example.com")
            assert page.status == 403
            assert page.form.fields["email"] == "ann@example.com"
            assert page.form.fields["csrf_token"] not in ("", foreign)
        assert site.postbox.take() == []


async def test_the_database_is_away(site: Site):
    async with site.browser() as nora:
        form = (await nora.get(f"{AUTH}/_auth/signup")).form
        site.postbox.away = True
        page = await nora.submit(form, email=EMAIL, password=CHOSEN, password_confirm=CHOSEN)
        assert (page.status, page.headers["Retry-After"]) == (503, "5")
        site.postbox.away = False
        assert (await nora.submit(form, email=EMAIL, password=CHOSEN, password_confirm=CHOSEN)).status == 200
        assert site.postbox.take() == [(EMAIL, "verify")]
