"""The own account: overview, profile, sessions, activity; who gets in, and what they may do there."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gateway.core.binding import Binding, Bound
from gateway.core.identity import State
from gateway.stores.trail import Entry
from tests.browser import Browser, Page
from tests.functional.pages.site import AUTH, PASSWORD, Site
from tests.samples import NOW, sample_account

ACCOUNT = f"{AUTH}/_auth/account"
ANN = sample_account("ann").identity.user_id
PAGES = ("", "/profile", "/password", "/email", "/sessions", "/sessions?session=all", "/sessions?session=others", "/audit")


def events(site: Site, event: str) -> list[dict[str, str]]:
    return [line for line in map(json.loads, site.audit) if line["audit"] == event]


@pytest.mark.parametrize("path", PAGES)
async def test_nobody_is_asked_to_log_in_and_comes_back(site: Site, path: str):
    async with site.browser() as ann:
        page = await ann.get(ACCOUNT + path)
        assert page.status == 303
        assert page.location is not None
        assert "/_auth/login?next=" in page.location
        form = (await ann.get(page.location)).form_to("/login")
        back = await ann.submit(form, email="ann@example.com", password=PASSWORD)
        assert back.location == ACCOUNT + path
        page = await ann.get(ACCOUNT + path)
        assert page.status == 200
        assert page.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", PAGES)
async def test_a_program_hears_401_in_json(site: Site, path: str):
    async with site.browser() as ann:
        page = await ann.get(ACCOUNT + path, headers={"Sec-Fetch-Mode": "cors", "Accept": "application/json"})
        assert (page.status, page.json()["error"]) == (401, "login_required")


async def test_a_form_that_was_sent_after_the_session_ended_was_not_saved(site: Site):
    async with site.browser() as ann:
        await site.login(ann)
        form = (await ann.get(f"{ACCOUNT}/profile")).form
        site.clock.forward(site.snapshot.life.idle + 1)
        page = await ann.submit(form, first_name="Anna")
        assert page.status == 401
        assert "Your form was not sent" in page.words
        assert "next=/_auth/account/profile" in page.link("Log in")
        account = await site.accounts.get(ANN)
        assert account is not None
        assert account.profile.first_name == ""


async def test_the_overview_tells_who_and_since_when(site: Site):
    async with site.browser() as ann:
        await site.login(ann)
        site.clock.forward(600)
        page = await ann.get(ACCOUNT)
        for words in ("ann@example.com", "Ann", "10 minutes ago"):
            assert words in page.words
        assert "expired" not in page.words
        assert (await ann.get(f"{AUTH}/_auth")).words == page.words, "the prefix itself leads there too"


@pytest.mark.parametrize("path", PAGES)
async def test_an_expired_account_reaches_its_own_pages(site: Site, path: str):
    async with site.browser() as ed:
        await site.login(ed, email="ed@example.com")
        assert (await ed.get(ACCOUNT + path)).status == 200
        assert "Your account has expired" in (await ed.get(ACCOUNT)).words


async def test_whose_account_is_deleted_is_nobody(site: Site):
    async with site.browser() as ann:
        await site.login(ann)
        await site.accounts.delete(ANN)
        assert (await ann.get(ACCOUNT)).status == 303


async def test_a_profile_is_saved_and_shown_to_applications(either: Site):
    async with either.browser() as ann:
        await either.login(ann)
        form = (await ann.get(f"{ACCOUNT}/profile")).form
        page = await ann.submit(
            form, follow=True, first_name=" Anna ", last_name="Öz", phone="+49 30 123-4567", birth_date="1990-12-31", link="https://example.com/~anna"
        )
        assert "Your profile is saved." in page.words
        assert page.form.fields["phone"] == "+49301234567"
        account = await either.accounts.get(ANN)
        assert account is not None
        assert account.identity.name == "Anna Öz"
        told = (await ann.get(f"{AUTH}/_auth/session")).json()
        assert told["user"]["name"] == "Anna Öz", "the session hears of it"
        page = await ann.submit(page.form, follow=True, first_name="", last_name="", phone="", birth_date="", link="")
        account = await either.accounts.get(ANN)
        assert account is not None
        assert account.profile.phone is None
        assert account.identity.name == "Anna Öz", "a name is not lost with its parts"
        assert len(events(either, "user:profile")) == 2


@pytest.mark.parametrize(
    ("field", "typed", "words"),
    [
        ("first_name", "x" * 101, "at most 100"),
        ("last_name", "a\u202e\nb", "control"),
        ("phone", "030 1234567", "begins with +"),
        ("phone", "+49", "begins with +"),
        ("phone", "+4930123456789012345", "begins with +"),
        ("birth_date", "31.12.1990", "as in 1990-12-31"),
        ("birth_date", "1990-02-30", "as in 1990-12-31"),
        ("birth_date", "19901231", "as in 1990-12-31"),
        ("birth_date", "1800-01-01", "as in 1990-12-31"),
        ("birth_date", "2999-01-01", "future"),
        ("link", "javascript:alert(1)", "https://"),
        ("link", "http://example.com/", "https://"),
        ("link", "https://ann@example.com/", "https://"),
        ("link", "https://", "https://"),
        ("link", "https://example.com:x/", "https://"),
        ("link", 'https://example.com/"><script>', "https://"),
        ("link", "https://example.com/" + "x" * 500, "https://"),
    ],
)
async def test_what_no_profile_may_say(site: Site, field: str, typed: str, words: str):
    async with site.browser() as ann:
        await site.login(ann)
        form = (await ann.get(f"{ACCOUNT}/profile")).form
        page = await ann.post(form.action, {**form.fields, "first_name": "Anna", field: typed})
        assert page.status == 422
        assert words in page.words
        assert page.title.startswith("Error:")
        assert page.form.fields[field] == typed, "what was typed stays"
        account = await site.accounts.get(ANN)
        assert account is not None
        assert account.profile.first_name == "", "nothing is saved by half"


async def browsers(site: Site, *several: Browser) -> None:
    for number, browser in enumerate(several):
        browser.headers["User-Agent"] = f"Mozilla/5.0 (X11; Linux x86_64) Firefox/{number}"
        await site.login(browser)
        site.clock.forward(60)


async def members(site: Site) -> list[str]:
    """Hashes of the ids of Ann's sessions."""
    return await site.store.index_members(f"gw:u:{ANN}", site.clock())


