"""What becomes of a header by its name alone, looked up instead of worked out: most names come again with every request.

Written for speed, for core/headers.py says all of it; the verdicts are got by asking the functions there, so the two cannot drift apart
(tests/unit/web/proxy hold them together). A name is kept as it was sent. Whoever sends chooses names, so a table is bounded in their number and their
length: what is longer is judged each time, and a table that is full begins anew. That costs a sender of junk no more than the plain form.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Final

from gateway.core.headers import clean_request, clean_response, fold

#: Names in a table, and bytes of a name.
MOST_NAMES: Final = 128
MOST_LETTERS: Final = 48


class Verdict(IntEnum):
    """What to do with a header. KEEP, by far the most frequent one, is false."""

    KEEP = 0
    DROP = 1
    #: Keep, but look at the value.
    COOKIE = 2
    CREDENTIALS = 3
    CONTENT_TYPE = 4
    #: Drop, but look at the value.
    HOST = 5
    FRAMING = 6
    CONNECTION = 7
    FORWARDED_FOR = 8
    #: Nothing that can be said by this name alone: let the plain form judge the whole head.
    DOUBT = 9


class Names(dict[bytes, Verdict]):
    """Verdicts by name: `names[name]`."""

    def __init__(self, judge: Callable[[bytes], Verdict]) -> None:
        super().__init__()
        self._judge = judge

    def __missing__(self, name: bytes) -> Verdict:
        verdict = self._judge(name)
        if len(name) <= MOST_LETTERS:
            if len(self) >= MOST_NAMES:
                self.clear()
            self[name] = verdict
        return verdict


_ASKED: Final = {
    b"host": Verdict.HOST,
    b"content-length": Verdict.FRAMING,
    b"transfer-encoding": Verdict.FRAMING,
    b"connection": Verdict.CONNECTION,
    b"x-forwarded-for": Verdict.FORWARDED_FOR,
}
_ASKED_KEPT: Final = {b"cookie": Verdict.COOKIE, b"authorization": Verdict.CREDENTIALS}


def request_names(strip: frozenset[bytes]) -> Names:
    """The table for requests of which `strip` (folded) must not pass."""

    def judge(name: bytes) -> Verdict:
        lower = name.lower()
        if fold(name) == b"close":
            return Verdict.DOUBT  # `Connection: close` nominates it
        if lower in _ASKED:
            return _ASKED[lower]
        if not clean_request([(name, b"x=y")], strip, frozenset()):
            return Verdict.DROP
        return _ASKED_KEPT.get(lower, Verdict.KEEP)

    return Names(judge)


_ANSWERED: Final = {b"content-length": Verdict.FRAMING, b"connection": Verdict.CONNECTION}
_ANSWERED_KEPT: Final = {b"set-cookie": Verdict.COOKIE, b"www-authenticate": Verdict.CREDENTIALS, b"content-type": Verdict.CONTENT_TYPE}
#: A parser reads them, and `close` may be nominated by Connection.
_ANSWERED_DOUBT: Final = frozenset({b"transfer-encoding", b"upgrade", b"proxy-connection", b"close"})


def answer_names(strip: frozenset[bytes]) -> Names:
    """The table for answers of which `strip` (folded) must not pass."""

    def judge(name: bytes) -> Verdict:
        lower = name.lower()
        if lower in _ANSWERED_DOUBT:
            return Verdict.DOUBT
        if lower in _ANSWERED:
            return _ANSWERED[lower]
        if clean_response([(name, b"x")], strip, frozenset()):
            return _ANSWERED_KEPT.get(lower, Verdict.KEEP)
        return Verdict.DOUBT if lower in _ANSWERED_KEPT else Verdict.DROP

    return Names(judge)
