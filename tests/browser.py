"""A browser for functional tests: HTTP with forms and cookies, without pixels. It does what browsers do and no more.

Names lead to 127.0.0.1, so `http://app.example.test:8080/` needs no DNS; `ports` redirects a port as well. Cookies follow RFC 6265 and the prefixes
`__Host-` and `__Secure-` (RFC 6265bis section 4.1.3); like Chromium it takes Secure cookies from http on loopback. Redirects are followed on request.
"""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from typing import Any, Self
from urllib.parse import urlencode, urljoin

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

#: What a navigation of a real browser sends.
NAVIGATION = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) TestBrowser/1",
    "Accept": "text/html,application/xhtml+xml,*/*;q=0.8",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
}


@dataclass
class Cookie:
    """A cookie as it was set; `expires` is seconds since 1970, None for the browser's session."""

    name: str
    value: str
    host: str
    host_only: bool
    path: str = "/"
    secure: bool = False
    http_only: bool = False
    same_site: str | None = None
    expires: float | None = None
    max_age: int | None = None


class Jar:
    """Cookies by (host or domain, path, name). `refused` tells why a Set-Cookie was not taken."""

    def __init__(self) -> None:
        self._cookies: dict[tuple[str, str, str], Cookie] = {}
        self.refused: list[str] = []

    def __iter__(self) -> Any:
        return iter(list(self._cookies.values()))

    def __contains__(self, name: str) -> bool:
        return any(cookie.name == name for cookie in self)

    def __getitem__(self, name: str) -> Cookie:
        """The only cookie of that name."""
        (found,) = [cookie for cookie in self if cookie.name == name]
        return found

    def clear(self) -> None:
        """Forget all of them."""
        self._cookies.clear()

    def put(self, cookie: Cookie) -> None:
        """Plant a cookie, whatever the rules say."""
        self._cookies[cookie.host, cookie.path, cookie.name] = cookie

    def take(self, url: URL, line: str) -> None:
        """Follow a Set-Cookie line of an answer from `url`."""
        cookie, why = _read_cookie(url, line)
        if why:
            self.refused.append(f"{why}: {line}")
        elif cookie.expires is not None and cookie.expires <= time.time():
            self._cookies.pop((cookie.host, cookie.path, cookie.name), None)
        else:
            self.put(cookie)

    def header(self, url: URL) -> str | None:
        """The Cookie header for a request to `url`, longer paths first."""
        now = time.time()
        sent = [cookie for cookie in self if _fits(cookie, url) and (cookie.expires is None or cookie.expires > now)]
        sent.sort(key=lambda cookie: -len(cookie.path))
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in sent) or None


@dataclass
class Form:
    """A form as it stands on a page; `fields` holds what would be sent, `names` every control, `types` their kinds."""

    method: str
    action: str
    attributes: dict[str, str]
    fields: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return list(self.types)


@dataclass
class Page:
    """An answer, read whole."""

    url: URL
    status: int
    headers: Mapping[str, str]
    body: bytes
    set_cookies: list[str]
    forms: list[Form] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    title: str = ""
    words: str = ""
    """What a person reads, white space folded."""

    @property
    def text(self) -> str:
        return self.body.decode("utf-8")

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def location(self) -> str | None:
        """Where it redirects to, resolved against its own address."""
        target = self.headers.get("Location")
        return None if target is None else urljoin(str(self.url), target)

    @property
    def form(self) -> Form:
        """Its only form."""
        assert len(self.forms) == 1, f"{self.url} has {len(self.forms)} forms"
        return self.forms[0]

    def form_to(self, action: str) -> Form:
        """The form whose action ends with `action`."""
        (found,) = [form for form in self.forms if form.action.partition("?")[0].endswith(action)]
        return found

    def link(self, words: str) -> str:
        """The absolute address of the link that reads `words`."""
        found = {target for text, target in self.links if text == words}
        assert len(found) == 1, f"{len(found)} links read {words!r} among {self.links}"
        return urljoin(str(self.url), found.pop())


