"""The access line: one per request, made without the logging module.

The query is left out, whole, because codes, tokens and search terms stand in it; a `?` says that there was one. Header values are not shown at all.
Paths, hosts and addresses come from outside and are escaped (CWE-117).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from json.encoder import encode_basestring_ascii as quoted
from typing import Final, Literal, Protocol

from gateway.core.facts import Facts
from gateway.telemetry.escape import printable

Format = Literal["json", "text"]

_NOTHING: Final = "-"
_MOST_PATH: Final = 2000


class Told(Protocol):
    """What a line is made of: `upstream` is in seconds, `sent` counts body bytes (web/exchange.py fills it in)."""

    @property
    def facts(self) -> Facts | None:
        """None when the request could not be understood."""

    @property
    def peer(self) -> str | None:
        """The other end of the connection; None on a unix socket."""

    @property
    def request_id(self) -> str:
        """32 hex digits."""

    @property
    def route(self) -> str:
        """The route's name, `-` when there was none."""

    @property
    def user_id(self) -> str | None:
        """Whose request it was."""

    @property
    def status(self) -> int:
        """What was answered."""

    @property
    def sent(self) -> int:
        """Bytes of the answer's body."""

    @property
    def upstream(self) -> float | None:
        """Until the head of the upstream's answer."""


class AccessLog:
    """Writes a line for an exchange. `clock` is seconds since 1970."""

    __slots__ = ("_clock", "_format", "_second", "_stamp", "_write")

    def __init__(self, write: Callable[[str], None], form: Format, clock: Callable[[], float]) -> None:
        self._write = write
        self._format = _as_json if form == "json" else _as_text
        self._clock = clock
        self._second = -1
        self._stamp = ""

    def line(self, exchange: Told, method: str, target: str, seconds: float) -> None:
        """Write the line of a finished exchange, which took `seconds`; `method` and `target` are the request line's."""
        self._write(self._format(exchange, method, target, self._time(), seconds))

    def _time(self) -> str:
        """RFC 3339 in UTC with milliseconds; the part up to the second is made once a second."""
        now = self._clock()
        second = int(now)
        if second != self._second:
            self._second = second
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._stamp}.{int((now - second) * 1000):03d}Z"


def _as_json(told: Told, method: str, target: str, when: str, seconds: float) -> str:
    facts = told.facts
    client, host = (told.peer or "unix", "null") if facts is None else (facts.client, quoted(facts.host))
    user = "null" if told.user_id is None else quoted(told.user_id)
    upstream = "null" if told.upstream is None else f"{told.upstream:.6f}"
    return (
        f'{{"kind":"access","time":"{when}","request_id":{quoted(told.request_id)},"client":{quoted(client)},"method":{quoted(method)},"host":{host},'
        f'"path":{quoted(_without_query(target))},"route":{quoted(told.route)},"user":{user},'
        f'"status":{told.status},"bytes":{told.sent},"duration":{seconds:.6f},"upstream":{upstream}}}'
    )


def _as_text(told: Told, method: str, target: str, when: str, seconds: float) -> str:
    facts = told.facts
    client, host = (told.peer or "unix", "") if facts is None else (facts.client, facts.host)
    upstream = _NOTHING if told.upstream is None else f"{told.upstream * 1000:.1f}ms"
    asked = printable(f"{client} {method} {host}{_without_query(target)}")  # all that comes from outside
    return (
        f"{when} {asked} {told.status} {told.sent}B {seconds * 1000:.1f}ms upstream={upstream} "
        f"route={told.route} user={told.user_id or _NOTHING} id={told.request_id}"
    )


def _without_query(target: str) -> str:
    """The path as sent, cut at 2 000 characters; of an absolute address too, whose user part may be a password."""
    path, mark, _ = target.partition("?")
    if "@" in path and not path.startswith("/"):
        path = path.rpartition("@")[2]
    return f"{path[:_MOST_PATH]}{mark}"
