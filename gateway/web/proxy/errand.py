"""An errand: one request taken to its upstream, and the answer brought back.

Everything about the request that could be read in two ways is refused before the upstream hears of it. Nothing is sent twice once a byte of an
answer has come, and what is not safe to repeat is never sent twice (RFC 9110 section 9.2.2; proxying.md C2, C3).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from aiohttp import web

from gateway.core.headers import Header, clean_response, keep_private
from gateway.services.gatekeeper import Admission
from gateway.snapshot import Snapshot
from gateway.web.exchange import Exchange
from gateway.web.proxy.answers import AnswerReader, Head, Piece
from gateway.web.proxy.asking import UPGRADE, read_sent, request_head
from gateway.web.proxy.binding import challenges
from gateway.web.proxy.connection import Connection
from gateway.web.proxy.faults import BadBody, Broken, ClientGone, ProxyFault, Stale
from gateway.web.proxy.heads import Ready
from gateway.web.proxy.lane import Lane
from gateway.web.proxy.reply import Reply, status_line
from gateway.web.proxy.tunnel import Tunnels
from gateway.web.proxy.upload import NO_BODY, Upload, check_length, read_framing

log = logging.getLogger("gateway.proxy")

#: RFC 9110 section 9.2.2. Only these are sent a second time, and only without a body.
_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
#: Answers of which a cache may hold the rest already: they never carry our cookie (DESIGN 1.7).
_NO_COOKIE: Final = frozenset({206, 304})
_NEVER: Final = float("inf")


class Errand(Reply):
    """Made for one request, and its answer; call `forward` or `upgrade` once. Both raise ProxyFault or core.urls.Malformed while the client has heard
    nothing."""

    _upload: Upload | None = None
    _began = 0.0
    _bound = False
    _last = False

    def __init__(
        self,
        request: web.BaseRequest,
        admission: Admission,
        lane: Lane,
        snapshot: Snapshot,
        exchange: Exchange,
        monotonic: Callable[[], float],
    ) -> None:
        self._request = request
        self._admission = admission
        self._lane = lane
        self._snapshot = snapshot
        self._exchange = exchange
        self._monotonic = monotonic

    async def forward(self) -> web.StreamResponse:
        """An ordinary request. What comes back has been sent."""
        request, admission, lane, snapshot = self._request, self._admission, self._lane, self._snapshot
        sent = read_sent(request.raw_headers, lane, snapshot.own_cookies)
        framed, self._bound = sent[3:]
        framing = read_framing(request) if framed else NO_BODY
        upload = None
        if framing.length != 0:
            if "Upgrade" in request.headers:
                raise BadBody("an upgrade with a body")  # CVE-2026-69243: what one side takes for a body is the next request to the other
            check_length(framing, lane.route.max_body)
            upload = self._upload = Upload(request, framing, lane.route.max_body, snapshot.limits.body_idle)
        head = request_head(sent, admission, lane, snapshot, self._exchange, framing.line)
        self._began = self._monotonic()
        body = upload.at_hand() if upload is not None else b""
        head_only = admission.facts.method == "HEAD"
        # An answer to HEAD, and one that may have to carry our cookie, is read and written in the plain way.
        names = None if head_only or admission.set_cookie is not None else lane.answer_names
        connection = lane.pool.take() or await self._connect()
        try:
            while True:
                connection.ask(head + body if body else head, self, lane.timeouts.response, names, snapshot.own_cookies, head_only=head_only)
                if upload is not None and body is None:
                    upload.start(connection, lane.timeouts.response)
                try:
                    await self.word(connection)
                    if not self.settled:
                        await self.finish(lane.timeouts.idle)
                    return self
                except Stale:
                    if self._begun or upload is not None or admission.facts.method not in _IDEMPOTENT:
                        raise
                    self._fault = None
                    connection = await self._connect()  # a new one cannot be stale, so this happens once
        except ProxyFault as fault:
            return self._broken(connection, fault)
        except BaseException:
            connection.abandon(Broken("the request was given up"))
            if self._begun:
                self.break_off()
            raise
        finally:
            if upload is not None and not upload.complete:
                await upload.stop()
            self._part(connection)

    async def upgrade(self, tunnels: Tunnels) -> web.StreamResponse:
        """A WebSocket handshake: a tunnel if the upstream agrees, else an ordinary answer, the last of the client's connection (W4)."""
        request, lane = self._request, self._lane
        head = self._handshake()
        self._last = True
        connection = await self._connect()
        try:
            self._began = self._monotonic()
            connection.ask(head, self, lane.timeouts.response, upgrading=True)
            del head  # a tunnel may last for days
            await self.word(connection)
            await self.finish(lane.timeouts.idle)
            if self._status == 101:
                found = self._admission.found
                member = found.member if found is not None else None
                await tunnels.run(request, connection, self._exchange, member, connection.reader.tail)
            return self
        except ProxyFault as fault:
            return self._broken(connection, fault)
        finally:
            connection.abandon(Broken("it was used for a handshake"))

    # ---------------------------------------------------------------- the request

    def _handshake(self) -> bytes:
        """The whole request that asks for a WebSocket."""
        request, lane = self._request, self._lane
        if read_framing(request).line:
            raise BadBody("an upgrade with a body")
        if not request._message.upgrade:
            raise BadBody("an upgrade that the server's parser does not see")
        sent = read_sent(request.raw_headers, lane, self._snapshot.own_cookies)
        return request_head(sent, self._admission, lane, self._snapshot, self._exchange, UPGRADE)

    async def _connect(self) -> Connection:
        return await self._lane.pool.connect(self._lane.timeouts.connect)

    # ---------------------------------------------------------------- the answer

    def answered(self, reader: AnswerReader) -> None:
        """Send the head to the client, with what there is of the body."""
        self._exchange.upstream = self._monotonic() - self._began
        upload = self._upload
        self._keep_alive = not self._last and self._request.keep_alive and (upload is None or upload.complete)
        pieces, reader.pieces = reader.pieces, []
        try:
            if reader.ready is not None:
                events = self._pass_ready(reader.ready, pieces, complete=reader.complete)
            else:
                assert reader.head is not None
                events = self._pass_head(reader.head, pieces, complete=reader.complete)
        except ClientGone as gone:
            self._fault = gone
        else:
            if not self._complete and self._source is not None:
                self._source.expect_pieces(_NEVER if events else self._lane.timeouts.idle)
        self.taken()

    def _pass_ready(self, ready: Ready, pieces: list[Piece], *, complete: bool) -> bool:
        """The same as `_pass_head`, for a head that is made ready already and an answer without a cookie of ours."""
        self._status, lines, length, _, _, events = ready
        request_id = self._exchange.request_id.encode("ascii")
        framing = self.frame(length, bodyless=False)
        self.begin(b"%b%b\r\nX-Request-Id: %b\r\n%b\r\n" % (lines, self._lane.response_lines, request_id, framing), pieces, complete=complete)
        return events

    def _pass_head(self, answer: Head, pieces: list[Piece], *, complete: bool) -> bool:
        """Whether it is an event stream, which may be silent for as long as it likes. Raises ClientGone."""
        self._status = answer.status
        lines = self._answer_lines(answer)
        if answer.status == 101:
            self._keep_alive = False
            self.begin(b"%b\r\n%b\r\n\r\n" % (b"\r\n".join(lines), UPGRADE), [], complete=True)
            return False
        lines.append(self.frame(None if answer.status == 204 else answer.length, bodyless=answer.bodyless) + b"\r\n")
        self.begin(b"\r\n".join(lines), pieces, complete=complete)
        return _is_event_stream(answer.headers)

    def _answer_lines(self, answer: Head) -> list[bytes]:
        """The status line and the headers but those of framing; a cookie of ours makes the answer private."""
        headers = clean_response(answer.headers, self._lane.strip_response, self._snapshot.own_cookies)
        headers += self._lane.response_headers
        cookie = self._admission.set_cookie
        if cookie is not None and answer.status not in _NO_COOKIE:
            headers = keep_private(headers)
            headers.append((b"Set-Cookie", cookie.encode("latin-1")))
        headers.append((b"X-Request-Id", self._exchange.request_id.encode("ascii")))
        return [status_line(answer.status, answer.reason), *map(_line, headers)]

    def _broken(self, connection: Connection, fault: ProxyFault) -> web.StreamResponse:
        """End an answer that broke off. Raises `fault` where it has not begun."""
        connection.abandon(fault)
        if not self._begun:
            raise fault
        if not isinstance(fault, ClientGone):
            log.warning("request %s, route %s: the answer broke off: %s", self._exchange.request_id, self._exchange.route, fault)
        self.break_off()
        return self

    def _part(self, connection: Connection) -> None:
        """Keep the connection for the next request, if that can be nobody's answer but its own."""
        reader, upload = connection.reader, self._upload
        whole = reader.complete and (upload is None or upload.complete)
        if whole and not self._bound and (reader.head is None or not challenges(reader.head.headers)):
            self._lane.pool.give_back(connection)
        else:
            connection.abandon(Broken("it cannot be used again"))


_line: Final = b": ".join


def _is_event_stream(headers: list[Header]) -> bool:
    return any(len(name) == 12 and name.lower() == b"content-type" and value[:17].lower() == b"text/event-stream" for name, value in headers)
