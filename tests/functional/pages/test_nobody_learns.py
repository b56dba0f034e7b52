"""Nobody can find out whether an address has an account: every row of the table is one answer, in status, headers, body, cookies and time.

Time is held without a watch: for every state the same hashes, commands to stores and SQL are seen in the same order, and whatever differs happens
within a pause that lasts equally long for all. `python -m bench.equal_times` measures the same rows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

import pytest

from gateway.crypto.mailed import new_token
from gateway.services.tickets import Purpose
from tests.browser import Browser, Page
from tests.functional.pages.ledger import WAIT_OUT, seen
from tests.functional.pages.site import API, AUTH, PASSWORD, Site
from tests.samples import sample_identity

#: Whoever is in each state: `make_accounts`.
STATES = {"unknown": "nobody", "created": "carl", "verified": "ann", "expired": "ed", "disabled": "dora"}
FAULTS = ("unknown", "used", "expired", "malformed", "disabled")
CHOSEN = "the moon is made of brass"
#: What differs between any two answers.
PASSING = ("date", "x-request-id", "content-length")
WRONG_CODE = "000 000"
#: Longer than any link lives (seconds).
LONG_AGO = 30 * 86_400.0

Send = Callable[[], Awaitable[Page]]


@dataclass(frozen=True)
class Row:
    """`prepare` makes everything ready for a question about a state; what it returns asks it. `hidden`: what is done differs, within a pause;
    `hashes`: how many are seen."""

    prepare: Callable[[Site, Browser, str], Awaitable[Send]]
    status: int
    states: Sequence[str] = tuple(STATES)
    hidden: bool = True
    hashes: int = 0


def email_of(state: str) -> str:
    return f"{STATES[state]}@example.com"


def id_of(state: str) -> str:
    return sample_identity(STATES[state]).user_id


def page(path: str, **filled: str) -> Callable[[Site, Browser, str], Awaitable[Send]]:
    """The form there, filled in."""

    async def prepare(_site: Site, browser: Browser, state: str) -> Send:
        form = (await browser.get(f"{AUTH}/_auth{path}")).form
        fields = {**form.fields, "email": email_of(state), **filled}
        return lambda: browser.post(f"{AUTH}/_auth{path}", fields)

    return prepare


def with_code(purpose: Purpose, prepare: Callable[[Site, Browser, str], Awaitable[Send]]) -> Callable[[Site, Browser, str], Awaitable[Send]]:
    """The same where everybody has a code."""

    async def with_codes(site: Site, browser: Browser, state: str) -> Send:
        if state != "unknown":
            await site.tickets.issue(site.snapshot, purpose, id_of(state), {})
        return await prepare(site, browser, state)

    return with_codes


def call(method: str, path: str, **values: str) -> Callable[[Site, Browser, str], Awaitable[Send]]:
    """A call of the JSON API: with the account's id in its path, or its address in what is sent."""

    async def prepare(site: Site, browser: Browser, state: str) -> Send:
        site.snapshot = replace(site.snapshot, api=API)
        sent = values if ":id" in path else {"email": email_of(state), **values}
        target = f"{AUTH}/_auth/api{path.replace(':id', id_of(state))}"
        headers = {"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}
        return lambda: browser.request(method, target, data=json.dumps(sent).encode(), headers=headers)

    return prepare


def link(path: str, purpose: Purpose, *, post: bool = False) -> Callable[[Site, Browser, str], Awaitable[Send]]:
    """A link that is bad in one of several ways, followed or used."""

    async def prepare(site: Site, browser: Browser, fault: str) -> Send:
        token = {"unknown": new_token(), "malformed": "x"}.get(fault)
        if token is None:
            owner = "disabled" if fault == "disabled" else "created" if purpose is Purpose.VERIFY else "verified"
            back = LONG_AGO if fault == "expired" else 0.0
            site.clock.forward(-back)
            token = (await site.tickets.issue(site.snapshot, purpose, id_of(owner), {})).token
            site.clock.forward(back)
        if fault == "used":
            await site.tickets.take(site.snapshot, purpose, token)
        if not post:
            return lambda: browser.get(f"{AUTH}/_auth{path}?token={token}")
        field = (await browser.get(f"{AUTH}/_auth{path}")).form.fields["csrf_token"]
        return lambda: browser.post(f"{AUTH}/_auth{path}", {"csrf_token": field, "token": token, **NEW})

    return prepare


async def change(site: Site, browser: Browser, state: str) -> Send:
    """Ann asks for another address."""
    await site.login(browser)
    form = (await browser.get(f"{AUTH}/_auth/account/email")).form_to("/account/email")
    return lambda: browser.submit(form, email="ed@example.com" if state == "taken" else "free@example.com", current_password=PASSWORD)


NEW = {"password": CHOSEN, "password_confirm": CHOSEN}
JOIN = {"first_name": "Nora", "last_name": "North", "password": CHOSEN}
#: The table of accounts.md section 3, and the same through the JSON API. Where somebody is let in, or told to verify first, see below.
ROWS: Mapping[str, Row] = {
    "POST /signup": Row(page("/signup", **NEW), 200, hashes=1),
    "POST /verify/resend": Row(page("/verify/resend"), 200),
    "POST /login, wrong password": Row(page("/login", password="not theirs"), 401, hidden=False, hashes=1),
    "POST /forgot": Row(page("/forgot"), 200),
    "POST /account/email": Row(change, 303, ("free", "taken"), hashes=1),
    "GET /verify": Row(link("/verify", Purpose.VERIFY), 400, FAULTS),
    "GET /reset": Row(link("/reset", Purpose.RESET), 400, FAULTS),
    "GET /account/email/confirm": Row(link("/account/email/confirm", Purpose.EMAIL), 400, FAULTS[:-1]),
    "GET /account/email/cancel": Row(link("/account/email/cancel", Purpose.EMAIL_CANCEL), 400, FAULTS[:-1]),
    "POST /verify, bad link": Row(link("/verify", Purpose.VERIFY, post=True), 400, FAULTS),
    "POST /reset, bad link": Row(link("/reset", Purpose.RESET, post=True), 400, FAULTS),
    "POST /verify, wrong code": Row(with_code(Purpose.VERIFY, page("/verify", token=WRONG_CODE)), 422),
    "POST /reset, wrong code": Row(with_code(Purpose.RESET, page("/reset", token=WRONG_CODE, **NEW)), 422, hashes=1),
    "API register": Row(call("POST", "/users/register/", **JOIN), 202, hashes=1),
    "API regenerate-token": Row(call("POST", "/users/regenerate-token/"), 202),
    "API login, wrong password": Row(call("POST", "/users/login/", password="not theirs"), 401, hidden=False, hashes=1),
    "API request-password-change": Row(call("POST", "/users/password/request-password-change/"), 202),
    "API activate, wrong code": Row(with_code(Purpose.VERIFY, call("PUT", "/users/activate/:id/", token=WRONG_CODE)), 422),
    "API change-user-password, wrong code": Row(
        with_code(Purpose.RESET, call("PUT", "/users/password/change-user-password/:id/", token=WRONG_CODE, password=CHOSEN)), 422, hashes=1
    ),
}
#: Who gets which letter.
LETTERS = {
    "/signup": {"unknown": "verify", "created": "verify", "verified": "notice_signup", "expired": "notice_signup", "disabled": "notice_signup"},
    "/verify/resend": {"created": "verify", "verified": "already_verified"},
    "/forgot": {"created": "verify", "verified": "reset", "expired": "reset"},
}
SAME_LETTERS = {
    "POST /signup": "/signup",
    "POST /verify/resend": "/verify/resend",
    "POST /forgot": "/forgot",
    "API register": "/signup",
    "API regenerate-token": "/verify/resend",
    "API request-password-change": "/forgot",
}


def told(page: Page, email: str = "") -> tuple[object, ...]:
    """All that an answer says; the address that was typed, form fields and the request's id are the same for everybody."""
    text = page.text.replace(email, "somebody") if email else page.text
    text = re.sub(r'(name="csrf_token" value=")[^"]+', r"\1", text.replace(page.headers["X-Request-Id"], ""))
    headers = [(name, re.sub(r"(gw-csrf=)[^;]+", r"\1", value)) for name, value in page.headers.items() if name.lower() not in PASSING]
    return page.status, headers, text, len(page.set_cookies)


async def asked(site: Site, prepare: Callable[[Site, Browser, str], Awaitable[Send]], state: str) -> tuple[Page, list[str]]:
    """The answer to a question about a state, in a browser of its own, and what of its making can be seen."""
    async with site.browser() as browser:
        send = await prepare(site, browser, state)
        site.ledger.take()
        site.slept.clear()
        page = await send()
        return page, seen(site.ledger.take())


@pytest.mark.parametrize("name", ROWS)
async def test_one_answer_in_one_time(either: Site, name: str):
    site, row, answers, work = either, ROWS[name], {}, {}
    for state in row.states:
        page, work[state] = await asked(site, row.prepare, state)
        answers[state] = told(page, email_of(state) if state in STATES else "")
        assert page.status == row.status, state
        assert site.slept == ([1.0] if row.hidden else []), "what differs is hidden by a pause that begins at the same place"
        assert work[state].count("hash") == row.hashes
    first = row.states[0]
    for state in row.states:
        assert answers[state] == answers[first], state
        assert work[state] == work[first], state
    assert ("pause" in work[first]) == row.hidden
    assert (WAIT_OUT in work[first]) == (row.status == 401), "refused logins last as long as the slowest hash"


@pytest.mark.parametrize("name", SAME_LETTERS)
async def test_only_the_owner_is_told(either: Site, name: str):
    for state in STATES:
        await asked(either, ROWS[name].prepare, state)
        letter = LETTERS[SAME_LETTERS[name]].get(state)
        assert either.postbox.take() == ([] if letter is None else [(email_of(state), letter)]), state


@pytest.mark.parametrize("name", ["POST /forgot", "API request-password-change"])
async def test_nobody_hears_of_a_question_only_where_that_is_configured(either: Site, name: str):
    """The one cell that a setting changes; the answer stays, and so does its time."""
    either.snapshot = replace(either.snapshot, notify_unknown=True)
    page, work = await asked(either, ROWS[name].prepare, "unknown")
    assert either.postbox.take() == [("nobody@example.com", "notice_unknown")]
    either.snapshot = replace(either.snapshot, notify_unknown=False)
    quiet, quietly = await asked(either, ROWS[name].prepare, "verified")
    assert (told(page, "nobody@example.com"), work) == (told(quiet, "ann@example.com"), quietly)


@pytest.mark.parametrize("login", [page("/login", password=PASSWORD), call("POST", "/users/login/", password=PASSWORD)], ids=["page", "API"])
async def test_a_right_password_tells_its_owner(either: Site, login: Callable[[Site, Browser, str], Awaitable[Send]]):
    """Disabled is as unknown, in what is said and in what is done; verified and expired are let in alike."""
    site, answers, work, let_in = either, {}, {}, {}
    async with AsyncExitStack() as stack:
        for state in STATES:
            browser = await stack.enter_async_context(site.browser())
            send = await login(site, browser, state)
            site.ledger.take()
            answers[state] = await send()
            work[state] = seen(site.ledger.take())
            let_in[state] = await site.logged_in(browser)
            if state == "expired":
                assert (await browser.get(f"{AUTH}/_auth/session")).json()["user"]["state"] == "expired"
    success = 303 if answers["verified"].status == 303 else 200
    assert {state: answer.status for state, answer in answers.items()} == {
        "unknown": 401,
        "created": 403,
        "verified": success,
        "expired": success,
        "disabled": 401,
    }
    assert let_in == {"unknown": False, "created": False, "verified": True, "expired": True, "disabled": False}
    assert told(answers["disabled"], "dora@example.com") == told(answers["unknown"], "nobody@example.com")
    assert work["disabled"] == work["unknown"]
    assert work["verified"] == work["expired"]
    assert "verify" in answers["created"].text.lower()
