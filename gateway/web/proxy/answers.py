"""What an upstream's bytes mean: a strict reader of answers, without I/O.

llhttp (in httptools) is strict about lines, names, values, lengths and chunks; what it lets pass is refused here: versions other than 1.0 and 1.1,
transfer codings other than one `chunked`, control characters in the reason, endless heads, interim answers and trailers. A fault before the answer is
complete is `Broken`. Bytes after it leave the answer good and the connection unusable (proxying.md C16, corpus S of advisories.md mirrored).

RFC 9112 section 6.3 says how long a body is. Bodies of known length and bodies that end with the connection go past the parser, without being copied.
Trailers are read and dropped (proxying.md B11). Ordinary heads go past it too where `begin` was given names: heads.py.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import httptools

from gateway.core.headers import Header
from gateway.web.proxy.faults import Broken
from gateway.web.proxy.heads import Ready, read_ready
from gateway.web.proxy.names import Names

#: Bytes of everything that comes before a body: interim answers, the head. Above it the answer is refused (proxying.md H20 asks for 100 KiB).
MOST_HEAD: Final = 256 * 1024
#: Header fields of an answer, its interim answers and trailers together.
MOST_FIELDS: Final = 1000

_REASON: Final = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")


#: What a body comes in.
Piece = bytes | memoryview
_NONE: Final[frozenset[bytes]] = frozenset()


class Head(NamedTuple):
    """The head of an answer. `length` is the declared Content-Length, also where no body follows (HEAD, 304); None when there is none."""

    status: int
    reason: bytes
    headers: list[Header]
    length: int | None
    bodyless: bool


class AnswerReader:
    """Reads the answers of one connection, one at a time: `begin`, then `feed` until `complete`.

    `head` or `ready` is the head, once it has come; `pieces` are the parts of the body that have come and nobody has taken yet; `reusable` says
    whether another answer may follow on the connection; `tail` is what came behind a 101.
    """

    __slots__ = (
        "_chunked",
        "_fields",
        "_fresh",
        "_head_only",
        "_headers",
        "_interim",
        "_left",
        "_length",
        "_names",
        "_own_cookies",
        "_parser",
        "_reason",
        "_seen",
        "_to_end",
        "_upgrading",
        "complete",
        "head",
        "pieces",
        "ready",
        "reusable",
        "tail",
    )

    def __init__(self) -> None:
        self._parser: httptools.HttpResponseParser = httptools.HttpResponseParser(self)
        self._fresh = True
        self.begin(head_only=False, upgrading=False)

    def begin(self, *, head_only: bool, upgrading: bool, names: Names | None = None, own_cookies: frozenset[bytes] = _NONE) -> None:
        """Make ready for the answer to the next request: to HEAD (no body follows), or to a handshake (101 may come). `names` and `own_cookies` are
        for `heads.read_ready`; without them every head is read by the parser."""
        self._head_only = head_only
        self._upgrading = upgrading
        self._names = names
        self._own_cookies = own_cookies
        self._seen = self._left = 0
        self._to_end = False
        self.head: Head | None = None
        self.ready: Ready | None = None
        self.pieces: list[Piece] = []
        self.tail = b""
        self.complete = self.reusable = False

    def _begin_parser(self) -> None:
        if not self._fresh:
            # The parser did not see the end of the last answer.
            self._parser = httptools.HttpResponseParser(self)
            self._fresh = True
        self._interim = self._chunked = False
        self._headers: list[Header] = []
        self._reason = b""
        self._length: int | None = None
        self._fields = 0

    @property
    def untouched(self) -> bool:
        """Nothing of an answer has come yet."""
        return not self._seen

    def feed(self, data: bytes) -> None:
        """Read `data`. Raises Broken."""
        if self._left:
            self._feed_length(data)
        elif self._to_end:
            self.pieces.append(data)
        elif self.complete:
            self.reusable = False
        elif self._names is None or self._seen or not self._feed_ready(data):
            self._feed_parser(data)

    def end(self, *, clean: bool) -> None:
        """The connection has ended. Raises Broken unless that is where the answer ends."""
        if self.complete:
            self.reusable = False
        elif self._to_end and clean:
            self.complete = True
        else:
            raise Broken("the connection ended within the answer" if self._seen else "the connection ended without an answer")

    def close(self) -> None:
        """Let go of the parser, which refers back to this reader, and of the head. Nothing can be read any more."""
        del self._parser
        self.head = None
        self._headers = []

    def _feed_length(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left > 0:
            self.pieces.append(data)
            return
        self.complete = True
        if self._left:
            data = data[: self._left]
            self._left = 0
            self.reusable = False  # something follows the body that nobody asked for
        self.pieces.append(data)

    def _feed_ready(self, data: bytes) -> bool:
        """Read an ordinary head and what came of its body; false where the parser has to."""
        assert self._names is not None
        ready = read_ready(data, self._names, self._own_cookies)
        if ready is None:
            return False
        _, _, length, end, reusable, _ = ready
        left = length - len(data) + end
        if left < 0:
            return False
        if left:
            self._left = left
            self.pieces.append(memoryview(data)[end:])
        else:
            self.complete = True
            self.pieces.append(data[end:])
        self._seen = end
        self.ready = ready
        self.reusable = reusable
        return True

    def _feed_parser(self, data: bytes) -> None:
        if not self._seen:
            if data[:5] != b"HTTP/" and not b"HTTP/".startswith(data):
                raise Broken("not an HTTP answer")  # llhttp also knows RTSP and ICE
            self._begin_parser()
        self._seen += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgraded:
            self.tail = bytes(data[upgraded.args[0] :])
            self.reusable = False
            return
        except httptools.HttpParserError as error:
            if not self.complete:
                raise Broken(str(error.__context__ or error)) from None
            self.reusable = False
            return
        head = self.head
        if head is None:
            if self._seen > MOST_HEAD:
                raise Broken("the head is too long")
        elif not self.complete and not self._chunked:
            self._pass_parser(head)

    def _pass_parser(self, head: Head) -> None:
        """What is left of the body needs no parser: only counting, or the end of the connection."""
        self._fresh = False
        if head.length is None:
            self._to_end = True
        else:
            self._left = head.length - sum(map(len, self.pieces))

    # ---------------------------------------------------------------- what the parser calls

    def on_message_begin(self) -> None:
        """An answer begins: the first, or the one behind an interim answer."""
        if self.complete:
            raise Broken("a second answer came")

    def on_status(self, reason: bytes) -> None:
        """A part of the reason phrase."""
        self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer. RFC 9110 section 5.5: white space at the end is not part of the value."""
        self._fields += 1
        if self._fields > MOST_FIELDS:
            raise Broken("too many header fields")
        if self.head is not None:
            return
        size = len(name)
        if size == 14 and name.lower() == b"content-length":
            self._length = int(value)
        elif size == 17 and name.lower() == b"transfer-encoding":
            if self._chunked or value.strip(b" \t").lower() != b"chunked":
                raise Broken("an unknown transfer coding")
            self._chunked = True
        self._headers.append((name, value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        """A head is complete."""
        parser = self._parser
        status = parser.get_status_code()
        version = parser.get_http_version()
        if version != "1.1" and (version != "1.0" or self._chunked):
            raise Broken("an unknown version")
        if status < 200:
            self._judge_interim(status, version)
            return
        if status > 599 or not _REASON.fullmatch(self._reason):
            raise Broken("a status line that is not valid")
        bodyless = self._head_only or status in (204, 304)
        self.head = Head(status, self._reason, self._headers, self._length, bodyless)
        self.reusable = parser.should_keep_alive()
        if self._head_only:
            # A parser cannot know that the request was HEAD and waits for a body. After an announced chunked body it would swallow what a faulty
            # upstream sends of it, so that connection is not used again.
            self.complete = True
            self._fresh = False
            self.reusable = self.reusable and not self._chunked

    def on_body(self, piece: bytes) -> None:
        """A part of the body."""
        if self.complete:
            raise Broken("a body where there is none")
        self.pieces.append(piece)

    def on_message_complete(self) -> None:
        """The end of an answer, or of an interim one."""
        if self._interim:
            self._interim = False
        elif not self.complete:
            self.complete = True

    def _judge_interim(self, status: int, version: str) -> None:
        if status == 101:
            agreed = [value.strip(b" \t").lower() for name, value in self._headers if name.lower() == b"upgrade"]
            if not self._upgrading or not self._parser.should_upgrade() or agreed != [b"websocket"] or version != "1.1":
                raise Broken("an upgrade that nobody asked for")
            self.head = Head(101, self._reason, self._headers, None, bodyless=True)
            return
        if status < 100 or self._chunked or self._length:
            raise Broken("an interim answer that is not valid")
        self._interim = True
        self._length = None
        self._headers = []
        self._reason = b""
