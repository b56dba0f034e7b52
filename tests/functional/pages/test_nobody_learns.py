"""Nobody can find out whether an address has an account: every cell of the table is one answer, in status, headers, body, cookies and time.

Time is held in two ways: every answer of a row waits until the same moment after as much hashing (told by clocks that stand still), and, measured,
medians do not differ.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from statistics import median

import pytest

from tests.browser import Browser, Page
from tests.functional.pages.site import AUTH, PASSWORD, Site

#: Whoever is in each state: `make_accounts`.
STATES = {"unknown": "nobody", "created": "carl", "verified": "ann", "expired": "ed", "disabled": "dora"}
LETTERS = {
    "/signup": {"unknown": "verify", "created": "verify", "verified": "notice_signup", "expired": "notice_signup", "disabled": "notice_signup"},
    "/verify/resend": {"created": "verify", "verified": "already_verified"},
    "/forgot": {"created": "verify", "verified": "reset", "expired": "reset"},
}
CHOSEN = "the moon is made of brass"
#: What differs between any two answers.
PASSING = ("date", "x-request-id", "content-length")


async def send(browser: Browser, path: str, email: str, password: str = CHOSEN) -> Page:
    form = (await browser.get(f"{AUTH}/_auth{path}")).form
    filled = {"email": email, "password": password, "password_confirm": password}
    return await browser.post(form.action, {**form.fields, **{name: value for name, value in filled.items() if name in form.names}})


def told(page: Page, email: str) -> tuple[object, ...]:
    """All that an answer says; the address that was typed, form fields and the request's id are the same for everybody."""
    text = page.text.replace(email, "somebody").replace(page.headers["X-Request-Id"], "")
    text = re.sub(r'(name="csrf_token" value=")[^"]+', r"\1", text)
    headers = [(name, value) for name, value in page.headers.items() if name.lower() not in PASSING]
    return page.status, headers, text, len(page.set_cookies)


@pytest.mark.parametrize("path", LETTERS)
async def test_one_answer_for_every_address(either: Site, path: str):
    site = either
    answers = {}
    for state, name in STATES.items():
        email = f"{name}@example.com"
        async with site.browser() as browser:
            page = await send(browser, path, email)
            answers[state] = told(page, email)
        wanted = LETTERS[path].get(state)
        assert site.postbox.take() == ([] if wanted is None else [(email, wanted)])
        assert site.slept == [1.0], "every answer waits until the same moment"
        site.slept.clear()
    assert answers["unknown"][0] == 200
    for state, answer in answers.items():
        assert answer == answers["unknown"], state


async def test_every_attempt_to_sign_up_hashes_once(either: Site):
    site = either
    for name in STATES.values():
        before = site.hasher.made
        async with site.browser() as browser:
            await send(browser, "/signup", f"{name}@example.com")
        assert site.hasher.made == before + 1


async def test_a_wrong_password_is_one_answer_for_everybody(either: Site):
    site = either
    answers = {}
    for state, name in STATES.items():
        email = f"{name}@example.com"
        async with site.browser() as browser:
            before = site.hasher.verified
            answers[state] = told(await send(browser, "/login", email, "not theirs"), email)
            assert site.hasher.verified == before + 1
    assert answers["unknown"][0] == 401
    for state, answer in answers.items():
        assert answer == answers["unknown"], state


async def test_a_right_password_tells_its_owner(either: Site):
    site = either
    statuses = {}
    for state, name in STATES.items():
        email = f"{name}@example.com"
        async with site.browser() as browser:
            page = await send(browser, "/login", email, PASSWORD)
            statuses[state] = (page.status, await site.logged_in(browser))
            if state == "disabled":
                wrong = await send(browser, "/login", email, "not theirs")
                assert told(page, email) == told(wrong, email)
            if state == "expired":
                assert (await browser.get(f"{AUTH}/_auth/session")).json()["user"]["state"] == "expired"
    assert statuses == {
        "unknown": (401, False),
        "created": (403, False),
        "verified": (303, True),
        "expired": (303, True),
        "disabled": (401, False),
    }


@pytest.mark.parametrize("path", LETTERS)
async def test_answers_take_one_time(clocked: Site, path: str):
    """Measured: what is done for one takes longer than what is done for another, and nobody sees it."""
    site = clocked
    taken: dict[str, list[float]] = {state: [] for state in STATES}
    async with open_browsers(site) as browsers:

        async def one(state: str, number: int) -> None:
            # Each unknown address is asked for once: after that it is no unknown one. A day later no limit is left from the last time.
            email = f"nobody{number}@example.com" if state == "unknown" else f"{STATES[state]}@example.com"
            form = (await browsers[state].get(f"{AUTH}/_auth{path}")).form
            filled = {"email": email, "password": CHOSEN, "password_confirm": CHOSEN}
            fields = {**form.fields, **{name: value for name, value in filled.items() if name in form.names}}
            begun = time.perf_counter()
            page = await browsers[state].post(form.action, fields)
            taken[state].append(time.perf_counter() - begun)
            assert page.status == 200

        for number in range(20):
            await site.forward(86_401)
            await asyncio.gather(*(one(state, number) for state in STATES))
    medians = {state: median(times) for state, times in taken.items()}
    assert max(medians.values()) - min(medians.values()) < 0.1 * min(medians.values()), medians


@asynccontextmanager
async def open_browsers(site: Site) -> AsyncIterator[dict[str, Browser]]:
    """A browser for everybody."""
    browsers = {state: site.browser() for state in STATES}
    await asyncio.gather(*(browser.__aenter__() for browser in browsers.values()))
    try:
        yield browsers
    finally:
        await asyncio.gather(*(browser.__aexit__() for browser in browsers.values()))
