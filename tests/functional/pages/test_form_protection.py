"""Forms are believed only when they came from a page of ours in the same browser; and only small, plain ones are read."""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import replace

import pytest

from tests.browser import Browser, Page
from tests.functional.pages.site import API, AUTH, PASSWORD, Site, site_snapshot
from tests.samples import sample_account

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
NO_SITE = {"Sec-Fetch-Site": ""}


async def attempt(site: Site, browser: Browser, token: str | None, **headers: str) -> Page:
    fields = {"email": "ann@example.com", "password": PASSWORD, "next": "/x", **({} if token is None else {"csrf_token": token})}
    return await browser.post(f"{AUTH}/_auth/login", fields, headers=headers)


def refused(site: Site, page: Page) -> bool:
    """403 with the same form, a fresh field and what was typed; and no session."""
    assert page.status == 403
    assert page.form.fields["email"] == "ann@example.com"
    assert page.form.fields["next"] == "/x"
    assert page.form.fields["password"] == ""
    assert page.form.fields["csrf_token"]
    assert site.store.records() == 0
    assert not any(line.startswith("gw=") for line in page.set_cookies)
    return True


@pytest.mark.parametrize("token", [None, "", "x", "A" * 54, "é" * 54, "A" * 5000])
async def test_a_missing_or_invented_field(site: Site, token: str | None):
    async with site.browser() as ann:
        await site.login_form(ann)
        page = await attempt(site, ann, token)
        assert refused(site, page)
        assert (await ann.submit(page.form, password=PASSWORD)).status == 303


async def test_no_cookie_at_all(site: Site):
    async with site.browser() as ann:
        token = (await site.login_form(ann)).fields["csrf_token"]
        ann.cookies.clear()
        page = await attempt(site, ann, token)
        assert refused(site, page)
        assert "did not send back the cookie" in page.words
        assert (await ann.submit(page.form, password=PASSWORD)).status == 303


async def test_another_browsers_field_and_another_browsers_pair(site: Site):
    async with site.browser() as mallory, site.browser() as ann:
        theirs = (await site.login_form(mallory)).fields["csrf_token"]
        await site.login_form(ann)
        assert refused(site, await attempt(site, ann, theirs))
        async with site.browser() as third:  # their pair of cookie and field, but their field is for nobody's session and Ann's browser has neither
            assert refused(site, await attempt(site, third, theirs))


async def test_a_field_of_another_purpose(site: Site):
    async with site.browser() as ann:
        await site.login_form(ann)
        assert refused(site, await attempt(site, ann, ann.cookies["gw-csrf"].value))


async def test_four_hours(site: Site):
    async with site.browser() as ann:
        token = (await site.login_form(ann)).fields["csrf_token"]
        site.clock.forward(4 * 3600)
        page = await attempt(site, ann, token)
        assert refused(site, page)
        assert "open for too long" in page.words
    async with site.browser() as ann:
        token = (await site.login_form(ann)).fields["csrf_token"]
        site.clock.forward(4 * 3600 - 1)
        assert (await attempt(site, ann, token)).status == 303


async def test_two_tabs(site: Site):
    async with site.browser() as ann:
        first, second = await site.login_form(ann), await site.login_form(ann)
        assert (await ann.submit(first, email="ann@example.com", password="x")).status == 401
        assert (await ann.submit(second, email="ann@example.com", password=PASSWORD)).status == 303
        page = await ann.submit(first, email="ann@example.com", password=PASSWORD)
        assert page.status == 303, "a login form from before the login still works"
        assert site.store.records() == 1


async def test_the_good_form_cookie_is_kept_and_a_bad_one_replaced(site: Site):
    async with site.browser() as ann:
        assert len((await ann.get("/_auth/login")).set_cookies) == 1
        assert (await ann.get("/_auth/login")).set_cookies == []
        ann.cookies["gw-csrf"].value = "x" * 75
        assert len((await ann.get("/_auth/login")).set_cookies) == 1


@pytest.mark.parametrize("place", ["cross-site", "same-site", "", "nonsense"])
async def test_sec_fetch_site_decides_where_it_is_sent(site: Site, place: str):
    async with site.browser() as ann:
        token = (await site.login_form(ann)).fields["csrf_token"]
        page = await attempt(site, ann, token, **{"Sec-Fetch-Site": place or " ", "Origin": AUTH})
        assert refused(site, page)
        assert "another site" in page.words
    for good in ("none", "same-origin"):
        async with site.browser() as ann:
            token = (await site.login_form(ann)).fields["csrf_token"]
            assert (await attempt(site, ann, token, **{"Sec-Fetch-Site": good, "Origin": "https://evil.example"})).status == 303


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "https://auth.example.test",
        "http://auth.example.test:81",
        "http://wiki.example.test",
        "http://auth.example.test.evil.example",
    ],
)
async def test_another_origin_is_refused_where_sec_fetch_site_is_not_sent(site: Site, origin: str):
    async with site.browser() as ann:
        token = (await site.login_form(ann)).fields["csrf_token"]
        assert refused(site, await attempt(site, ann, token, **{"Sec-Fetch-Site": "", "Origin": origin}))


@pytest.mark.parametrize("origin", ["null", "", "http://auth.example.test", "HTTP://AUTH.EXAMPLE.TEST"])
async def test_our_own_origin_null_and_none_leave_it_to_the_field(site: Site, origin: str):
    async with site.browser() as ann:
        token = (await site.login_form(ann)).fields["csrf_token"]
        assert refused(site, await attempt(site, ann, "x", **{"Sec-Fetch-Site": "", "Origin": origin}))
        assert (await attempt(site, ann, token, **{"Sec-Fetch-Site": "", "Origin": origin})).status == 303


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data; boundary=x",
        "text/plain",
        "application/json",
        "",
        "application/x-www-form-urlencoded; charset=iso-8859-1",
        "application/x-www-form-urlencoded2",
    ],
)
async def test_only_urlencoded_forms_are_read(site: Site, kind: str):
    async with site.browser() as ann:
        await site.login_form(ann)
        page = await ann.request("POST", "/_auth/login", data=b"email=a", headers={"Content-Type": kind or " "})
        assert page.status == 415
        assert page.headers["Connection"] == "close"


