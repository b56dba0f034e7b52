"""The tests' own browser keeps cookies as browsers do, and reads forms; what it got wrong would hide the gateway's mistakes."""

from __future__ import annotations

import pytest
from yarl import URL

from tests.browser import Browser, Jar
from tests.upstreams import Upstream, answer, read_body

HTTPS = URL("https://app.example.test/a/b")
HTTP = URL("http://app.example.test/a/b")
LOCAL = URL("http://localhost:8080/")


@pytest.mark.parametrize(
    ("origin", "line", "asked", "sent"),
    [
        (HTTPS, "gw=1; Path=/", "https://app.example.test/", "gw=1"),
        (HTTPS, "gw=1; Path=/", "https://x.app.example.test/", None),
        (HTTPS, "gw=1; Path=/; Domain=example.test", "https://other.example.test/", "gw=1"),
        (HTTPS, "gw=1; Path=/; Domain=example.test", "https://badexample.test/", None),
        (HTTPS, "gw=1", "https://app.example.test/a/c", "gw=1"),
        (HTTPS, "gw=1", "https://app.example.test/", None),
        (HTTPS, "gw=1; Path=/a", "https://app.example.test/ab", None),
        (HTTPS, "gw=1; Path=/; Secure", "http://app.example.test/", None),
        (LOCAL, "gw=1; Path=/; Secure", "http://localhost:8080/x", "gw=1"),
        (HTTPS, "gw=1; Path=/; Max-Age=0", "https://app.example.test/", None),
        (HTTPS, "gw=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "https://app.example.test/", None),
        (HTTPS, "gw=1; Path=/; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "https://app.example.test/", "gw=1"),
        (HTTPS, "__Host-gw=1; Path=/; Secure", "https://app.example.test/", "__Host-gw=1"),
    ],
)
def test_a_cookie_goes_where_it_belongs(origin, line, asked, sent):
    jar = Jar()
    jar.take(origin, line)
    assert jar.header(URL(asked)) == sent


@pytest.mark.parametrize(
    ("origin", "line"),
    [
        (HTTPS, "gw=1; Domain=other.test"),
        (HTTP, "gw=1; Secure"),
        (HTTPS, "__Host-gw=1; Path=/"),
        (HTTPS, "__Host-gw=1; Secure; Path=/a"),
        (HTTPS, "__Host-gw=1; Secure; Path=/; Domain=app.example.test"),
        (HTTPS, "__Secure-gw=1; Path=/"),
    ],
)
def test_a_cookie_that_browsers_refuse_is_refused(origin, line):
    jar = Jar()
    jar.take(origin, line)
    assert list(jar) == []
    assert len(jar.refused) == 1


def test_a_later_cookie_of_the_same_place_replaces_and_ends():
    jar = Jar()
    jar.take(HTTPS, "gw=1; Path=/")
    jar.take(HTTPS, "gw=2; Path=/")
    assert jar["gw"].value == "2"
    jar.take(HTTPS, "gw=; Path=/; Max-Age=0")
    assert "gw" not in jar


async def test_a_browser_sends_forms_as_people_fill_them(serve_page):
    page = """<title>Log in</title><p>Hello   there</p><a href="/forgot"><b>Forgot</b> it</a>
    <form method="post" action="/login?next=%2Fx"><input type="hidden" name="token" value="t&amp;1"><input name="email" value="ann@example.com">
    <input type="password" name="password"><input type="checkbox" name="remember" value="1"><button>Log in</button></form>"""
    async with Browser("http://app.example.test", ports={80: serve_page(page)}) as browser:
        shown = await browser.get("/login")
        assert (shown.title, shown.words) == ("Log in", "Hello there Forgot it Log in")
        assert shown.link("Forgot it") == "http://app.example.test/forgot"
        assert shown.form.names == ["token", "email", "password", "remember"]
        sent = await browser.submit(shown.form, password="p w", remember="1")
        assert sent.headers["X-Seen"] == "POST /login?next=%2Fx token=t%261&email=ann%40example.com&password=p+w&remember=1"


@pytest.fixture
def serve_page():
    """An upstream that answers everything with one page, and tells in X-Seen what it was asked."""
    started = []

    def serve(html: str) -> int:
        async def script(reader, writer):
            while head := await upstream.request(reader):
                body = await read_body(reader, head)
                seen = f"{head.method} {head.target} {body.decode()}"
                writer.write(answer("200 OK", html.encode(), ("Content-Type", "text/html; charset=utf-8"), ("X-Seen", seen)))

        upstream = Upstream(script).start()
        started.append(upstream)
        return upstream.port

    yield serve
    for upstream in started:
        upstream.close()