class Browser:
    """One browser profile. `async with Browser("http://localhost:8080") as browser: page = await browser.get("/")`."""

    def __init__(self, base: str = "http://localhost", *, ports: Mapping[int, int] | None = None, trust: ssl.SSLContext | None = None) -> None:
        self.url = URL(base)
        self.cookies = Jar()
        self.headers = dict(NAVIGATION)
        self._ports = dict(ports or {})
        self._trust = trust
        self._client: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(resolver=_Loopback(self._ports), ssl=self._trust or True)
        self._client = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=True)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._client is not None
        await self._client.close()

    async def request(
        self, method: str, url: str, *, data: bytes | None = None, headers: Mapping[str, str] | None = None, follow: bool = False
    ) -> Page:
        """One request; `url` may be relative to where the browser is, and is sent as it is written. A header given as "" is left out."""
        assert self._client is not None, "use it as a context manager"
        target = URL(urljoin(str(self.url), url), encoded=True)
        sent = {name: value for name, value in {**self.headers, **(headers or {})}.items() if value != ""}
        cookie = self.cookies.header(target)
        if cookie is not None and "Cookie" not in sent:
            sent["Cookie"] = cookie
        async with self._client.request(method, target, data=data, headers=sent, allow_redirects=False) as reply:
            body = await reply.read()
            lines = reply.headers.getall("Set-Cookie", [])
            page = Page(target, reply.status, reply.headers, body, lines)
        for line in lines:
            self.cookies.take(target, line)
        if page.headers.get("Content-Type", "").startswith("text/html"):
            _Reader(page).feed(page.text)
            page.words = " ".join(page.words.split())
        self.url = target.with_fragment(None)
        return await self.follow(page) if follow else page

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None, follow: bool = False) -> Page:
        """Go there."""
        return await self.request("GET", url, headers=headers, follow=follow)

    async def post(
        self, url: str, fields: Mapping[str, str] | Iterable[tuple[str, str]], *, headers: Mapping[str, str] | None = None, follow: bool = False
    ) -> Page:
        """Post fields as a form of the present page does, with Origin and Sec-Fetch-Site of that page."""
        pairs = fields.items() if isinstance(fields, Mapping) else fields
        target = URL(urljoin(str(self.url), url), encoded=True)
        same = self.url.origin() == target.origin()
        own = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": str(self.url.origin()),
            "Sec-Fetch-Site": "same-origin" if same else "cross-site",
        }
        return await self.request("POST", url, data=urlencode(list(pairs)).encode(), headers={**own, **(headers or {})}, follow=follow)

    async def submit(self, form: Form, *, follow: bool = False, headers: Mapping[str, str] | None = None, **filled: str) -> Page:
        """Fill in and send a form of the present page. A field that the form does not have fails the test."""
        unknown = set(filled) - set(form.names)
        assert not unknown, f"the form has no {sorted(unknown)}, but {form.names}"
        fields = {**form.fields, **filled}
        if form.method == "GET":
            return await self.get(f"{form.action.partition('?')[0]}?{urlencode(fields)}", headers=headers, follow=follow)
        return await self.post(form.action, fields, headers=headers, follow=follow)

    async def follow(self, page: Page, limit: int = 10) -> Page:
        """Follow redirects from `page`, as GET. More than `limit` are a loop, and fail the test."""
        for _ in range(limit):
            if page.location is None or not 300 <= page.status < 400:
                return page
            page = await self.get(page.location)
        raise AssertionError(f"a loop of redirects at {page.url}")


class _Loopback(AbstractResolver):
    """Every name is this machine."""

    def __init__(self, ports: Mapping[int, int]) -> None:
        self._ports = ports

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host, host="127.0.0.1", port=self._ports.get(port, port), family=socket.AF_INET, proto=0, flags=socket.AI_NUMERICHOST
            )
        ]

    async def close(self) -> None:
        """Nothing is held."""


