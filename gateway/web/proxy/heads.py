"""The head of an ordinary answer, read and made ready for the client in one pass.

Written for speed: `answers.AnswerReader` on llhttp is the plain form, and reads everything that is declined here. Ordinary is a final answer of
HTTP/1.1 that came in one piece, with one Content-Length, no transfer coding, nothing nominated by Connection, and every line in the one spelling that
needs no mending. What is taken is stricter than RFC 9112, so that the plain form reads it the same way (tests/security/test_ready_heads.py).
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from gateway.core.headers import clean_response
from gateway.web.proxy.binding import is_bound_scheme
from gateway.web.proxy.names import Names, Verdict

#: Longer heads, and such of more lines, are the plain form's.
_MOST_HEAD: Final = 16 * 1024
_MOST_LINES: Final = 200
_MOST_DIGITS: Final = 15

_VALUE: Final = rb"[\t\x20-\x7e\x80-\xff]*+"
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


class Ready(NamedTuple):
    """The head of an answer to anything but HEAD. `lines` are the status line and what may pass, without framing; `length` is the body's, `end` the
    head's. `reusable`: another answer may follow on the connection; `events`: an event stream."""

    status: int
    lines: bytes
    length: int
    end: int
    reusable: bool
    events: bool


def read_ready(data: bytes, names: Names, own_cookies: frozenset[bytes]) -> Ready | None:
    """The head that `data` begins with; None where the plain form has to read it. `names` are those of `names.answer_names`."""
    found = _HEAD.match(data)
    if found is None:
        return None
    first, status = found.groups()
    end = found.end()
    # White space at the end of a line is not part of the value (RFC 9110 section 5.5), and would have to go.
    if end > _MOST_HEAD or status in _BODYLESS or data.find(b" \r\n", 0, end) >= 0 or data.find(b"\t\r\n", 0, end) >= 0:
        return None
    lines = data[len(first) + 2 : end - 4].split(b"\r\n")
    if len(lines) > _MOST_LINES:
        return None
    kept, lengths, options, looked_at = [first], [], [], []
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
            looked_at.append((verdict, value))
    if len(lengths) != 1 or len(lengths[0]) > _MOST_DIGITS or not lengths[0].isdigit() or options not in _OPTIONS:
        return None
    reusable = options != _CLOSE and not any(verdict is _CREDENTIALS and is_bound_scheme(value) for verdict, value in looked_at)
    events = any(verdict is _CONTENT_TYPE and value[:17].lower() == b"text/event-stream" for verdict, value in looked_at)
    return Ready(int(status), b"\r\n".join(kept), int(lengths[0]), end, reusable, events)
