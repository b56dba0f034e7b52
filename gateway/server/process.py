"""The life of a process that serves: begin, serve, reload, drain, end. Where its clients come in and who may end it is its guide's to say.

    Alone    listens by itself; signals (alone.py)
    Worker   serves sockets that it was lent; orders of the supervisor (worker.py)

Draining: not ready; still accepting for `shutdown_delay`; then no more; what has begun is finished for `shutdown_grace`; tunnels are closed; renewals
are written; stores are closed. Asked again: at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from gateway.config.addresses import ListenAddress
from gateway.server.listeners import Listener, listen
from gateway.server.readiness import Readiness, Status
from gateway.server.reload import Reloader
from gateway.server.serving import Server
from gateway.server.sockets import Opened
from gateway.server.tls import Certificate
from gateway.services.audit import Audit, Event
from gateway.telemetry.metrics import Metrics

log = logging.getLogger("gateway.server")

#: How soon a background task that failed is begun again (seconds).
_AGAIN: Final = 1.0
#: How long clients' idle connections stay when another process has taken over (seconds): a request may be on its way.
_PATIENCE: Final = 1.0
#: How long the admin listener's own connections may take to end (seconds).
_ADMIN_GRACE: Final = 0.2


@dataclass(frozen=True, slots=True)
class Plan:
    """What a process listens on, and how it ends. Times in seconds; `handshake` is how long a TLS handshake may take."""

    public: tuple[ListenAddress, ...]
    admin: tuple[ListenAddress, ...]
    certificate: Certificate | None
    handshake: float
    delay: float
    grace: float


class Process:
    """Runs until it is told to end. `background` are tasks that run forever; `close_tunnels` and `close` give back what was opened."""

    def __init__(
        self,
        plan: Plan,
        public: Server,
        admin: Server,
        readiness: Readiness,
        metrics: Metrics,
        reloader: Reloader,
        background: Sequence[Callable[[], Coroutine[Any, Any, None]]],
        close_tunnels: Callable[[], int],
        close: Callable[[], Awaitable[None]],
        audit: Audit,
    ) -> None:
        self.plan = plan
        self.readiness = readiness
        self.metrics = metrics
        self.reloader = reloader
        self._public = public
        self._admin = admin
        self._background = tuple(background)
        self._close_tunnels = close_tunnels
        self._close = close
        self._audit = audit
        self._delay = plan.delay
        self._patience = 0.0
        self._end = asyncio.Event()
        self._at_once = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, guide: Guide, started: Callable[[], None] | None = None) -> None:
        """Serve; returns when everything is closed. `started` is called once clients are served. Raises CannotListen."""
        try:
            await guide.begin(self)
            for work in self._background:
                self.spawn(_forever(work))
            self.readiness.status = Status.READY
            self._audit.record(Event.SERVER_START)
            await guide.serving()
            if started is not None:
                started()
            await self._end.wait()
            await self._drain(guide)
            self._audit.record(Event.SERVER_STOP)
        finally:
            guide.close_doors()
            await self._finish()
            await guide.end()

    def stop(self, *, replaced: bool = False) -> None:
        """End; asked again, at once. `replaced`: another process serves already, so nobody has to notice, and no client shall."""
        if self._end.is_set():
            self._at_once.set()
        elif replaced:
            self._delay, self._patience = 0.0, _PATIENCE
        self._end.set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do this beside everything else; it ends with the process at the latest."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def accept(self, opened: Opened, *, admin: bool = False) -> list[Listener]:
        """Serve whoever connects to these sockets."""
        loop = asyncio.get_running_loop()
        certificate = None if admin else self.plan.certificate
        context = None if certificate is None else certificate.context
        server = self._admin if admin else self._public
        return [await listen(loop, server, one, context, self.plan.handshake) for one in opened.all]

    async def _drain(self, guide: Guide) -> None:
        self.readiness.status = Status.DRAINING
        log.info("ending: %d open connections", self._public.open)
        await self._unless_at_once(asyncio.sleep(self._delay))
        guide.close_doors()
        self._close_tunnels()  # they have no end of their own
        if not await self._unless_at_once(self._public.drain(self.plan.grace, self._patience)):
            await self._public.drain(0)

    async def _unless_at_once(self, work: Coroutine[Any, Any, object]) -> bool:
        """Do `work`, or stop when asked to end at once; whether it was finished."""
        working = asyncio.ensure_future(work)
        hurry = asyncio.ensure_future(self._at_once.wait())
        await asyncio.wait((working, hurry), return_when=asyncio.FIRST_COMPLETED)
        finished = working.done()
        for task in (working, hurry):
            task.cancel()
        await asyncio.gather(working, hurry, return_exceptions=True)
        return finished

    async def _finish(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._public.drain(0)
        await self._admin.drain(_ADMIN_GRACE)
        await self._close()


class Guide(Protocol):
    """Opens the doors of a process and tells it when to end."""

    async def begin(self, process: Process) -> None:
        """Let clients in, and listen for whoever may end the process. Raises CannotListen."""

    async def serving(self) -> None:
        """The process serves."""

    def close_doors(self) -> None:
        """Let no more clients in; may be asked twice."""

    async def end(self) -> None:
        """Nothing is served any more."""


async def _forever(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """A mistake in one round of a background task must not end it for good."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("a background task failed and is begun again")
            await asyncio.sleep(_AGAIN)
