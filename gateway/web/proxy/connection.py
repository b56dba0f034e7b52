"""One connection to an upstream: an asyncio protocol around an AnswerReader.

Life: idle → `ask` → the head and the pieces of the body are pushed into a sink as they come → complete → idle again (the pool's work), or thrown
away.
Bytes that come while nothing is asked end the connection: they can only be meant for somebody else (response queue poisoning, corpus S mirrored).

All is pushed from `data_received`, so an answer costs no task switch and no queue, and no piece waits in memory for its turn; who cannot take more
pauses the transport. Time is one coarse deadline and at most one timer per connection, moved only when it fires: a timer for each request or piece
would cost more than the piece.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from typing import Protocol, cast

from gateway.web.proxy.answers import AnswerReader, Piece
from gateway.web.proxy.faults import AnswerTimeout, Broken, ProxyFault, Stale
from gateway.web.proxy.names import Names

log = logging.getLogger("gateway.proxy")

_NEVER = float("inf")


class Sink(Protocol):
    """Who takes an answer: `answered` once, then `take` until it is complete; or `fail` at any time, and nothing more."""

    def answered(self, reader: AnswerReader) -> None:
        """The head has come; `reader` has it, with what came of the body."""

    def take(self, pieces: Sequence[Piece], *, complete: bool) -> None:
        """The next pieces; `complete` with the last of them (which may be none)."""

    def fail(self, fault: ProxyFault) -> None:
        """There will be no more, and the answer is not complete."""


class Raw(Protocol):
    """Who takes bytes that are not HTTP any more."""

    def from_upstream(self, data: bytes) -> None:
        """What came."""

    def drained(self) -> None:
        """The upstream takes more."""

    def ended(self) -> None:
        """The connection has ended."""


class Connection(asyncio.Protocol):
    """`lost` is called once when the connection has ended. `reused` is true from the second request on."""

    __slots__ = (
        "_answered",
        "_deadline",
        "_drained",
        "_idle",
        "_lost",
        "_sink",
        "_timer",
        "_timer_at",
        "_tunnel",
        "fault",
        "loop",
        "reader",
        "reused",
        "transport",
        "writing_paused",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, lost: Callable[[Connection], None]) -> None:
        self.loop = loop
        self._lost = lost
        self._answered = False
        self._deadline = _NEVER
        self._idle = _NEVER
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = _NEVER
        self._drained: asyncio.Future[None] | None = None
        self._sink: Sink | None = None
        self._tunnel: Raw | None = None
        self.fault: ProxyFault | None = None
        self.reader = AnswerReader()
        self.reused = False
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)
        self.writing_paused = False

    @property
    def usable(self) -> bool:
        """Whether another request may be sent on it."""
        return self.fault is None and not self.transport.is_closing()

    # ---------------------------------------------------------------- asking and answering

    def ask(
        self,
        data: bytes,
        sink: Sink,
        within: float,
        names: Names | None = None,
        own_cookies: frozenset[bytes] = frozenset(),
        *,
        head_only: bool = False,
        upgrading: bool = False,
    ) -> None:
        """Send the head of a request, with its body or the first part of it; its answer, which must begin `within` so many seconds, is the sink's."""
        self.reader.begin(head_only=head_only, upgrading=upgrading, names=names, own_cookies=own_cookies)
        self._sink = sink
        self._answered = False
        self.expect_within(within)
        self.transport.write(data)

    def expect_pieces(self, idle: float) -> None:
        """From now on at most `idle` seconds between two pieces of the body."""
        self._idle = idle
        self.expect_within(idle)

    def go_on(self) -> None:
        """Read on, after `transport.pause_reading`: the upstream could send nothing, so its time for the next piece begins now."""
        self.expect_within(self._idle)
        self.transport.resume_reading()

    def go_raw(self, tunnel: Raw) -> None:
        """From here on bytes are handed over as they are, and no time limit holds."""
        self._tunnel = tunnel
        self._sink = None
        # A tunnel may last for days: what only answers need goes.
        self._stop_timer()
        self.reader.close()
        if self.transport.is_closing():
            tunnel.ended()

    def rest(self, idle_limit: float) -> None:
        """The answer is complete and was taken: nothing may come before the next request."""
        self._sink = None
        self._idle = _NEVER
        self.reused = True
        self.expect_within(idle_limit)

    def expect_within(self, seconds: float) -> None:
        """Something must happen within `seconds` from now (infinity: at any time)."""
        self._deadline = when = self.loop.time() + seconds
        if when < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_at = when
            self._timer = self.loop.call_at(when, self._tick)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._deadline = self._timer_at = _NEVER

    def abandon(self, fault: ProxyFault) -> None:
        """Throw the connection away; whoever waits for the rest of its answer gets `fault`."""
        if self.fault is not None:
            return
        self.fault = fault
        if self.transport is not None:
            self.transport.abort()
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.fail(fault)

    async def drain(self) -> None:
        """Wait until the upstream takes more. Raises ProxyFault when it never will. One at a time."""
        if self.writing_paused:
            self._drained = self.loop.create_future()
            await self._drained
        if self.fault is not None:
            raise self.fault
        if self.transport.is_closing():
            raise Broken("the upstream takes no more of the body")

    # ---------------------------------------------------------------- what the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there (TCP_NODELAY is set by both event loops)."""
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Bytes from the upstream."""
        if self._sink is None:
            if self._tunnel is not None:
                self._tunnel.from_upstream(data)
            else:
                self.abandon(Broken("bytes came that nobody asked for"))
            return
        try:
            self.reader.feed(data)
        except Broken as fault:
            self.abandon(fault)
            return
        self._push()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended; that may be where the answer ends too."""
        self._stop_timer()
        try:
            if self._tunnel is not None:
                self._tunnel.ended()
            elif self._sink is not None:
                if exc is not None and not self.reader.complete:
                    self._salvage()
                self._end(exc)
        finally:
            self.writing_paused = False
            self._release_writers()
            if self._tunnel is None:
                self.reader.close()
            self._lost(self)

    def pause_writing(self) -> None:
        """The upstream is slow."""
        self.writing_paused = True

    def resume_writing(self) -> None:
        """The upstream has caught up."""
        self.writing_paused = False
        self._release_writers()
        if self._tunnel is not None:
            self._tunnel.drained()

    # ---------------------------------------------------------------- inside

    def _push(self) -> None:
        reader, sink = self.reader, self._sink
        assert sink is not None
        try:
            if self._answered:
                if self._idle != _NEVER:
                    self._deadline = self.loop.time() + self._idle
                pieces, reader.pieces = reader.pieces, []
                if pieces or reader.complete:
                    sink.take(pieces, complete=reader.complete)
            elif reader.ready is not None or reader.head is not None:
                self._answered = True
                sink.answered(reader)
        except Exception:
            log.exception("an answer could not be passed on")  # a mistake of ours: nobody may wait for ever because of it
            self.abandon(Broken("the answer could not be passed on"))

    def _salvage(self) -> None:
        """Read what is still there. An upstream that refuses a body answers and closes; a write that fails because of that ends the transport before
        it has read the answer (B6). The socket is open until this callback returns. Out of reach behind TLS."""
        sock = self.transport.get_extra_info("socket")
        if sock is None or self.transport.get_extra_info("sslcontext") is not None:
            return
        try:
            while self._sink is not None and (data := os.read(sock.fileno(), 65536)):
                self.data_received(data)
        except OSError:
            pass  # nothing is left, or it is gone

    def _end(self, exc: Exception | None) -> None:
        if self._sink is None:
            return
        reader = self.reader
        untouched = reader.untouched
        try:
            reader.end(clean=exc is None)
        except Broken as fault:
            self.abandon(Stale(str(fault)) if self.reused and untouched else fault)
            return
        self._push()

    def _release_writers(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    def _tick(self) -> None:
        self._timer = None
        self._timer_at = _NEVER
        left = self._deadline - self.loop.time()
        if left <= 0.001:
            self.abandon(AnswerTimeout("no answer in time"))
        elif left != _NEVER:
            self.expect_within(left)
