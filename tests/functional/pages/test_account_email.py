"""Changing one's e-mail address: pending until the new one answers, called off from the old one, silent about who has which address."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.core.identity import State
from gateway.services.tickets import Purpose
from tests.browser import Browser, Page
from tests.functional.pages.site import AUTH, PASSWORD, Site
from tests.samples import sample_account

PAGE = f"{AUTH}/_auth/account/email"
ANN, ED = (sample_account(name).identity.user_id for name in ("ann", "ed"))
OLD, NEW = "ann@example.com", "anna@example.org"


async def ask(browser: Browser, email: str = NEW, current: str = PASSWORD) -> Page:
    form = (await browser.get(PAGE)).form_to("/account/email")
    return await browser.submit(form, email=email, current_password=current)


async def address(site: Site, user_id: str = ANN) -> tuple[str, str | None]:
    """The account's address and the one that waits."""
    account = await site.accounts.get(user_id)
    assert account is not None
    return account.identity.email, account.pending_email


async def may_log_in(site: Site, email: str) -> bool:
    async with site.browser() as browser:
        return (await browser.submit(await site.login_form(browser), email=email, password=PASSWORD)).status == 303


async def press(site: Site, link: str) -> Page:
    """Follow a mailed link on another device, and press its button."""
    async with site.browser() as elsewhere:
        page = await elsewhere.get(link)
        assert page.status == 200, page.words
        assert page.headers["Referrer-Policy"] == "no-referrer"
        return await elsewhere.submit(page.form)


async def test_a_new_address_counts_once_it_has_answered(either: Site):
    async with either.browser() as ann:
        await either.login(ann)
        page = await ann.follow(await ask(ann))
        assert "We have sent a message to the new address." in page.words
        assert NEW in page.words
        assert await address(either) == (OLD, NEW)
        assert (await ann.get(f"{AUTH}/_auth/session")).json()["user"]["email"] == OLD, "headers keep the old one"
        assert await may_log_in(either, OLD)
        assert not await may_log_in(either, NEW)
        assert either.postbox.to(NEW) == ["email_confirm"]
        assert either.postbox.to(OLD) == ["email_notice"]
        assert either.postbox.last("email_notice").values["email"] == NEW
        page = await press(either, either.postbox.last("email_confirm").link)
        assert NEW in page.words
        assert await address(either) == (NEW, None)
        assert (await ann.get(f"{AUTH}/_auth/session")).json()["user"]["email"] == NEW, "the session goes on, and knows"
    assert not await may_log_in(either, OLD)
    assert await may_log_in(either, NEW)


async def test_who_is_sent_a_link_that_nobody_there_asked_for_is_warned_before_the_button(site: Site):
    """The account is another's, and so is its password: whoever is waiting for a letter of ours must not take this one for it."""
    async with site.browser() as mallory, site.browser() as victim:
        await site.login(mallory)
        await ask(mallory)
        page = await victim.get(site.postbox.last("email_confirm").link)
        assert "If you did not ask for this, do not go on" in page.words


async def test_a_scanner_that_follows_links_confirms_nothing(site: Site):
    async with site.browser() as ann:
        await site.login(ann)
        await ask(ann)
        for letter in ("email_confirm", "email_notice"):
            for _ in range(2):
                async with site.browser() as scanner:
                    assert (await scanner.get(site.postbox.last(letter).link)).status == 200
        assert await address(site) == (OLD, NEW)


async def test_the_old_address_calls_it_off(either: Site):
    async with either.browser() as ann:
        await either.login(ann)
        await ask(ann)
        confirm, cancel = either.postbox.last("email_confirm").link, either.postbox.last("email_notice").link
        page = await press(either, cancel)
        assert "Change it now." in page.words
        assert await address(either) == (OLD, None)
        for link in (confirm, cancel):
            async with either.browser() as elsewhere:
                assert (await elsewhere.get(link)).status == 400


async def test_whoever_asked_calls_it_off(site: Site):
    async with site.browser() as ann:
        await site.login(ann)
        await ask(ann)
        form = (await ann.get(PAGE)).form_to("/account/email/cancel")
        page = await ann.submit(form, follow=True)
        assert "The change was called off." in page.words
        assert await address(site) == (OLD, None)
        async with site.browser() as elsewhere:
            assert (await elsewhere.get(site.postbox.last("email_confirm").link)).status == 400
            page = await elsewhere.post(f"{AUTH}/_auth/account/email/cancel", {"csrf_token": form.fields["csrf_token"]})
            assert page.status in (401, 403), "nobody calls off what is not theirs"


