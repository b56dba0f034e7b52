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
from gateway.web.proxy.answers import Head
from gateway.web.proxy.asking import UPGRADE, binds_connection, is_bound_scheme, request_head
from gateway.web.proxy.connection import Connection
from gateway.web.proxy.faults import BadBody, Broken, ClientGone, ProxyFault, Stale
from gateway.web.proxy.lane import Lane
from gateway.web.proxy.reply import Reply, status_line
from gateway.web.proxy.tunnel import Tunnels
from gateway.web.proxy.upload import Upload, check_length, read_framing

log = logging.getLogger("gateway.proxy")

#: RFC 9110 section 9.2.2. Only these are sent a second time, and only without a body.
_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
#: Answers of which a cache may hold the rest already: they never carry our cookie (DESIGN 1.7).
_NO_COOKIE: Final = frozenset({206, 304})
_NEVER: Final = float("inf")


class Errand:
    """Made for one request; call `forward` or `upgrade` once. Both raise ProxyFault or core.urls.Malformed while the client has heard nothing."""

    __slots__ = ("_admission", "_exchange", "_lane", "_monotonic", "_request", "_snapshot")

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
        upload, head = self._prepare()
        connection = await self._ask(head, upload)
        try:
            return await self._pass_on(connection, upload)
        finally:
            if upload is not None and not upload.complete:
                await upload.stop()
            self._part(connection, upload)

    async def upgrade(self, tunnels: Tunnels) -> web.StreamResponse:
        """A WebSocket handshake: a tunnel if the upstream agrees, else an ordinary answer, the last of the client's connection (W4)."""
        request = self._request
        if read_framing(request).line:
            raise BadBody("an upgrade with a body")
        if not request._message.upgrade:
            raise BadBody("an upgrade that the server's parser does not see")
        lane = self._lane
        connection = await lane.pool.connect(lane.timeouts.connect)
        try:
            connection.ask(self._head(UPGRADE), head_only=False, upgrading=True)
            answer = await self._answer(connection, self._monotonic())
            if answer.status != 101:
                return await self._pass_on(connection, None, last=True)
            found = self._admission.found
            reply = Reply(request, self._exchange, 101, keep_alive=False)
            lines = self._answer_lines(answer)
            reply.begin(b"%b\r\n%b\r\n\r\n" % (b"\r\n".join(lines), UPGRADE), [], complete=True)
            await tunnels.run(
                request, connection, self._exchange, self._snapshot, found.member if found is not None else None, connection.reader.tail
            )
            return reply
        finally:
            connection.abandon(Broken("it was used for a handshake"))

    # ---------------------------------------------------------------- the request

    def _prepare(self) -> tuple[Upload | None, bytes]:
        request, route = self._request, self._lane.route
        framing = read_framing(request)
        if framing.length == 0:
            return None, self._head(framing.line)
        if "Upgrade" in request.headers:
            raise BadBody("an upgrade with a body")  # CVE-2026-69243: what one side takes for a body is the next request to the other
        check_length(framing, route.max_body)
        return Upload(request, framing, route.max_body, self._snapshot.limits.body_idle), self._head(framing.line)

    def _head(self, framing: bytes) -> bytes:
        return request_head(self._request.raw_headers, self._admission, self._lane, self._snapshot, self._exchange, framing)

    async def _ask(self, head: bytes, upload: Upload | None) -> Connection:
        """Send the request, and wait for the head of the answer; once more on a new connection where that is safe."""
        pool, timeouts = self._lane.pool, self._lane.timeouts
        method = self._admission.facts.method
        began = self._monotonic()
        body = upload.at_hand() if upload is not None else b""
        connection = pool.take()
        while True:
            if connection is None:
                connection = await pool.connect(timeouts.connect)
            try:
                connection.ask(head + body if body else head, head_only=method == "HEAD")
                if upload is not None and body is None:
                    upload.start(connection, timeouts.response)
                else:
                    connection.expect_within(timeouts.response)
                await self._answer(connection, began)
                return connection
            except Stale:
                if upload is not None or method not in _IDEMPOTENT:
                    raise
                connection = None  # a new one cannot be stale, so this happens once
            except BaseException as error:
                if upload is not None:
                    await upload.stop()
                connection.abandon(Broken("the request was given up"))
                raise error

    async def _answer(self, connection: Connection, began: float) -> Head:
        answer = await connection.answer()
        self._exchange.upstream = self._monotonic() - began
        return answer

    # ---------------------------------------------------------------- the answer

    async def _pass_on(self, connection: Connection, upload: Upload | None, *, last: bool = False) -> Reply:
        """Send the answer to the client, whole. Raises ProxyFault only where nothing has been sent."""
        reader = connection.reader
        answer = reader.head
        assert answer is not None
        request = self._request
        keep_alive = not last and request.keep_alive and (upload is None or upload.complete)
        reply = Reply(request, self._exchange, answer.status, keep_alive=keep_alive)
        lines = self._answer_lines(answer)
        lines.append(reply.frame(None if answer.status == 204 else answer.length, bodyless=answer.bodyless) + b"\r\n")
        pieces, reader.pieces = reader.pieces, []
        idle = self._lane.timeouts.idle
        reply.begin(b"\r\n".join(lines), pieces, complete=reader.complete)
        try:
            if not reader.complete:
                await reply.relay(connection, _NEVER if _is_event_stream(answer.headers) else idle)
            await reply.flush(idle)
        except ProxyFault as fault:
            if not isinstance(fault, ClientGone):
                log.warning("request %s, route %s: the answer broke off: %s", self._exchange.request_id, self._exchange.route, fault)
            connection.abandon(fault)
            reply.break_off()
        except BaseException:
            reply.break_off()
            raise
        return reply

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

    def _part(self, connection: Connection, upload: Upload | None) -> None:
        """Keep the connection for the next request, if that can be nobody's answer but its own."""
        answer = connection.reader.head
        whole = connection.reader.complete and (upload is None or upload.complete)
        if whole and answer is not None and not binds_connection(self._request.raw_headers) and not _binds(answer.headers):
            self._lane.pool.give_back(connection)
        else:
            connection.abandon(Broken("it cannot be used again"))


_line: Final = b": ".join


def _binds(headers: list[Header]) -> bool:
    return any(len(name) == 16 and name.lower() == b"www-authenticate" and is_bound_scheme(value) for name, value in headers)


def _is_event_stream(headers: list[Header]) -> bool:
    return any(len(name) == 12 and name.lower() == b"content-type" and value[:17].lower() == b"text/event-stream" for name, value in headers)
