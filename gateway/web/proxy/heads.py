"""The head of an ordinary answer, read and made ready for the client in one pass.

Written for speed: `answers.AnswerReader` on llhttp is the plain form, and reads everything that is declined here. Ordinary is a final answer of
HTTP/1.1 that came in one piece, with one Content-Length, no transfer coding, nothing nominated by Connection, and every line in the one spelling that
needs no mending. What is taken is stricter than RFC 9112, so that the plain form reads it the same way (tests/security/test_ready_heads.py).
"""

from __future__ import annotations

import re
from typing import Final

from gateway.core.headers import clean_response
from gateway.web.proxy.binding import is_bound_scheme
from gateway.web.proxy.names import Names, Verdict

#: Longer heads are the plain form's; no more than answers.MOST_FIELDS lines fit into it.
_MOST_HEAD: Final = 6000
_MOST_DIGITS: Final = 15

#: White space at its end would not be part of the value (RFC 9110 section 5.5), and would have to go.
_VALUE: Final = rb"[\t\x20-\x7e\x80-\xff]*+(?<![\t ])"
_HEAD: Final = re.compile(
    rb"(HTTP/1\.1 ([2-5][0-9][0-9]) %b)\r\n(?:[!#$%%&'*+.^_`|~0-9A-Za-z-]++: [\x21-\x7e\x80-\xff]%b\r\n)++\r\n" % (_VALUE, _VALUE)
)
#: Answers without a body, whatever they announce (RFC 9110 section 6.4.1).
_BODYLESS: Final = frozenset({b"204", b"304"})

_DROP: Final = Verdict.DROP
_COOKIE: Final = Verdict.COOKIE
_CREDENTIALS: Final = Verdict.CREDENTIALS
_CONTENT_TYPE: Final = Verdict.CONTENT_TYPE
_FRAMING: Final = Verdict.FRAMING
_CONNECTION: Final = Verdict.CONNECTION
_DOUBT: Final = Verdict.DOUBT
_NOTHING: Final[frozenset[bytes]] = frozenset()
#: What Connection may say: nothing is nominated by it.
_CLOSE: Final = [b"close"]
_OPTIONS: Final[tuple[list[bytes], ...]] = ([], [b"keep-alive"], _CLOSE)


#: Status; the status line and what may pass, without framing; the body's length; where the head ends; whether another answer may follow on the
#: connection; whether it is an event stream. A plain tuple, since naming its fields would cost a tenth of all that is done here.
Ready = tuple[int, bytes, int, int, bool, bool]


def read_ready(data: bytes, names: Names, own_cookies: frozenset[bytes]) -> Ready | None:
    """The head that `data`, the answer to anything but HEAD, begins with; None where the plain form has to read it. `names` are those of
    `names.answer_names`."""
    found = _HEAD.match(data)
    if found is None:
        return None
    first, status = found.groups()
    end = found.end()
    if end > _MOST_HEAD or status in _BODYLESS:
        return None
    lines = data[len(first) + 2 : end - 4].split(b"\r\n")
    kept, lengths, options, challenges = [first], [], [], []
    events = False
    for line in lines:
        name, _, value = line.partition(b": ")
        verdict = names[name]
        if not verdict:
            kept.append(line)
        elif verdict is _FRAMING:
            lengths.append(value)
        elif verdict is _CONNECTION:
            options.append(value.lower())
        elif verdict is _DOUBT:
            return None
        elif verdict is not _DROP and (verdict is not _COOKIE or clean_response([(name, value)], _NOTHING, own_cookies)):
            kept.append(line)
            if verdict is _CONTENT_TYPE:
                events = events or value[:17].lower() == b"text/event-stream"
            elif verdict is _CREDENTIALS:
                challenges.append(value)
    if len(lengths) != 1 or len(lengths[0]) > _MOST_DIGITS or not lengths[0].isdigit() or options not in _OPTIONS:
        return None
    reusable = options != _CLOSE and not (challenges and any(map(is_bound_scheme, challenges)))
    return int(status), b"\r\n".join(kept), int(lengths[0]), end, reusable, events
