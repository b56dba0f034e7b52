"""What must hold of sessions when requests cross, and of the stores they leave behind; on the smallest set of stores and the usual one."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

from tests.browser import Browser, Cookie, Page
from tests.functional.pages.ledger import STORE
from tests.functional.pages.site import API, AUTH, PASSWORD, Site

ACCOUNT = f"{AUTH}/_auth/account"
#: Passwords tried at once.
GUESSES = 1000


def own_cookies(page: Page) -> set[str]:
    """Values of our session cookie that an answer sets."""
    return {line.split(";")[0].removeprefix("gw=") for line in page.set_cookies if line.startswith("gw=")}


async def present(browser: Browser, value: str) -> Page:
    """Open the account page with that cookie."""
    return await browser.get(ACCOUNT, headers={"Cookie": f"gw={value}"})


async def test_thirty_requests_at_rotation_get_one_new_secret(either: Site):
    """The first to write comes last: by then another one has won."""
    async with AsyncExitStack() as stack:
        browsers = [await stack.enter_async_context(either.browser()) for _ in range(30)]
        await either.login(browsers[0])
        old = browsers[0].cookies["gw"].value
        life = either.snapshot.life
        either.snapshot = replace(either.snapshot, life=replace(life, rotate_every=60))
        await either.forward(61)
        held = either.ledger.hold("swap")
        asking = [asyncio.ensure_future(present(browser, old)) for browser in browsers]
        await asyncio.wait_for(held.reached.wait(), 10)
        while len(waiting := [one for one in asking if not one.done()]) > 1:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        held.let_go.set()
        pages = await asyncio.gather(*asking)
        assert [page.status for page in pages] == [200] * 30
        (new,) = set().union(*map(own_cookies, pages))
        assert new != old
        assert all(own_cookies(page) == {new} for page in pages), "all get the same one"
        await either.forward(life.idle - 60)
        late = await present(browsers[1], old)
        assert (late.status, own_cookies(late)) == (200, {new}), "an answer that was lost is repaired, however late"
        assert (await present(browsers[0], new)).status == 200


async def test_a_slow_request_does_not_bring_back_what_was_logged_out(either: Site):
    """It has read the session, and is about to write a new secret into it, when somebody logs out."""
    either.snapshot = replace(either.snapshot, life=replace(either.snapshot.life, rotate_every=60))
    async with either.browser() as ann, either.browser() as slow:
        await either.login(ann)
        cookie = ann.cookies["gw"].value
        slow.cookies.put(Cookie("gw", cookie, "auth.example.test", host_only=True))
        form = (await ann.get(f"{AUTH}/_auth/logout")).form
        await either.forward(61)
        held = either.ledger.hold("swap")
        asking = asyncio.ensure_future(slow.get(ACCOUNT))
        await asyncio.wait_for(held.reached.wait(), 10)
        assert (await ann.submit(form)).status == 303
        held.let_go.set()
        page = await asking
        assert (page.status, own_cookies(page)) == (303, set())
        assert slow.cookies["gw"].value == cookie
        assert not await either.logged_in(slow)


async def test_a_thousand_guesses_cost_a_few_hashes_and_hinder_nobody_else(either: Site):
    limits = replace(either.snapshot.throttle, per_ip=20)
    either.snapshot = replace(either.snapshot, api=API, throttle=limits)
    async with either.browser() as browser, either.browser() as ed:

        async def guess(number: int) -> int:
            sent = b'{"email": "ann@example.com", "password": "not hers"}'
            headers = {"Content-Type": "application/json", "X-Forwarded-For": f"10.0.{number // 250}.{number % 250}"}
            page = await browser.request("POST", f"{AUTH}/_auth/api/users/login/", data=sent, headers=headers)
            assert (page.status == 429) == ("Retry-After" in page.headers)
            return page.status

        before = either.hasher.verified
        form = await either.login_form(ed)
        guessing = asyncio.gather(*map(guess, range(GUESSES)))
        page = await ed.submit(form, email="ed@example.com", password=PASSWORD)
        assert page.status == 303, "somebody else logs in meanwhile"
        assert sorted(await guessing) == [401] * limits.delay_after + [429] * (GUESSES - limits.delay_after)
        assert either.hasher.verified == before + limits.delay_after + 1


async def test_whoever_is_logged_in_does_not_wait_for_those_who_log_in(either: Site):
    """Hashes are made elsewhere: while they take for ever, pages and their sessions go on."""
    async with either.browser() as ann, either.browser() as ed:
        await either.login(ann)
        form = await either.login_form(ed)
        either.hasher.free.clear()
        try:
            waiting = asyncio.ensure_future(ed.submit(form, email="ed@example.com", password=PASSWORD))
            await asyncio.wait_for(asyncio.to_thread(either.hasher.busy.wait, 10), 10)
            assert (await ann.get(ACCOUNT)).status == 200
            assert not waiting.done()
        finally:
            either.hasher.free.set()
        assert (await waiting).status == 303


async def test_a_life_leaves_nothing_that_can_be_presented_and_nothing_for_ever(either: Site):
    """Everything that was ever given to the store for sessions and counters: no cookie, no address, no password. It all ends by itself, and nobody
    looks through all keys."""
    either.snapshot = replace(either.snapshot, life=replace(either.snapshot.life, rotate_every=60))
    secrets = ["ann@example.com", PASSWORD]
    async with either.browser() as ann, either.browser() as phone, either.browser() as wrong:
        for browser in (ann, phone):
            await either.login(browser)
            secrets += [browser.cookies[name].value for name in ("gw", "gw-csrf")]
        await wrong.submit(await either.login_form(wrong), email="ann@example.com", password="not hers")
        await either.forward(61)
        page = await ann.get(f"{ACCOUNT}/sessions")
        secrets.append(ann.cookies["gw"].value)
        assert len(set(secrets)) == 7
        await ann.submit((await ann.get(f"{AUTH}/_auth/logout")).form)
    assert page.status == 200
    commands = [what for what in either.ledger.take() if what.startswith(STORE)]
    assert {"put", "swap", "take", "strike", "index_add", "delete"} <= {command.removeprefix(STORE) for command in commands}
    assert f"{STORE}scan" not in commands
    given = b"".join(either.ledger.given)
    assert len(given) > 1000
    assert [secret for secret in secrets if secret.encode() in given] == []
    await either.forward(either.snapshot.life.remember)  # fails where a key of Redis has no end
    store = either.store if either.world is None else either.world.sessions
    assert [key async for key in store.scan("")] == []
