"""The audit trail: who did what from where, one JSON object a line, and most of it in SQL too.

Events are `subject:action` and all of them stand in `Event`. A session appears as the first 16 hex digits of its id's hash, which opens nothing; no
line holds a password, cookie, token or an address that somebody merely typed (people type passwords into the wrong field).

SQL does not keep what anybody can bring about without a password being hashed, or what happens by itself and tells nobody anything (`LINES_ONLY`):
otherwise whoever can reach the gateway could fill the disk.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from gateway.stores.trail import Entry

#: Digits of a session's hash by which people name it.
SESSION_DIGITS = 16


class Event(StrEnum):
    """Everything that is worth remembering."""

    LOGIN_SUCCESS = "login:success"
    LOGIN_FAILURE = "login:failure"
    LOGIN_THROTTLED = "login:throttled"
    SESSION_START = "session:start"
    SESSION_ROTATE = "session:rotate"
    SESSION_END = "session:end"
    SESSION_EXPIRE = "session:expire"
    SESSION_THEFT = "session:theft"
    SESSION_MOVE = "session:move"
    SESSION_REVOKE = "session:revoke"
    USER_ADD = "user:add"
    USER_SIGNUP = "user:signup"
    USER_VERIFY = "user:verify"
    USER_FORGOT = "user:forgot"
    USER_RESET = "user:reset"
    USER_STATE = "user:state"
    USER_GROUPS = "user:groups"
    USER_PASSWORD = "user:password"  # noqa: S105 - the name of an event
    USER_PROFILE = "user:profile"
    USER_REHASH = "user:rehash"
    USER_DELETE = "user:delete"
    USER_IMPORT = "user:import"
    USER_EXPORT = "user:export"
    EMAIL_ASK = "email:ask"
    EMAIL_CHANGE = "email:change"
    EMAIL_CANCEL = "email:cancel"
    MAIL_DEAD = "mail:dead"
    MAIL_RETRY = "mail:retry"
    MAIL_DELETE = "mail:delete"
    CONFIG_RELOAD = "config:reload"
    CONFIG_REFUSE = "config:refuse"
    SERVER_START = "server:start"
    SERVER_STOP = "server:stop"


#: Events that are lines and no rows.
LINES_ONLY: Final = frozenset({Event.LOGIN_THROTTLED, Event.SESSION_ROTATE})


class Audit:
    """Writes events through `write`, which takes a line without its end, and gives them to `keep`, where there is one. Both must not fail."""

    def __init__(
        self,
        write: Callable[[str], None],
        clock: Callable[[], float],
        heard: Callable[[Event], None] | None = None,
        keep: Callable[[Entry], None] | None = None,
    ) -> None:
        self._write = write
        self._clock = clock
        self._heard = heard
        self._keep = keep

    def record(
        self,
        event: Event,
        *,
        outcome: str = "success",
        user: str | None = None,
        email: str | None = None,
        address: str | None = None,
        session: str | None = None,
        **details: str | int | None,
    ) -> None:
        """Write one event, and tell it to `heard`. `user` is an id, `session` the hex hash of a session's id (shortened here); what is None is left
        out."""
        if self._heard is not None:
            self._heard(event)
        now = self._clock()
        shortened = session[:SESSION_DIGITS] if session else None
        if self._keep is not None and event not in LINES_ONLY:
            more = json.dumps({name: value for name, value in details.items() if value is not None}, ensure_ascii=True)
            self._keep(Entry(0, now, event.value, outcome, user, email, address, shortened, more))
        fields: dict[str, str | int | None] = {
            "time": datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "audit": event.value,
            "outcome": outcome,
            "user": user,
            "email": email,
            "address": address,
            "session": shortened,
            **details,
        }
        self._write(json.dumps({name: value for name, value in fields.items() if value is not None}, ensure_ascii=True))
