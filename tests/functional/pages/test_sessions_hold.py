"""What must hold of logins and sessions, on the smallest set of stores and the usual one: captured, planted and foreign cookies, limits, crowds."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from gateway.crypto.passwords import CHEAPEST, Hasher
from gateway.crypto.sealing import Ticket, seal_cookie
from gateway.crypto.tokens import SESSION_ID_BYTES, SESSION_SECRET_BYTES
from gateway.snapshot import ThrottleLimits
from tests.browser import Browser, Cookie
from tests.functional.pages.site import AUTH, PASSWORD, Site
from tests.samples import sample_account, sample_ring

SESSION = f"{AUTH}/_auth/session"
#: So many log in at once.
CROWD = 200


async def log_out(browser: Browser) -> None:
    page = await browser.submit((await browser.get(f"{AUTH}/_auth/logout")).form)
    assert page.status == 303


def plant(browser: Browser, value: str) -> None:
    browser.cookies.put(Cookie("gw", value, "auth.example.test", host_only=True))


async def test_a_captured_cookie_stays_dead(either: Site):
    async with either.browser() as ann, either.browser() as thief:
        await either.login(ann)
        captured = ann.cookies["gw"].value
        await log_out(ann)
        await either.login(ann)
        plant(thief, captured)
        assert not await either.logged_in(thief)
        assert await either.logged_in(ann)


async def test_two_devices_are_two_sessions(either: Site):
    async with either.browser() as laptop, either.browser() as phone:
        await either.login(laptop)
        await either.login(phone)
        await log_out(laptop)
        assert [await either.logged_in(one) for one in (laptop, phone)] == [False, True]


async def test_a_planted_cookie_is_dead_once_its_victim_logs_in(either: Site):
    """Session fixation: whoever planted it holds nothing afterwards, and is never told the victim's secret."""
    async with either.browser() as mallory, either.browser() as ann:
        await either.login(mallory, email="ed@example.com")
        planted = mallory.cookies["gw"].value
        page = await ann.get(f"{AUTH}/_auth/login")
        plant(ann, planted)
        page = await ann.submit(page.form, email="ann@example.com", password=PASSWORD)
        assert page.status == 303
        assert ann.cookies["gw"].value != planted
        page = await mallory.get(SESSION)
        assert (page.status, page.set_cookies) == (401, [])
        assert (await ann.get(SESSION)).json()["user"]["email"] == "ann@example.com"


async def test_idle_to_the_second(either: Site):
    async with either.browser() as ann:
        await either.login(ann)
        either.clock.forward(either.snapshot.life.idle - 1)
        assert await either.logged_in(ann), "looking is no use of it"
        either.clock.forward(2)
        assert not await either.logged_in(ann)


async def test_constant_use_ends_at_the_absolute_limit(either: Site):
    """Rotation does not move it."""
    life = either.snapshot.life
    async with either.browser() as ann:
        await either.login(ann)
        seen, end = {ann.cookies["gw"].value}, either.clock() + life.absolute
        while either.clock() + 600 < end:
            either.clock.forward(600)
            assert (await ann.get(f"{AUTH}/_auth/account")).status == 200
            seen.add(ann.cookies["gw"].value)
        assert len(seen) > 5
        either.clock.now = end - 1
        assert await either.logged_in(ann)
        either.clock.now = end
        assert not await either.logged_in(ann)


async def test_a_cookie_lasts_only_where_that_was_asked_for(either: Site):
    async with either.browser() as ann:
        [line] = [line for line in (await either.login(ann)).set_cookies if line.startswith("gw=")]
        assert "Max-Age" not in line
        assert "Expires" not in line
    async with either.browser() as ann:
        page = await ann.submit(await either.login_form(ann), email="ann@example.com", password=PASSWORD, remember="1")
        [line] = [line for line in page.set_cookies if line.startswith("gw=")]
        assert f"Max-Age={int(either.snapshot.life.remember)};" in line


async def test_one_login_at_a_time_where_that_is_asked_for(either: Site):
    either.snapshot = replace(either.snapshot, exclusive_login=True)
    async with either.browser() as laptop, either.browser() as phone, either.browser() as ed:
        await either.login(ed, email="ed@example.com")
        await either.login(laptop)
        await either.login(phone)
        assert [await either.logged_in(one) for one in (laptop, phone, ed)] == [False, True, True]


async def test_the_oldest_session_makes_room(either: Site):
    either.snapshot = replace(either.snapshot, max_sessions_per_user=2)
    async with AsyncExitStack() as stack:
        browsers = [await stack.enter_async_context(either.browser()) for _ in range(3)]
        for browser in browsers:
            await either.login(browser)
            either.clock.forward(1)
        assert [await either.logged_in(browser) for browser in browsers] == [False, True, True]


@pytest.mark.parametrize(
    "value", ["", "x", "x" * 7000, "%00", "\u00e9", "A" * 120, "AQ" * 60, "=", "null", "../../x", "AQUyMDI2YQ"], ids=lambda value: value[:12]
)
async def test_no_cookie_is_an_error(either: Site, value: str):
    async with either.browser() as ann:
        await either.login(ann)
        good = ann.cookies["gw"].value
    async with either.browser() as ann:
        foreign = seal_cookie(sample_ring("elsewhere"), "gw", Ticket(bytes(SESSION_ID_BYTES), bytes(SESSION_SECRET_BYTES)))
        either.ledger.take()
        for sent in (value, good[:-1], good + "A", good[:40], foreign):
            for header in (f"gw={sent}", "; ".join([f"gw={sent}"] * (50 if len(sent) < 140 else 1))):
                page = await ann.get(SESSION, headers={"Cookie": header})
                assert (page.status, page.set_cookies) == (401, [])
                assert (await ann.get(f"{AUTH}/_auth/account", headers={"Cookie": header})).status == 303
        assert either.ledger.take() == [], "no store is asked about what no key of ours opens"


async def test_a_corrupt_hash_is_its_owners_trouble_only(either: Site):
    await either.accounts.add(replace(sample_account("zoe"), password_hash="$argon2id$v=19$m=8,t=1,p=1$broken"))
    async with either.browser() as zoe, either.browser() as ann:
        page = await zoe.submit(await either.login_form(zoe), email="zoe@example.com", password=PASSWORD)
        assert page.status == 401
        await either.login(ann)


async def test_in_a_crowd_everybody_is_themselves(either: Site):
    either.snapshot = replace(either.snapshot, throttle=ThrottleLimits(per_ip=10 * CROWD))
    hashed = Hasher(CHEAPEST).hash(PASSWORD)
    names = [f"p{number:03}" for number in range(CROWD)]
    await either.accounts.add_many([replace(sample_account(name), password_hash=hashed) for name in names])

    few = asyncio.Semaphore(10)  # more at a time would only measure the machine

    async def come(name: str) -> tuple[str, list[str]]:
        """Log in from two browsers at once; who the gateway says they are."""
        async with few, either.browser() as laptop, either.browser() as phone:
            await asyncio.gather(*(either.login(browser, email=f"{name}@example.com") for browser in (laptop, phone)))
            pages = await asyncio.gather(*(browser.get(SESSION) for browser in (laptop, phone)))
            return name, [page.json()["user"]["email"] for page in pages]

    for name, told in await asyncio.gather(*map(come, names)):
        assert told == [f"{name}@example.com"] * 2
