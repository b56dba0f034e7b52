"""Times as people read them: how long ago, with the exact time beside it (LOOK.md, "Lists")."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from gateway.web.languages import part


@dataclass(frozen=True, slots=True)
class Moment:
    """`words` are to be translated and hold `%(count)s`; `exact` is for programs, `shown` for people who want to know."""

    words: str
    count: int
    exact: str
    shown: str


#: Seconds of a unit, what one of it is called, what several are.
_AGO: Final = (
    (86400 * 365, part("a year ago"), "%(count)s years ago"),
    (86400 * 30, part("a month ago"), "%(count)s months ago"),
    (86400, part("yesterday"), "%(count)s days ago"),
    (3600, part("an hour ago"), "%(count)s hours ago"),
    (60, part("a minute ago"), "%(count)s minutes ago"),
)


def moment(then: float, now: float) -> Moment:
    """Both in seconds since 1970; what lies in the future is just now."""
    at = datetime.fromtimestamp(then, UTC)
    exact, shown = at.isoformat(timespec="seconds"), at.strftime("%Y-%m-%d %H:%M UTC")
    for unit, one, several in _AGO:
        count = int((now - then) // unit)
        if count >= 1:
            return Moment(one if count == 1 else several, count, exact, shown)
    return Moment(part("just now"), 0, exact, shown)