async def test_a_compressed_form_is_not_unpacked(site: Site):
    async with site.browser() as ann:
        await site.login_form(ann)
        bomb = gzip.compress(b"email=" + b"a" * 10_000_000)
        page = await ann.request("POST", "/_auth/login", data=bomb, headers={**FORM, "Content-Encoding": "gzip"})
        assert page.status in (413, 415)
        page = await ann.request("POST", "/_auth/login", data=gzip.compress(b"email=a"), headers={**FORM, "Content-Encoding": "gzip"})
        assert page.status == 415


async def test_eight_kibibytes(site: Site):
    async with site.browser() as ann:
        token = (await site.login_form(ann)).fields["csrf_token"]
        body = f"csrf_token={token}&email=a%40example.com&password=".encode()
        exact = body + b"x" * (8192 - len(body))
        assert (await ann.request("POST", "/_auth/login", data=exact, headers={**FORM, "Sec-Fetch-Site": "same-origin"})).status == 401
        assert (await ann.request("POST", "/_auth/login", data=exact + b"x", headers=FORM)).status == 413


async def test_eight_kibibytes_of_chunks(site: Site):
    assert await raw(site, b"Transfer-Encoding: chunked\r\n\r\n", *[b"400\r\n" + b"x" * 1024 + b"\r\n"] * 9) == 413


async def test_a_body_that_never_comes(site: Site):
    site.snapshot = site_snapshot(limits=type(site.snapshot.limits)(body_idle=0.05))
    assert await raw(site, b"Content-Length: 10\r\n\r\nab") == 408


async def test_broken_chunks_are_a_bad_request(site: Site):
    assert await raw(site, b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n", b"zz\r\n") == 400


async def test_a_client_that_asks_first_is_told_to_go_on_only_with_what_will_be_read(site: Site):
    assert await raw(site, b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n") == 100
    assert await raw(site, b"Expect: 100-continue\r\nContent-Length: 9000\r\n\r\n") == 413


async def raw(site: Site, *pieces: bytes) -> int:
    """Post these pieces, each after the server has had a turn; the answer's status."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"POST /_auth/login HTTP/1.1\r\nHost: auth.example.test\r\nContent-Type: application/x-www-form-urlencoded\r\n")
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)
    line = await reader.readline()
    writer.close()
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)  # it may have been reset already
    return int(line.split()[1])


@pytest.mark.parametrize(
    "body",
    [b"email=a&email=b", b"email=a&%65mail=b", b"email=%zz", b"email=%e", b"email=%ff%fe", b"email=a%00b", b"next=/a&next=//evil", b"email=\xff"],
)
async def test_what_cannot_be_read_in_only_one_way(site: Site, body: bytes):
    async with site.browser() as ann:
        token = (await site.login_form(ann)).fields["csrf_token"]
        page = await ann.request("POST", "/_auth/login", data=f"csrf_token={token}&".encode() + body, headers=FORM)
        assert page.status == 400
        assert "Nothing was changed" in page.words


async def test_every_form_of_the_table_refuses_what_is_not_its_own(either: Site):
    """Found by walking the table, so that no endpoint to come is forgotten (CVE-2021-29652)."""
    site = either
    posts = [endpoint for endpoint in site.pages.endpoints if endpoint.method == "POST"]
    of_accounts = {f"/account/{page}" for page in ("profile", "password", "email", "email/confirm", "email/cancel", "sessions")}
    assert {endpoint.path for endpoint in posts} == {
        "/login",
        "/logout",
        "/signup",
        "/verify",
        "/verify/resend",
        "/forgot",
        "/reset",
        "/language",
    } | of_accounts
    for endpoint in posts:
        async with site.browser() as ann:
            await site.login(ann)
            token = (await ann.get(f"{AUTH}/_auth/logout")).form.fields["csrf_token"]
            fields = {"email": "ann@example.com", "password": PASSWORD}
            url = f"{AUTH}/_auth{endpoint.path}"
            for sent, headers in (
                (fields, {}),
                ({**fields, "csrf_token": "x"}, {}),
                ({**fields, "csrf_token": token}, {"Sec-Fetch-Site": "cross-site"}),
                ({**fields, "csrf_token": token}, {"Sec-Fetch-Site": "", "Origin": "https://evil.example"}),
            ):
                assert (await ann.post(url, sent, headers=headers)).status == 403
            assert await site.logged_in(ann)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "", "Origin": "null"},
    ],
    ids=str,
)
async def test_every_changing_call_of_the_api_refuses_another_site(either: Site, headers: dict[str, str]):
    """Found by walking its table too."""
    either.snapshot = replace(either.snapshot, api=API)
    changing = [endpoint for endpoint in either.api.endpoints if endpoint.method not in ("GET", "HEAD")]
    assert len(changing) >= 8
    async with either.browser() as ann:
        await either.login(ann)
        for endpoint in changing:
            url = f"{AUTH}/_auth/api{endpoint.path.replace(':id', sample_account().identity.user_id)}/"
            page = await ann.request(endpoint.method, url, data=b"{}", headers={"Content-Type": "application/json", **headers})
            assert page.status == 403, endpoint.path
        assert await either.logged_in(ann)