def _read_cookie(url: URL, line: str) -> tuple[Cookie, str | None]:
    """RFC 6265 section 5.2 and 5.3: the cookie, and why a browser would not take it."""
    pair, *rest = line.split(";")
    name, _, value = pair.partition("=")
    host = url.host or ""
    cookie = Cookie(name.strip(), value.strip(), host, host_only=True, path=url.path.rpartition("/")[0] or "/")
    for part in rest:
        key, _, text = (piece.strip() for piece in part.partition("="))
        match key.lower():
            case "domain" if text:
                cookie.host, cookie.host_only = text.lstrip(".").lower(), False
            case "path" if text.startswith("/"):
                cookie.path = text
            case "secure":
                cookie.secure = True
            case "httponly":
                cookie.http_only = True
            case "samesite":
                cookie.same_site = text.lower()
            case "max-age":
                cookie.max_age = int(text)
            case "expires":
                cookie.expires = parsedate_to_datetime(text).timestamp()
    if cookie.max_age is not None:  # it wins over Expires
        cookie.expires = time.time() + cookie.max_age
    return cookie, _why_not(cookie, url)


def _why_not(cookie: Cookie, url: URL) -> str | None:
    host = url.host or ""
    trusted = url.scheme == "https" or host == "localhost" or host.startswith("127.")
    if not cookie.host_only and host != cookie.host and not host.endswith("." + cookie.host):
        return "a foreign domain"
    if cookie.secure and not trusted:
        return "Secure from plain http"
    if cookie.name.startswith("__Host-") and not (cookie.secure and cookie.host_only and cookie.path == "/"):
        return "__Host- needs Secure, Path=/ and no Domain"
    if cookie.name.startswith("__Secure-") and not cookie.secure:
        return "__Secure- needs Secure"
    return None


def _fits(cookie: Cookie, url: URL) -> bool:
    host = url.host or ""
    if host != cookie.host and (cookie.host_only or not host.endswith("." + cookie.host)):
        return False
    if cookie.secure and not (url.scheme == "https" or host == "localhost" or host.startswith("127.")):
        return False
    path = url.raw_path
    return path == cookie.path or path.startswith(cookie.path if cookie.path.endswith("/") else cookie.path + "/")


#: Elements that end a line of text.
_BLOCKS = {"p", "div", "h1", "h2", "h3", "li", "label", "td", "th", "dt", "dd", "header", "main", "footer", "section", "button", "legend", "title"}


class _Reader(HTMLParser):
    """Forms, links, title and words of a page."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self._page = page
        self._form: Form | None = None
        self._inside: list[str] = []
        self._href: str | None = None
        self._link_text = ""
        self._select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        match tag:
            case "form":
                self._form = Form(attributes.get("method", "get").upper(), attributes.get("action", "") or str(self._page.url), attributes)
                self._page.forms.append(self._form)
            case "a" if "href" in attributes:
                self._href, self._link_text = attributes["href"], ""
            case "input" | "button" | "textarea" | "select" if self._form is not None and "name" in attributes:
                self._control(tag, attributes)
            case "option" if self._form is not None and self._select and "selected" in attributes:
                self._form.fields[self._select] = attributes.get("value", "")
            case "title" | "script" | "style":
                self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._page.words += " "
        if tag == "form":
            self._form = None
        elif tag == "a" and self._href is not None:
            self._page.links.append((" ".join(self._link_text.split()), self._href))
            self._href = None
        elif tag == "select":
            self._select = None
        elif tag in self._inside:
            self._inside.remove(tag)

    def handle_data(self, data: str) -> None:
        if "title" in self._inside:
            self._page.title += data.strip()
        elif not self._inside:
            self._page.words += data
            self._link_text += data

    def _control(self, tag: str, attributes: dict[str, str]) -> None:
        assert self._form is not None
        name, kind = attributes["name"], attributes.get("type", tag if tag != "input" else "text")
        self._form.types[name] = kind
        if tag == "select":
            self._select = name
        if "disabled" in attributes or tag == "button" or kind in ("submit", "reset", "button", "image"):
            return
        if kind in ("checkbox", "radio"):
            if "checked" in attributes:
                self._form.fields[name] = attributes.get("value", "on")
        else:
            self._form.fields[name] = attributes.get("value", "")
