"""One call of the API, and the shapes that its answers have.

Success is an object or `{"message": …}`; an error is `{"error": sentence}` or `{"error": {field: sentence}}`. Nobody keeps an answer (no-store).
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field

from aiohttp import web

from gateway.core.answer import RETRY_AFTER
from gateway.core.facts import Facts
from gateway.core.languages import best_language
from gateway.snapshot import Snapshot
from gateway.web.api.body import Values
from gateway.web.exchange import Exchange
from gateway.web.pages.policy import page_headers
from gateway.web.pages.problems import challenge

TOO_MANY = "there were too many attempts, wait before you try again"
AWAY = "this cannot be answered at the moment, try again soon"


@dataclass(frozen=True, slots=True)
class Call:
    """`id` is what stands in the path's `:id`; `values` is what was sent."""

    request: web.BaseRequest
    facts: Facts
    snapshot: Snapshot
    exchange: Exchange
    id: str = ""
    values: Values = field(default_factory=dict, repr=False)

    @property
    def language(self) -> str:
        """In which language to write mail."""
        return best_language(self.facts.languages, self.snapshot.languages)

    def text(self, key: str) -> str:
        """What was sent for a key; "" where nothing was."""
        value = self.values.get(key)
        return value if isinstance(value, str) else ""


def tell(call: Call, told: object, *, status: int = 200) -> web.Response:
    """`told` as JSON with a newline at its end."""
    text = json.dumps(told, ensure_ascii=False, allow_nan=False) + "\n"
    headers = {**page_headers(call.exchange.request_id), "Content-Type": "application/json"}
    return web.Response(status=status, body=text.encode("utf-8"), headers=headers)


def say(call: Call, message: str, *, status: int = 200) -> web.Response:
    """A message."""
    return tell(call, {"message": message}, status=status)


def refuse(call: Call, status: int, error: str | dict[str, str]) -> web.Response:
    """An error: a sentence, or one for each field."""
    response = tell(call, {"error": error}, status=status)
    if status == 401:
        response.headers["WWW-Authenticate"] = challenge(call.snapshot)  # RFC 9110 section 15.5.2
    return response


def refuse_for_now(call: Call, status: int, error: str, seconds: float) -> web.Response:
    """An error that passes; `seconds` until then."""
    response = refuse(call, status, error)
    response.headers["Retry-After"] = str(max(math.ceil(seconds), 1))
    return response


def store_away(call: Call) -> web.Response:
    """503."""
    return refuse_for_now(call, 503, AWAY, RETRY_AFTER)
