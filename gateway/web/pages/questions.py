"""Pages that are one form: how it is shown, read, believed, and shown again with what is wrong.

What was typed stays in the form, passwords and codes aside. A program gets the problem as JSON instead of the page.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiohttp import web

from gateway.core.answer import RETRY_AFTER, Fail, Problem
from gateway.services import StoreAway
from gateway.snapshot import Snapshot
from gateway.web.languages import Phrase
from gateway.web.pages.faults import NOT_BELIEVED, Fault
from gateway.web.pages.fields import in_words
from gateway.web.pages.forms import distrust, read_form
from gateway.web.pages.problems import Problems, json_problem
from gateway.web.pages.render import Reader
from gateway.web.pages.visit import Visit
from gateway.web.pages.words import TOO_MANY

#: What answers at an endpoint.
Answer = Callable[[Visit], Awaitable[web.Response]]

log = logging.getLogger("gateway.pages")


class Question:
    """One form's template, and every value that it needs beside those of all forms, with what stands there when nobody has typed anything."""

    def __init__(self, problems: Problems, template: str, **values: Any) -> None:
        self._problems = problems
        self._template = template
        self._values = values

    def show(
        self,
        visit: Visit,
        *,
        status: int = 200,
        problem: Problem | None = None,
        faults: Iterable[Fault] = (),
        notice: str | Phrase | None = None,
        detail: str | None = None,
        **values: Any,
    ) -> web.Response:
        """The form; `problem` is what a program is told of instead."""
        if problem is not None and not visit.facts.navigating:
            return json_problem(Fail(status, problem, detail), visit.request_id)
        given: dict[str, Any] = {**self._values, **values, "faults": list(faults), "notice": notice, "csrf": visit.field()}
        given["shortest"] = visit.snapshot.password.min_length
        return visit.keep(self._problems.renderer.page(self._template, visit.snapshot, visit.request_id, visit.reader, status=status, **given))

    def refuse(self, visit: Visit, faults: list[Fault], **values: Any) -> web.Response:
        """The form with what is wrong."""
        names = ", ".join(fault.field for fault in faults)
        return self.show(visit, status=422, problem=Problem.NOT_VALID, faults=faults, detail=f"not valid: {names}", **values)

    def throttle(self, visit: Visit, seconds: float, **values: Any) -> web.Response:
        """The form, and how long to wait."""
        wait = max(math.ceil(seconds), 1)
        response = self.show(visit, status=429, problem=Problem.THROTTLED, notice=Phrase(TOO_MANY, {"wait": in_words(wait)}), **values)
        response.headers["Retry-After"] = str(wait)
        return response

    async def read(
        self, visit: Visit, keep: Callable[[dict[str, str]], dict[str, Any]], code: Question | None = None
    ) -> dict[str, str] | web.Response:
        """The fields that were posted, if they are to be believed; else the answer. `keep` says what stays in the form; `code` is the form that is
        shown instead where an address came with a code, and not a link."""
        fields = await read_form(visit)
        if isinstance(fields, Fail):
            return self._problems.answer(fields, visit.facts, visit.snapshot, visit.request_id, close=True)
        if (why := distrust(visit, fields)) is not None:
            form = code if code is not None and "email" in fields else self
            return form.show(visit, status=403, problem=Problem.FORM_REFUSED, notice=NOT_BELIEVED[why], detail=why.value, **keep(fields))
        return fields

    def away(self, visit: Visit, why: StoreAway) -> web.Response:
        """503: a store is away."""
        log.warning("request %s: a form could not be used: %s", visit.request_id, why)
        fail = Fail(503, Problem.STORE_AWAY, retry_after=RETRY_AFTER)
        return self._problems.answer(fail, visit.facts, visit.snapshot, visit.request_id)

    def bad_link(self, visit: Visit, again: str) -> web.Response:
        """One answer for every link that does not work; `again` is the own page that sends a new one."""
        if not visit.facts.navigating:
            return json_problem(Fail(400, Problem.BAD_TOKEN), visit.request_id)
        page = self._problems.renderer.page("bad_link.html", visit.snapshot, visit.request_id, Reader(visit.language), status=400, again=again)
        return visit.keep(page)


def offered(problems: Problems, offers: Callable[[Snapshot], bool], answer: Answer) -> Answer:
    """`answer`, and 404 where the configuration does not offer the page."""

    async def found(visit: Visit) -> web.Response:
        if offers(visit.snapshot):
            return await answer(visit)
        return problems.answer(Fail(404, Problem.NOT_FOUND), visit.facts, visit.snapshot, visit.request_id)

    return found


def by_mail(problems: Problems, answer: Answer) -> Answer:
    """`answer`, where mail can be sent."""
    return offered(problems, lambda snapshot: snapshot.mail is not None, answer)
