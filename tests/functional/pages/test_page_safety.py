"""Headers of every page, and nothing of what is sent becomes part of one."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest

from gateway.core.answer import Fail, Problem
from gateway.core.decide import Reason
from gateway.snapshot import Mark
from gateway.web.pages.problems import Problems
from gateway.web.pages.words import PROBLEMS
from tests.browser import Page
from tests.functional.pages.site import AUTH, PASSWORD, WIKI, Site, site_snapshot
from tests.samples import sample_facts, sample_snapshot

PAYLOADS = [
    '"><script>alert(1)</script>',
    "'><img src=x onerror=alert(1)>",
    "{{7*7}}",
    "</title><script>alert(1)</script>",
    "javascript:alert(1)",
    "<b>x",
]
JARGON = re.compile(r"\b(csrf|token|session id|upstream|redis|cookie name|stack|traceback)\b", re.IGNORECASE)


def safe(page: Page) -> bool:
    """The headers of every own answer."""
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["X-Request-Id"]
    assert "Cookie" in page.headers["Vary"]
    assert not re.search(r"<style|style=|<script(?! src=\"/_auth/static/)|\son[a-z]+=", page.text), "nothing inline"
    assert "Basic" not in page.headers.get("WWW-Authenticate", "")
    return True


async def test_every_page_of_the_table_has_every_header(site: Site):
    for logged_in in (False, True):
        async with site.browser() as ann:
            if logged_in:
                await site.login(ann)
            for endpoint in site.pages.endpoints:
                if endpoint.path in ("/jwks.json", "/static/*"):
                    continue
                for mode in ("navigate", "cors"):
                    page = await ann.request(endpoint.method, f"{AUTH}/_auth{endpoint.path}", headers={"Sec-Fetch-Mode": mode})
                    if page.status == 303:
                        assert page.headers["Cache-Control"] == "no-store"
                    else:
                        assert safe(page), endpoint
                    assert not JARGON.search(page.words), endpoint


async def test_only_the_login_page_may_lead_elsewhere(site: Site):
    async with site.browser() as ann:
        assert "form-action 'self' http:" in (await ann.get("/_auth/login")).headers["Content-Security-Policy"]
        assert (await ann.get("/_auth/logout")).headers["Content-Security-Policy"].endswith("form-action 'self'")


@pytest.mark.parametrize("payload", PAYLOADS)
async def test_nothing_that_is_sent_is_markup(site: Site, payload: str):
    hostile = {"Referer": f"http://auth.example.test/{payload}", "User-Agent": payload, "Accept-Language": payload, "X-Forwarded-Proto": "http"}
    async with site.browser() as ann:
        form = await site.login_form(ann)
        pages = [
            await ann.get(f"/_auth/login?next={quote(payload)}&error={quote(payload)}&lang={quote(payload)}", headers=hostile),
            await ann.get(f"/_auth/login?next={quote('/' + payload)}", headers=hostile),
            await ann.get(f"/_auth/{quote(payload, safe='')}", headers=hostile),
            await ann.get(f"/_auth/logout?next={quote(payload)}", headers=hostile),
            await ann.submit(form, email=payload, password=payload, next=payload),
            await ann.submit(form, email=payload, password=payload, csrf_token=payload),
        ]
        for page in pages:
            assert "<script>alert" not in page.text
            assert "<img src=x" not in page.text
            assert "<b>x" not in page.text
            assert "49" not in page.words.replace(page.headers["X-Request-Id"], "")
            assert 'href="javascript' not in page.text


async def test_an_operators_mark_is_text(site: Site):
    site.snapshot = site_snapshot(mark=Mark(title="<b>A & B</b>", links=(("<i>x", 'https://example.com/"x'),)))
    async with site.browser() as ann:
        page = await ann.get("/_auth/login")
        assert "&lt;b&gt;A &amp; B&lt;/b&gt;" in page.text
        assert "<i>" not in page.text


async def test_a_poisoned_host_appears_nowhere(site: Site):
    async with site.browser() as ann:
        page = await ann.get("/_auth/login", headers={"X-Forwarded-Host": "evil.example"})
        assert page.status == 421
        assert "evil.example" not in page.text


def test_there_are_words_for_every_problem():
    assert set(PROBLEMS) == set(Problem)
    for words in PROBLEMS.values():
        assert words.title
        assert words.happened
        assert words.now
        assert "!" not in " ".join(words)
        assert not JARGON.search(" ".join(words))


@pytest.mark.parametrize("problem", Problem)
def test_a_problem_is_a_page_for_people_and_json_for_programs(problem: Problem):
    problems, snapshot = Problems(), sample_snapshot()
    page = problems.answer(Fail(503, problem), sample_facts(), snapshot, "0123")
    assert page.content_type == "text/html"
    assert "0123" in (page.text or "")
    for answer in (
        problems.answer(Fail(503, problem), None, snapshot, "0123"),
        problems.answer(Fail(503, problem), sample_facts(navigating=False), snapshot, "0123"),
    ):
        assert answer.text == f'{{"error": "{problem.value}", "request_id": "0123"}}\n'


def test_a_refusal_says_why_and_offers_another_account():
    problems, snapshot = Problems(), sample_snapshot()
    for reason in Reason:
        text = problems.answer(Fail(403, Problem.REFUSED, reason.value), sample_facts(), snapshot, "0").text or ""
        assert "a rule" not in text
        assert 'href="/_auth/logout"' in text
        assert 'href="/_auth/account"' in text, "the own account is open to everybody"
    expired = problems.answer(Fail(403, Problem.REFUSED, Reason.EXPIRED.value), sample_facts(), snapshot, "0").text or ""
    assert "Your account has expired" in expired


def test_a_form_that_was_not_sent_leads_to_the_login():
    fail = Fail(401, Problem.NOT_SENT, login_url="/_auth/login?next=/edit%22")
    answer = Problems().answer(fail, sample_facts(method="POST"), sample_snapshot(), "0")
    assert "Your form was not sent" in (answer.text or "")
    assert 'href="/_auth/login?next=/edit%22"' in (answer.text or "")
    assert answer.headers["WWW-Authenticate"] == 'Cookie realm="auth.example.com"'


def test_a_problem_that_passes_offers_another_try_of_what_was_only_read():
    problems, snapshot = Problems(), sample_snapshot()
    away = Fail(503, Problem.STORE_AWAY, retry_after=5)
    answer = problems.answer(away, sample_facts("/a?b=%22"), snapshot, "0", close=True)
    assert 'href="/a?b=%22"' in (answer.text or "")
    assert answer.headers["Retry-After"] == "5"
    assert answer.keep_alive is False
    assert "Try again</a>" not in (problems.answer(away, sample_facts(method="POST"), snapshot, "0").text or "")
    assert "Try again</a>" not in (problems.answer(away, sample_facts("//evil.example"), snapshot, "0").text or "")


def test_every_template_escapes_by_itself():
    """No template turns escaping off (advisory 95db563)."""
    environment = Problems().renderer._templates("en")
    assert environment.autoescape is True
    names = environment.list_templates(["html"])
    assert names
    for name in names:
        template = environment.get_template(name)
        with open(template.filename or "", encoding="utf-8") as source:
            text = source.read()
        assert "|safe" not in text.replace(" ", "")
        assert "autoescape" not in text
        assert template.environment.autoescape is True


async def test_a_known_hosts_error_page_finds_its_style_there(site: Site):
    async with site.browser() as ann:
        page = await ann.get(f"{WIKI}/_auth/nothing")
        (style,) = re.findall(r'rel="stylesheet" href="([^"]+)"', page.text)
        assert (await ann.get(f"{WIKI}{style}")).status == 200


async def test_no_secret_is_shown(site: Site):
    async with site.browser() as ann:
        await site.login(ann)
        shown = "".join([(await ann.get(f"/_auth{path}")).text for path in ("/account", "/session", "/logout", "/signed-out")])
        for cookie in ann.cookies:
            assert cookie.value not in shown
        assert PASSWORD not in shown