def ends(page: Page) -> list[str]:
    """Links that end a session."""
    return [target for words, target in page.links if words == "End this session"]


async def test_two_browsers_are_listed_and_one_ends_the_other(either: Site):
    async with either.browser() as laptop, either.browser() as phone:
        await browsers(either, laptop, phone)
        page = await laptop.get(f"{ACCOUNT}/sessions")
        assert page.words.count("Firefox (Linux)") == 2
        assert page.words.count("This device") == 1
        assert "127.0.0.1" in page.words
        [target] = ends(page)
        question = await laptop.get(target)
        assert await either.logged_in(phone), "a question ends nothing"
        page = await laptop.submit(question.form, follow=True)
        assert "That session has ended." in page.words
        assert ends(page) == []
        assert await either.logged_in(laptop)
        assert not await either.logged_in(phone)
        assert [event["address"] for event in events(either, "session:revoke")] == ["127.0.0.1"]
        page = await laptop.submit(question.form, follow=True)
        assert "had ended already" in page.words


async def test_ending_the_others_leaves_this_one(either: Site):
    async with either.browser() as laptop, either.browser() as phone, either.browser() as desk:
        await browsers(either, laptop, phone, desk)
        page = await laptop.get((await laptop.get(f"{ACCOUNT}/sessions")).link("End all other sessions"))
        page = await laptop.submit(page.form, follow=True)
        assert "All other sessions have ended." in page.words
        assert [await either.logged_in(one) for one in (laptop, phone, desk)] == [True, False, False]
        assert [event["address"] for event in events(either, "session:revoke")] == ["127.0.0.1"] * 2


async def test_logging_out_everywhere_means_here_too(either: Site):
    async with either.browser() as laptop, either.browser() as phone:
        await browsers(either, laptop, phone)
        captured = laptop.cookies["gw"]
        page = await laptop.get((await laptop.get(ACCOUNT)).link("Log out everywhere"))
        page = await laptop.submit(page.form)
        assert page.location == f"{AUTH}/_auth/signed-out"
        assert "gw" not in laptop.cookies
        laptop.cookies.put(captured)
        assert [await either.logged_in(one) for one in (laptop, phone)] == [False, False]
        assert [event["by"] for event in events(either, "session:revoke") if "by" in event] == ["self"]