def told(page: Page) -> tuple[int, list[tuple[str, str]], bytes, int]:
    """What can be told from an answer; the request's own id is another one each time."""
    headers = sorted((name, value) for name, value in page.headers.items() if name.lower() not in ("x-request-id", "date"))
    return page.status, headers, page.body, len(page.set_cookies)


async def test_free_or_taken_is_the_same_page(either: Site):
    """accounts.md section 3, the row of /account/email: status, headers, body, cookies, letters, and the moment until which they wait."""
    seen, written, waited = [], [], []
    for email in ("nobody@example.org", "ed@example.com", "CARL@example.com", "dora@example.com"):
        async with either.browser() as ann:
            await either.login(ann)
            before = len(either.postbox.letters)
            either.slept.clear()
            answer = await ask(ann, email)
            waited.append(list(either.slept))
            page = await ann.get(PAGE)
            account = await either.accounts.get(ANN)
            assert account is not None
            assert account.pending_email is not None
            shown = page.text.replace(account.pending_email, "…").replace(page.forms[0].fields["csrf_token"], "…")
            shown = shown.replace(page.forms[1].fields["csrf_token"], "…")
            seen.append((told(answer), page.status, shown))
            written.append(len(either.postbox.letters) - before)
            either.clock.forward(3600)
    for one in seen[1:]:
        assert one == seen[0]
    assert written == [2, 2, 2, 2]
    assert waited == [[1.0]] * 4, "each answer waits for the same moment"
    assert either.postbox.to("ed@example.com") == ["email_taken"]
    assert "email_confirm" not in [letter for who in ("ed@example.com", "carl@example.com", "dora@example.com") for letter in either.postbox.to(who)]
    assert await address(either, ED) == ("ed@example.com", None)


async def test_an_address_that_was_taken_meanwhile_stays_with_who_has_it(either: Site):
    async with either.browser() as ann, either.browser() as ed:
        await either.login(ann)
        await either.login(ed, email="ed@example.com")
        for browser in (ann, ed):
            assert (await ask(browser)).status == 303
        first, second = [posted.link for posted in either.postbox.letters if posted.letter == "email_confirm"]
        assert (await press(either, first)).status == 200
        async with either.browser() as elsewhere:
            page = await elsewhere.get(second)
            assert (await elsewhere.submit(page.form)).status == 400
    assert await address(either) == (NEW, None)
    assert (await address(either, ED))[0] == "ed@example.com"


async def test_an_expired_account_stays_expired(either: Site):
    async with either.browser() as ed:
        await either.login(ed, email="ed@example.com")
        await ask(ed, "edward@example.org")
        await press(either, either.postbox.last("email_confirm").link)
    account = await either.accounts.get(ED)
    assert account is not None
    assert (account.identity.email, account.identity.state) == ("edward@example.org", State.EXPIRED)


async def test_only_the_latest_change_can_be_confirmed(site: Site):
    async with site.browser() as ann:
        await site.login(ann)
        await ask(ann, "one@example.org")
        first = site.postbox.last("email_confirm").link
        await ask(ann, "two@example.org")
        async with site.browser() as elsewhere:
            assert (await elsewhere.get(first)).status == 400
        await press(site, site.postbox.last("email_confirm").link)
        assert await address(site) == ("two@example.org", None)


async def test_a_reset_link_that_went_to_the_old_address_is_void(site: Site):
    async with site.browser() as ann:
        await site.login(ann)
        await ask(ann)
        reset = await site.tickets.issue(site.snapshot, Purpose.RESET, ANN, {})
        await press(site, site.postbox.last("email_confirm").link)
        assert await site.tickets.look(site.snapshot, Purpose.RESET, reset.token) is None


