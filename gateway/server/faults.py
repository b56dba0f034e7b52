"""What is wrong with a request before anybody looks at what it asks for, as the status to answer; 0 is nothing.

Sources: RFC 9112 sections 3 (request line: 414, 501, 505), 6.1 and 6.3 (framing), RFC 6585 section 5 (431); CVE-2026-69243 (an upgrade with a body).
"""

from __future__ import annotations

from typing import Any, Final

from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpVersion10, HttpVersion11
from aiohttp.http_exceptions import BadHttpMessage, BadHttpMethod, HttpProcessingError, LineTooLong
from aiohttp.http_parser import HttpRequestParserPy, RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader

from gateway.snapshot import Limits

#: Methods that a gateway must not carry: tunnels to anywhere, and echoes of what only we may see (cross-site tracing).
REFUSED_METHODS: Final = frozenset({"CONNECT", "TRACE", "TRACK"})
#: Header fields in one head.
MOST_FIELDS: Final = 200
#: Room for the method and version beside the target.
LINE_ROOM: Final = 64
#: What a connection beyond the limit hears, before any request was read.
BUSY: Final = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"


def fault_of(message: RawRequestMessage, payload: StreamReader, limits: Limits, head: int) -> int:
    """The status that refuses a parsed head, 0 when nothing is wrong. `head` is how many bytes it can have had at most."""
    version = message.version
    if version != HttpVersion11 and version != HttpVersion10:
        return 505
    if message.method in REFUSED_METHODS:
        return 405
    if len(message.path) > limits.url:
        return 414
    if head > limits.headers and sum(len(name) + len(value) + 4 for name, value in message.raw_headers) > limits.headers:
        return 431
    if payload is EMPTY_PAYLOAD:
        return 0
    if message.chunked and (version == HttpVersion10 or message.headers["Transfer-Encoding"].lower() != "chunked"):
        # HTTP/1.0 knows no chunks, and a coding below them would be lost on the way to the upstream (RFC 9112 section 6.1).
        return 400
    if message.upgrade and message.headers.get("Upgrade", "").lower() in ("websocket", "tcp"):
        return 400
    return 0


def status_of(error: BaseException, limits: Limits, *, line_seen: bool) -> int:
    """The status that answers what the parser could not read; `line_seen`: the request line had been complete before."""
    if isinstance(error, LineTooLong):
        return 414 if error.args[1] == line_limit(limits) and not line_seen else 431
    if isinstance(error, HttpProcessingError) and error.message.startswith("Too many headers"):
        return 431
    return 400


def line_limit(limits: Limits) -> int:
    """The parser's limit for a request line. Not the limit that counts, but told apart from the one for a field by its value."""
    return max(limits.url, limits.headers) + 1


class StrictParser(HttpRequestParserPy):
    """aiohttp's parser in Python, for where its compiled one is missing; method names are case-sensitive in it too (RFC 9110 section 9.1)."""

    def __init__(self, protocol: BaseProtocol, template: HttpRequestParserPy) -> None:
        super().__init__(
            protocol,
            template.loop,
            template._limit,
            max_line_size=template.max_line_size,
            max_headers=template.max_headers,
            max_field_size=template.max_field_size,
            payload_exception=template.payload_exception,
            auto_decompress=template._auto_decompress,
            max_msg_queue_size=template._max_msg_queue_size,
        )

    def feed_data(self, *arguments: Any, **named: Any) -> Any:
        """A length of thousands of digits is no number to Python either (sys.set_int_max_str_digits)."""
        try:
            return super().feed_data(*arguments, **named)
        except ValueError:
            raise BadHttpMessage("a length that is not valid") from None

    def parse_message(self, lines: list[bytes]) -> RawRequestMessage:
        """Refuses what the parent would turn into upper case."""
        method = lines[0].partition(b" ")[0]
        if method != method.upper():
            raise BadHttpMethod("method")
        return super().parse_message(lines)
