"""A visit: one request for an own page, and what its forms need to know.

The form cookie's name and Secure follow public_url, as those of the session cookie do; it never has a Domain and ends with the browser. A cookie that
is good is kept, so that two tabs work.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from aiohttp import web

from gateway.core.cookies import format_cookie
from gateway.core.facts import Facts
from gateway.core.headers import find_cookies
from gateway.core.languages import best_language
from gateway.crypto.forms import FormCookie, check_field, make_field, new_form_cookie, read_form_cookie, write_form_cookie
from gateway.crypto.tokens import sha256
from gateway.snapshot import Snapshot
from gateway.web.exchange import Exchange
from gateway.web.pages.render import Reader


@dataclass(frozen=True, slots=True)
class Visit:
    """`now` is seconds since 1970. `presented` are the members of the sessions whose cookies open; more than one: nobody is logged in.

    `form_cookie` is the browser's, or a new one where it sent none that is good (`known` is false then); `sends_form_cookie` whether it sent any.
    """

    request: web.BaseRequest
    facts: Facts
    snapshot: Snapshot
    exchange: Exchange
    now: float
    presented: tuple[str, ...]
    form_cookie: FormCookie = field(repr=False)
    known: bool = False
    sends_form_cookie: bool = False

    @property
    def request_id(self) -> str:
        """What people can name when they ask for help."""
        return self.exchange.request_id

    @property
    def member(self) -> str | None:
        """The session that fields are made for; None for nobody, and where different sessions are presented."""
        return self.presented[0] if len(self.presented) == 1 else None

    @property
    def browser(self) -> str:
        """A name for the browser that only it can prove to have; '' where it brought no form cookie."""
        return sha256(b"gateway browser\0" + self.form_cookie.random).hex() if self.known else ""

    @property
    def language(self) -> str:
        """What the page, and the mail that follows from it, are written in."""
        return best_language(self.facts.languages, self.snapshot.languages)

    @property
    def reader(self) -> Reader:
        """Whom the page is for. There is no way back to an address with a token: it would stand in another one."""
        facts = self.facts
        back = facts.method in ("GET", "HEAD") and "token=" not in (facts.query or "")
        return Reader(self.language, facts.path if back else "")

    def field(self) -> str:
        """A fresh value for the form's `csrf_token`."""
        return make_field(self.snapshot.keys, self.form_cookie, self.member, self.now)

    def made(self, value: str, *, for_nobody: bool = False) -> bool:
        """Whether `value` was made for this browser and session; `for_nobody`: or for the time before anybody logged in."""
        if not self.known:
            return False
        members = {self.member, None} if for_nobody else {self.member}
        return any(check_field(self.snapshot.keys, self.form_cookie, member, value, self.now) for member in members)

    def keep(self, response: web.Response) -> web.Response:
        """`response`, carrying the form cookie unless the browser has it."""
        return response if self.known else self.mark(response, self.form_cookie)

    def mark(self, response: web.Response, cookie: FormCookie) -> web.Response:
        """`response`, setting the form cookie to `cookie`."""
        name, secure = form_cookie_shape(self.snapshot)
        value = write_form_cookie(self.snapshot.keys, cookie)
        response.headers.add("Set-Cookie", format_cookie(name, value, None, secure=secure, same_site="lax", domain=None))
        return response


def form_cookie_shape(snapshot: Snapshot) -> tuple[str, bool]:
    """Name and Secure of the form cookie."""
    secure = snapshot.places.public.scheme == "https"
    return ("__Host-gw-csrf" if secure else "gw-csrf"), secure


def read_visit(request: web.BaseRequest, facts: Facts, snapshot: Snapshot, exchange: Exchange, presented: tuple[str, ...], now: float) -> Visit:
    """Make a visit of a request; the first form cookie that is good counts."""
    name, _ = form_cookie_shape(snapshot)
    values = find_cookies(request.raw_headers, name.encode("ascii"))
    for value in values:
        cookie = read_form_cookie(snapshot.keys, value)
        if cookie is not None:
            return Visit(request, facts, snapshot, exchange, now, presented, cookie, known=True, sends_form_cookie=True)
    return Visit(request, facts, snapshot, exchange, now, presented, new_form_cookie(), sends_form_cookie=bool(values))