@pytest.mark.parametrize("path", ["confirm", "cancel"])
async def test_every_bad_link_gets_one_answer(either: Site, path: str):
    """Unknown, malformed, for something else, used, expired."""
    async with either.browser() as ann:
        await either.login(ann)
        await ask(ann)
        confirm, cancel = either.postbox.last("email_confirm").link, either.postbox.last("email_notice").link
        good = confirm if path == "confirm" else cancel
        other = (cancel if path == "confirm" else confirm).partition("token=")[2]
        base = good.partition("?")[0]
        await press(either, good)
        answers = []
        for query in (
            "",
            "?token=",
            "?token=x",
            f"?token={'A' * 43}",
            f"?token={other}",
            f"?token={good.partition('token=')[2]}",
            "?token=a&token=b",
        ):
            async with either.browser() as elsewhere:
                page = await elsewhere.get(base + query)
                answers.append((page.status, page.body))
                assert page.headers["Cache-Control"] == "no-store"
        assert {status for status, _ in answers} == {400}
        assert len({body for _, body in answers}) == 1


async def test_links_end_with_their_time(site: Site):
    async with site.browser() as ann:
        await site.login(ann)
        await ask(ann)
        posted = site.postbox.last("email_confirm")
        site.clock.forward(int(posted.values["lasts"]))
        async with site.browser() as elsewhere:
            assert (await elsewhere.get(posted.link)).status == 400


@pytest.mark.parametrize(
    ("email", "current", "words"),
    [
        (NEW, "not the password", "That is not your current password"),
        (NEW, "", "Enter your current password"),
        ("", PASSWORD, "not an e-mail address"),
        ("anna", PASSWORD, "not an e-mail address"),
        ("a@b@example.com", PASSWORD, "not an e-mail address"),
        ("x" * 300 + "@example.com", PASSWORD, "not an e-mail address"),
        (OLD, PASSWORD, "your e-mail address already"),
    ],
)
async def test_what_changes_nothing(site: Site, email: str, current: str, words: str):
    async with site.browser() as ann:
        await site.login(ann)
        page = await ask(ann, email, current)
        assert page.status == 422
        assert words in page.words
        form = page.form_to("/account/email")
        assert form.fields["email"] == email, "what was typed stays"
        assert form.fields.get("current_password", "") == ""
        assert await address(site) == (OLD, None)
        assert site.postbox.letters == []


async def test_another_spelling_of_the_own_address_is_a_change_like_any_other(site: Site):
    async with site.browser() as ann:
        await site.login(ann)
        await ask(ann, "ANN@example.com")
        assert site.postbox.to("ANN@example.com") == ["email_confirm"]
        await press(site, site.postbox.last("email_confirm").link)
        assert await address(site) == ("ANN@example.com", None)


async def test_nobody_sends_mail_without_end(site: Site):
    async with site.browser() as ann:
        await site.login(ann)
        statuses = [(await ask(ann, f"a{number}@example.org")).status for number in range(7)]
        assert statuses == [303] * 5 + [429] * 2
        assert len(site.postbox.letters) == 10
        site.clock.forward(3600)
        await site.login(ann)
        assert (await ask(ann)).status == 303


async def test_tokens_stand_in_no_log_and_in_no_database(site: Site, tmp_path: Path):
    async with site.browser() as ann:
        await site.login(ann)
        await ask(ann)
        tokens = [posted.link.partition("token=")[2] for posted in site.postbox.letters]
        assert len(tokens) == 2
        assert not any(token in line for line in site.audit for token in tokens)
        assert not any(token.encode() in (tmp_path / "users.db").read_bytes() for token in tokens)


async def test_without_mail_no_address_can_be_changed(site: Site):
    site.snapshot = replace(site.snapshot, mail=None)
    async with site.browser() as ann:
        await site.login(ann)
        page = await ann.get(PAGE)
        assert "cannot be changed" in page.words
        assert page.forms == []
        token = (await ann.get(f"{AUTH}/_auth/logout")).form.fields["csrf_token"]
        page = await ann.post(PAGE, {"email": NEW, "current_password": PASSWORD, "csrf_token": token})
        assert page.status == 404
        assert await address(site) == (OLD, None)


async def test_a_form_that_is_not_believed_keeps_its_link(site: Site):
    async with site.browser() as ann:
        await site.login(ann)
        await ask(ann)
        async with site.browser() as elsewhere:
            for letter in ("email_confirm", "email_notice"):
                page = await elsewhere.get(site.postbox.last(letter).link)
                page = await elsewhere.submit(page.form, csrf_token="x")
                assert page.status == 403
                assert await address(site) == (OLD, NEW)
            page = await elsewhere.submit(page.form)
            assert page.status == 200
