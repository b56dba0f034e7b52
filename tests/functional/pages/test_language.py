"""Languages, as somebody meets them: what the browser asks for, what was chosen, and nothing in between that is not translated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.core.answer import Fail, Problem
from gateway.core.decide import Reason
from gateway.web.languages import Languages
from gateway.web.pages.problems import Problems
from gateway.web.pages.render import Reader, Renderer
from tests.browser import Page
from tests.functional.pages.site import AUTH, PASSWORD, WIKI, Site
from tests.messages import catalogue, messages
from tests.samples import sample_facts, sample_snapshot

GERMAN = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.1"}


def english_in(page: Page) -> list[str]:
    """Messages that stand on a German page as they are written in English."""
    known = catalogue("de")
    pieces = {" ".join(piece.split()) for piece in page.body.decode().replace(">", "<").split("<")}
    entries = [(said.message, known.get(said.message)) for said in messages()]
    return [message for message, entry in entries if entry is not None and entry.string != message and message in pieces]


async def test_what_the_browser_asks_for(site: Site):
    async with site.browser() as ann:
        page = await ann.get(f"{AUTH}/_auth/login", headers=GERMAN)
        assert "Passwort" in page.words
        assert '<html lang="de">' in page.text
        assert page.headers["Content-Language"] == "de"
        assert english_in(page) == []
        for headers in ({}, {"Accept-Language": "fr"}, {"Accept-Language": ";;;,="}):
            page = await ann.get(f"{AUTH}/_auth/login", headers=headers)
            assert '<html lang="en">' in page.text
            assert page.headers["Content-Language"] == "en"


async def test_the_operators_default(site: Site):
    site.snapshot = replace(site.snapshot, languages=("de", "en"))
    async with site.browser() as ann:
        assert "Anmelden" in (await ann.get(f"{AUTH}/_auth/login", headers={"Accept-Language": "fr"})).words
        assert "Log in" in (await ann.get(f"{AUTH}/_auth/login", headers={"Accept-Language": "en"})).words


async def test_a_choice_wins_and_is_kept(site: Site):
    async with site.browser() as ann:
        page = await ann.get(f"{AUTH}/_auth/login?next=/x%3Fa%3Db", headers={"Accept-Language": "en"})
        (link,) = [url for _, url in page.links if "/language" in url]
        choice = (await ann.get(AUTH + link if link.startswith("/") else link)).form_to("/language")
        page = await ann.submit(choice, language="de")
        assert page.status == 303
        assert page.headers["Location"] == "/_auth/login?next=/x%3Fa%3Db"
        (line,) = page.set_cookies
        assert line == "gw-lang=de; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax"
        form = (await ann.get(f"{AUTH}/_auth/login?next=/x%3Fa%3Db", headers={"Accept-Language": "en"})).form_to("/login")
        assert form.fields["next"] == "/x?a=b"
        page = await ann.submit(form, email="ann@example.com", password="wrong")
        assert page.status == 401
        assert english_in(page) == []


@pytest.mark.parametrize(
    ("back", "target"),
    [
        ("/_auth/signup", "/_auth/signup"),
        ("/_auth/login?next=//evil.example", "/_auth/login?next=/"),
        ("/_auth/verify?token=abc", "/_auth/verify"),
        ("//evil.example/_auth/login", "/_auth/account"),
        ("https://evil.example/", "/_auth/account"),
        ("/_auth/../x", "/_auth/account"),
        ("/x", "/_auth/account"),
        ("", "/_auth/account"),
        ("/_auth/login\r\nSet-Cookie: a=b", "/_auth/account"),
    ],
)
async def test_the_way_back_is_an_own_page(site: Site, back: str, target: str):
    async with site.browser() as ann:
        form = (await ann.get(f"{AUTH}/_auth/language")).form_to("/language")
        page = await ann.submit(form, language="de", next=back)
        assert (page.status, page.headers["Location"]) == (303, target)


async def test_only_languages_that_are_there_and_forms_of_ours(site: Site):
    async with site.browser() as ann:
        form = (await ann.get(f"{WIKI}/_auth/language")).form_to("/language")
        for language in ("fr", "", "de; Domain=example.test", "de\r\nX: y"):
            page = await ann.submit(form, language=language)
            assert (page.status, page.set_cookies) == (400, [])
        form.fields["csrf_token"] = "x"
        page = await ann.submit(form, language="de")
        assert page.status == 403
        assert not any("gw-lang" in line for line in page.set_cookies)
        assert (await ann.submit(page.form_to("/language"), language="de")).headers["Location"] == "/_auth/login"


async def test_a_page_with_a_token_gives_it_to_no_other_address(site: Site):
    async with site.browser() as ann:
        for path in ("/verify", "/reset", "/account/email/confirm", "/account/email/cancel"):
            page = await ann.get(f"{AUTH}/_auth{path}?token={'A' * 43}")
            assert [link for link in page.links if "A" * 43 in "".join(link)] == []


async def test_every_page_is_german(site: Site):
    seen = 0
    async with site.browser() as ann:
        for logged_in in (False, True):
            if logged_in:
                await site.login(ann)
            for endpoint in site.pages.endpoints:
                if endpoint.method == "GET" and "*" not in endpoint.path:
                    page = await ann.get(f"{AUTH}/_auth{endpoint.path}", headers=GERMAN)
                    if page.headers.get("Content-Type", "").startswith("text/html") and page.status != 303:
                        seen += 1
                        assert page.headers["Content-Language"] == "de", endpoint.path
                        assert english_in(page) == [], endpoint.path
            for endpoint in site.pages.endpoints:  # nothing filled in
                if endpoint.method == "POST" and endpoint.path not in ("/logout", "/language"):
                    token = (await ann.get(f"{AUTH}/_auth/logout")).form.fields["csrf_token"]
                    page = await ann.post(f"{AUTH}/_auth{endpoint.path}", {"csrf_token": token}, headers=GERMAN)
                    if page.status != 303:
                        seen += 1
                        assert page.headers["Content-Language"] == "de", endpoint.path
                        assert english_in(page) == [], endpoint.path
    assert seen > 30


@pytest.mark.parametrize("problem", Problem)
def test_every_problem_is_german(problem: Problem):
    facts = sample_facts(languages="de")
    for detail in (None, "the request names no host", *(reason.value for reason in Reason)):
        response = Problems().answer(Fail(400, problem, detail), facts, sample_snapshot(), "0")
        page = Page(None, 400, response.headers, (response.text or "").encode(), [])  # type: ignore[arg-type]
        assert response.headers["Content-Language"] == "de"
        assert english_in(page) == []
        assert "names no host" not in (response.text or "")


async def test_a_letter_follows_the_page(site: Site):
    async with site.browser() as ann:
        form = (await ann.get(f"{AUTH}/_auth/forgot", headers=GERMAN)).form_to("/forgot")
        page = await ann.submit(form, email="ann@example.com", headers=GERMAN)
        assert page.status == 200
        assert english_in(page) == []
        assert site.postbox.letters[-1].language == "de"
    assert PASSWORD not in page.text


def test_a_template_of_the_operators_own(tmp_path: Path):
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "signed_out.html").write_text('{% extends "base.html" %}{% block main %}<h1>{{ _("Log in") }} at {{ site }}</h1>{% endblock %}')
    renderer, snapshot = Renderer(Languages(tmp_path), tmp_path), sample_snapshot()
    own = renderer.page("signed_out.html", snapshot, "0", Reader("de")).text or ""
    assert "<h1>Anmelden at auth.example.com</h1>" in own
    assert '<html lang="de">' in own
    assert "Nichts wurde" in (Problems(renderer).answer(Fail(400, Problem.MALFORMED), sample_facts(languages="de"), snapshot, "0").text or "")
