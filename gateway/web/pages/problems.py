"""Problems: every error that the gateway itself answers with, as a page for people and as JSON for programs (DESIGN 1.5, 1.6).

Front, proxy and pages all come here, so that an error looks the same wherever it arises. Nothing from the request is shown, and nothing about
upstreams.
"""

from __future__ import annotations

import json
from typing import Final

from aiohttp import web

from gateway.core.answer import Fail, Problem
from gateway.core.facts import Facts
from gateway.core.languages import ENGLISH, best_language
from gateway.snapshot import Snapshot
from gateway.web.pages.policy import page_headers
from gateway.web.pages.render import Reader, Renderer
from gateway.web.pages.words import PROBLEMS, REFUSALS

#: Where nothing leads on but one's own account.
_FROM_HERE: Final = (Problem.REFUSED, Problem.NOT_FOUND)


class Problems:
    """Makes the answers. It needs nothing but its templates."""

    def __init__(self, renderer: Renderer | None = None) -> None:
        self.renderer = renderer or Renderer()

    def answer(self, fail: Fail, facts: Facts | None, snapshot: Snapshot, request_id: str, *, close: bool = False) -> web.Response:
        """A page when somebody is navigating, else JSON; `facts` is None where the request could not be read.

        `close`: the connection cannot be used for another request (what was sent has not been read).
        """
        person = facts if facts is not None and facts.navigating else None
        response = json_problem(fail, request_id) if person is None else self._page(fail, person, snapshot, request_id)
        if fail.status == 401:
            # RFC 9110 section 15.5.2 wants a challenge. `Cookie` opens no dialogue in any browser, as Basic would.
            response.headers["WWW-Authenticate"] = challenge(snapshot)
        if fail.retry_after is not None:
            response.headers["Retry-After"] = str(fail.retry_after)
        if close:
            response.force_close()
        return response

    def _page(self, fail: Fail, facts: Facts, snapshot: Snapshot, request_id: str) -> web.Response:
        words = PROBLEMS[fail.problem]
        language = best_language(facts.languages, snapshot.languages)
        # Details are for whoever knows HTTP; they are not translated.
        happened, detail = words.happened, fail.detail if language == ENGLISH else None
        if fail.problem is Problem.REFUSED and fail.detail is not None:
            happened, detail = REFUSALS.get(fail.detail, happened), None
        return self.renderer.page(
            "problem.html",
            snapshot,
            request_id,
            Reader(language),
            status=fail.status,
            words=words,
            happened=happened,
            detail=None if detail is None else detail[:1].upper() + detail[1:] + ("" if detail.endswith(".") else "."),
            status_code=fail.status,
            login_url=fail.login_url,
            again=facts.target if _worth_repeating(fail, facts) else None,
            logout_url=f"{snapshot.places.prefix}/logout" if fail.problem is Problem.REFUSED else None,
            account_url=f"{snapshot.places.prefix}/account" if fail.problem in _FROM_HERE else None,
        )


def _worth_repeating(fail: Fail, facts: Facts) -> bool:
    """Whether a link to the same address helps: it will work later, and following it does nothing but read. A target that begins with two slashes
    would be a link to another host, and browsers read `\\` as a slash."""
    return fail.status in (502, 503, 504) and facts.method in ("GET", "HEAD") and not facts.target.startswith(("//", "/\\"))


def json_problem(fail: Fail, request_id: str) -> web.Response:
    """The same for programs: `error` is the problem's name."""
    told = {"error": fail.problem.value, "request_id": request_id}
    if fail.detail is not None:
        told["detail"] = fail.detail
    return json_answer(told, request_id, status=fail.status)


def json_answer(told: object, request_id: str, *, status: int = 200) -> web.Response:
    """`told` as JSON, with the headers of an own answer."""
    text = json.dumps(told, ensure_ascii=False, allow_nan=False) + "\n"
    return web.Response(status=status, text=text, content_type="application/json", charset="utf-8", headers=page_headers(request_id))


def challenge(snapshot: Snapshot) -> str:
    """What a 401 asks for."""
    return f'Cookie realm="{snapshot.places.public.host}"'
