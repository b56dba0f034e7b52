"""Logging in on the page, told as stories."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.core.session import Life
from gateway.snapshot import ThrottleLimits
from tests.browser import Page
from tests.functional.pages.site import AUTH, PASSWORD, WIKI, Site, site_snapshot


async def test_somebody_logs_in_and_comes_back_to_where_they_were_going(site: Site):
    async with site.browser() as ann:
        page = await ann.get("/_auth/login?next=/report%3Fyear=2026")
        assert page.status == 200
        form = page.form
        assert form.fields["next"] == "/report?year=2026"
        assert form.types == {"csrf_token": "hidden", "next": "hidden", "email": "email", "password": "password", "remember": "checkbox"}
        page = await ann.submit(form, email="ann@example.com", password=PASSWORD)
        assert (page.status, page.headers["Location"]) == (303, "/report?year=2026")
        session, form_cookie = page.set_cookies
        assert session.startswith("gw=")
        assert session.partition(";")[2] == " Path=/; HttpOnly; SameSite=Lax"
        assert form_cookie.startswith("gw-csrf=")
        assert await site.logged_in(ann)
        assert site.exchanges[-2].user_id == site.exchanges[-1].user_id, "the access line names them"
        again = await ann.get("/_auth/login?next=/there")
        assert (again.status, again.headers["Location"]) == (303, "/there")


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("ann@example.com", "not hers"),
        ("nobody@example.com", PASSWORD),
        ("dora@example.com", PASSWORD),
        ("carl@example.com", "x"),
        ("no address", "x"),
    ],
)
async def test_every_wrong_login_gets_one_message(site: Site, email: str, password: str):
    async with site.browser() as other:
        form = await site.login_form(other)
        usual = await other.submit(form, email="zoe@example.com", password="wrong")
        page = await other.submit(form, email=email, password=password)
        assert page.status == usual.status == 401
        assert page.text.replace(email, "zoe@example.com") == usual.text.replace(usual.form.fields["csrf_token"], page.form.fields["csrf_token"])
        assert alike(page) == alike(usual)
        assert page.headers["WWW-Authenticate"] == 'Cookie realm="auth.example.test"'
        assert page.form.fields["email"] == email
        assert page.form.fields["password"] == ""
        assert 'role="alert"' in page.text
        assert 'aria-invalid="true" aria-describedby="email-error"' in page.text
        assert page.set_cookies == []
        assert site.store.records() == 0


async def test_what_was_typed_stays(site: Site):
    async with site.browser() as ann:
        form = await site.login_form(ann, f"{AUTH}/_auth/login?next=/x")
        page = await ann.submit(form, email="ann@example.com", password="secret typo", remember="1")
        assert page.form.fields | {"csrf_token": ""} == {"csrf_token": "", "next": "/x", "email": "ann@example.com", "password": "", "remember": "1"}
        assert "secret typo" not in page.text
        page = await ann.submit(page.form, password=PASSWORD)
        assert page.headers["Location"] == "/x"
        assert "Max-Age=2592000; HttpOnly" in page.set_cookies[0]


def alike(page: Page) -> list[tuple[str, str]]:
    """Its headers, those aside that differ between any two answers."""
    return [(name, value) for name, value in page.headers.items() if name.lower() not in ("date", "x-request-id", "content-length")]


async def test_an_empty_field_is_named_and_tries_nothing(site: Site):
    async with site.browser() as ann:
        form = await site.login_form(ann)
        page = await ann.submit(form, email=" ", password="")
        assert page.status == 401
        assert "Enter your e-mail address." in page.words
        assert "Enter your password." in page.words
        assert site.audit == []


async def test_an_unverified_account_is_told_so_only_with_the_right_password(site: Site):
    async with site.browser() as carl:
        page = await carl.submit(await site.login_form(carl), email="carl@example.com", password=PASSWORD)
        assert page.status == 403
        assert "has not been confirmed yet" in page.words
        assert not await site.logged_in(carl)


async def test_too_many_attempts(site: Site):
    site.snapshot = site_snapshot(throttle=ThrottleLimits(per_ip=2))
    async with site.browser() as other:
        form = await site.login_form(other)
        for _ in range(2):
            assert (await other.submit(form, email="ann@example.com", password="x")).status == 401
        page = await other.submit(form, email="ann@example.com", password=PASSWORD)
        assert page.status == 429
        assert int(page.headers["Retry-After"]) == 60
        assert "Wait 60 seconds, then try again." in page.words
        assert page.form.fields["email"] == "ann@example.com"
        assert "For 30 days, on your own device only." in page.words
        site.clock.forward(61)
        assert (await other.submit(page.form, password=PASSWORD)).status == 303


async def test_the_store_is_away(site: Site):
    async with site.browser() as ann, site.browser() as bob:
        await site.login(ann)
        form = await site.login_form(bob)
        site.store.away = True
        page = await ann.get("/_auth/login")
        assert (page.status, page.headers["Retry-After"]) == (503, "5")
        assert "You are still logged in" in page.words
        assert page.set_cookies == []
        page = await bob.submit(form, email="ann@example.com", password=PASSWORD)
        assert page.status == 503
        assert page.set_cookies == []
        site.store.away = False
        assert await site.logged_in(ann)


async def test_a_login_ends_the_session_that_was_presented(site: Site):
    async with site.browser() as mallory, site.browser() as ann:
        await site.login(mallory)
        planted = mallory.cookies["gw"]
        form = await site.login_form(ann)
        ann.cookies.put(planted)
        page = await ann.submit(form, email="ann@example.com", password=PASSWORD)
        assert page.status == 303
        assert ann.cookies["gw"].value != planted.value
        assert not await site.logged_in(mallory)
        assert await site.logged_in(ann)


async def test_a_browser_that_keeps_no_session_cookie_is_told_so_instead_of_going_round(site: Site):
    async with site.browser() as ann:
        await site.login(ann, f"{AUTH}/_auth/login?next=/report")
        lost = ann.cookies["gw"]
        ann.cookies.take(ann.url, "gw=; Path=/; Max-Age=0")
        site.clock.forward(59)
        page = await ann.get("/_auth/login?next=/report")
        assert page.status == 200
        assert page.forms == []
        assert "did not keep the login" in page.words
        assert page.link("Try again") == f"{AUTH}/report"
        site.clock.forward(1)
        assert (await site.login_form(ann)).fields["next"] == "/"
        ann.cookies.put(lost)
        assert (await ann.get("/_auth/login")).status == 303


async def test_after_a_logout_the_login_page_is_not_taken_for_a_loop(site: Site):
    async with site.browser() as ann:
        await site.login(ann)
        await ann.submit((await ann.get("/_auth/logout")).form)
        assert "gw" not in ann.cookies
        await site.login(ann)


async def test_an_old_browser_gets_pages_and_a_script_gets_json(site: Site):
    old = {"Sec-Fetch-Mode": "", "Sec-Fetch-Dest": "", "Sec-Fetch-Site": ""}
    script = {"Sec-Fetch-Mode": "cors", "Accept": "*/*"}
    async with site.browser() as ann:
        form = await site.login_form(ann)
        page = await ann.submit(form, email="ann@example.com", password="x", headers=old)
        assert page.form.fields["email"] == "ann@example.com"
        page = await ann.submit(form, email="ann@example.com", password="x", headers=script)
        assert page.status == 401
        assert page.json()["error"] == "wrong_login"
        assert page.json()["request_id"] == page.headers["X-Request-Id"]
        page = await ann.submit(form, email="ann@example.com", password="x", headers={**old, "X-Requested-With": "XMLHttpRequest"})
        assert page.json()["error"] == "wrong_login"
        page = await ann.submit(form, email="ann@example.com", password="x", headers={**script, "Sec-Fetch-Site": "cross-site"})
        assert page.json()["error"] == "form_refused"


async def test_on_https_the_cookies_are_host_cookies(site: Site):
    site.snapshot = site_snapshot(public=replace(site.snapshot.places.public, scheme="https", port=443))
    relayed = {"X-Forwarded-Proto": "https", "Origin": "https://auth.example.test", "Sec-Fetch-Site": ""}
    async with site.browser("http://localhost") as ann:  # on loopback browsers take Secure cookies from http
        headers = {"X-Forwarded-Host": "auth.example.test", **relayed}
        page = await ann.get("/_auth/login", headers=headers)
        (line,) = page.set_cookies
        assert line.startswith("__Host-gw-csrf=")
        assert line.endswith("; Path=/; HttpOnly; SameSite=Lax; Secure")
        assert "form-action 'self' https:" in page.headers["Content-Security-Policy"]
        page = await ann.submit(page.form, email="ann@example.com", password=PASSWORD, headers=headers)
        assert page.status == 303, page.words
        assert page.set_cookies[0].startswith("__Host-gw=")
        assert "Domain" not in page.set_cookies[0]
        assert ann.cookies.refused == []


async def test_with_a_domain_a_login_expires_the_variant_it_does_not_set(site: Site):
    site.snapshot = site_snapshot(domain="example.test")
    async with site.browser() as ann:
        page = await site.login(ann)
        other, session, _ = page.set_cookies
        assert other == "gw=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
        assert session.endswith("; Path=/; HttpOnly; SameSite=Lax; Domain=example.test")
        assert await site.logged_in(ann, f"{WIKI}/_auth/session")


async def test_different_sessions_are_nobody_and_get_expired(site: Site):
    site.snapshot = site_snapshot(domain="example.test")
    async with site.browser() as mallory, site.browser() as ann:
        await site.login(mallory)
        await site.login(ann)
        planted = replace(mallory.cookies["gw"], host="auth.example.test", host_only=True)
        ann.cookies.put(planted)
        assert not await site.logged_in(ann)
        page = await ann.get("/_auth/login")
        assert page.status == 200
        expired = ["gw=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax", "gw=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Domain=example.test"]
        assert [line for line in page.set_cookies if line.startswith("gw=")] == expired
        assert "gw" not in ann.cookies
        page = await ann.get("/_auth/login")
        assert page.forms, "what we took away is not what the browser failed to keep"
        await ann.submit(page.form, email="ann@example.com", password=PASSWORD)
        assert await site.logged_in(ann)


async def test_who_is_logged_in(site: Site):
    script = {"Sec-Fetch-Mode": "cors", "Accept": "application/json"}
    async with site.browser() as ann:
        page = await ann.get("/_auth/account")
        assert page.headers["Location"] == "/_auth/login?next=/_auth/account"
        assert (await ann.get("/_auth/account", headers=script)).json()["error"] == "login_required"
        await site.login(ann)
        page = await ann.get("/_auth")
        assert "ann@example.com" in page.words
        page = await ann.submit(page.form_to("/logout"), follow=True)
        assert "You are logged out" in page.words


async def test_session_tells_who_and_never_renews(site: Site):
    site.snapshot = site_snapshot(life=Life(idle=1800, absolute=3600))
    async with site.browser() as ann:
        assert (await ann.get("/_auth/session")).json()["error"] == "login_required"
        await site.login(ann)
        site.clock.forward(100)
        told = (await ann.get("/_auth/session")).json()
        assert told["user"] | {"id": ""} == {"id": "", "email": "ann@example.com", "name": "Ann", "groups": [], "state": "verified"}
        assert (told["idle_seconds_left"], told["absolute_seconds_left"]) == (1700, 3500)
        assert told["since"] == "2027-01-15T08:00:00+00:00"
        assert set(told) == {"user", "since", "idle_seconds_left", "absolute_seconds_left"}
        site.clock.forward(1699)
        assert await site.logged_in(ann)
        site.clock.forward(1)
        assert not await site.logged_in(ann)
        site.store.away = True
        assert (await ann.get("/_auth/session")).status == 503


async def test_session_counts_a_use_that_is_not_written_yet(site: Site):
    async with site.browser() as ann:
        await site.login(ann)
        site.clock.forward(10)
        assert (await ann.get("/_auth/account")).status == 200
        assert (await ann.get("/_auth/session")).json()["idle_seconds_left"] == 1800


async def test_an_expired_account_logs_in_and_is_told(site: Site):
    async with site.browser() as ed:
        await site.login(ed, email="ed@example.com")
        assert "Your account has expired" in (await ed.get("/_auth/account")).words