async def test_ending_the_present_session_logs_out(site: Site):
    async with site.browser() as laptop:
        await browsers(site, laptop)
        page = await laptop.get(f"{ACCOUNT}/sessions?session=others")
        page = await laptop.submit(page.form, session=(await members(site))[0][:16])
        assert page.location == f"{AUTH}/_auth/signed-out"
        assert "gw" not in laptop.cookies


async def test_nobody_ends_somebody_elses_session(site: Site):
    async with site.browser() as ann, site.browser() as ed:
        await site.login(ann)
        [member] = await members(site)
        await site.login(ed, email="ed@example.com")
        form = (await ed.get(f"{ACCOUNT}/sessions?session=others")).form
        for name in (member[:16], member, "", "0" * 16):
            page = await ed.submit(form, session=name, follow=True)
            assert "had ended already" in page.words
            assert (await ed.get(f"{ACCOUNT}/sessions?session={name}", follow=True)).words.count("This device") == 1
        assert await site.logged_in(ann)


async def test_a_session_that_is_bound_ends_where_it_turns_up_elsewhere(site: Site):
    """Behind a trusted proxy: the address that counts is the client's."""
    site.snapshot = replace(site.snapshot, binding=Binding(ip=Bound.END))
    async with site.browser() as ann:
        ann.headers["X-Forwarded-For"] = "192.0.2.7"
        await site.login(ann)
        ann.headers["X-Forwarded-For"] = "192.0.2.200"
        assert (await ann.get(ACCOUNT)).status == 200
        ann.headers["X-Forwarded-For"] = "203.0.113.9"
        assert not await site.logged_in(ann)
        assert (await ann.get(ACCOUNT)).status == 303
        ann.headers["X-Forwarded-For"] = "192.0.2.7"
        assert (await ann.get(ACCOUNT)).status == 303


async def write(site: Site, *told: str, user_id: str = ANN) -> None:
    await site.trail.add([Entry(0, NOW + number, event, "success", user_id, None, "192.0.2.7", None, "{}") for number, event in enumerate(told)])


async def test_what_happened_is_told_to_its_owner_and_nobody_else(site: Site):
    await write(site, "login:success", "session:rotate", "user:password", "login:failure", "session:theft")
    await write(site, "email:change", user_id=sample_account("ed").identity.user_id)
    async with site.browser() as ann:
        await site.login(ann)
        page = await ann.get(f"{ACCOUNT}/audit")
        for words in ("You logged in", "Your password was changed", "A wrong password was entered", "copied login", "192.0.2.7"):
            assert words in page.words
        assert "address was changed" not in page.words
        assert "Older" not in [words for words, _ in page.links]


async def test_a_long_history_comes_in_pages(site: Site):
    await write(site, *["user:password"] * 30, *["session:rotate"] * 300, *["login:success"] * 35)
    async with site.browser() as ann:
        await site.login(ann)
        page = await ann.get(f"{ACCOUNT}/audit")
        assert page.words.count("You logged in") == 30
        page = await ann.get(page.link("Older"))
        assert (page.words.count("You logged in"), page.words.count("password was changed")) == (5, 25)
        page = await ann.get(page.link("Older"))
        assert page.words.count("password was changed") == 5
        assert "Older" not in [words for words, _ in page.links]
        for nonsense in ("x", "-1", "1%00", "9" * 40, "\u0661"):
            assert (await ann.get(f"{ACCOUNT}/audit?before={nonsense.encode().hex() if not nonsense.isascii() else nonsense}")).status == 200


async def test_a_store_that_is_away_is_no_logout(site: Site):
    async with site.browser() as ann:
        await site.login(ann)
        site.store.away = True
        for path in PAGES:
            assert (await ann.get(ACCOUNT + path)).status == 503
        site.store.away = False
        assert (await ann.get(ACCOUNT)).status == 200


async def test_no_page_here_changes_a_state(site: Site):
    async with site.browser() as ed:
        await site.login(ed, email="ed@example.com")
        form = (await ed.get(f"{ACCOUNT}/profile")).form
        await ed.submit(form, first_name="Edward")
        account = await site.accounts.find("ed@example.com")
        assert account is not None
        assert account.identity.state is State.EXPIRED
