"""The life of the process: listen, serve, reload, drain, end.

SIGTERM, SIGINT  not ready; still accepting for `shutdown_delay`; then no more; what has begun is finished for `shutdown_grace`; tunnels are closed;
                 renewals are written; stores are closed; exit status 0. A second one: at once.
SIGHUP           read the configuration again
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.config.addresses import ListenAddress
from gateway.server.listeners import Listener, open_listener, written
from gateway.server.readiness import Readiness, Status
from gateway.server.serving import Server
from gateway.server.tls import Certificate
from gateway.services.audit import Audit, Event

log = logging.getLogger("gateway.server")

#: How soon a background task that failed is begun again (seconds).
_AGAIN: Final = 1.0
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
    """Runs until it is told to end. `background` are tasks that run forever; `reload` is what SIGHUP asks for;
    `close_tunnels` and `close` give back what was opened."""

    def __init__(
        self,
        plan: Plan,
        public: Server,
        admin: Server,
        readiness: Readiness,
        background: Sequence[Callable[[], Coroutine[Any, Any, None]]],
        reload: Callable[[], Awaitable[object]],
        close_tunnels: Callable[[], int],
        close: Callable[[], Awaitable[None]],
        audit: Audit,
    ) -> None:
        self._plan = plan
        self._public = public
        self._admin = admin
        self._readiness = readiness
        self._background = tuple(background)
        self._reload = reload
        self._close_tunnels = close_tunnels
        self._close = close
        self._audit = audit
        self._end = asyncio.Event()
        self._at_once = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, started: Callable[[Sequence[ListenAddress]], None] | None = None) -> None:
        """Listen and serve; returns when everything is closed. `started` hears where. Raises CannotListen."""
        listeners: list[Listener] = []
        public: list[Listener] = []
        try:
            # Health first: an orchestrator may ask before the process is ready.
            listeners += [await self._open(self._admin, address, None) for address in self._plan.admin]
            public += [await self._open(self._public, address, self._plan.certificate) for address in self._plan.public]
            listeners += public
            self._begin()
            self._readiness.status = Status.READY
            self._audit.record(Event.SERVER_START)
            if started is not None:
                started([listener.address for listener in public])
            await self._end.wait()
            await self._drain(public)
            self._audit.record(Event.SERVER_STOP)
        finally:
            for listener in listeners:
                listener.close()
            await self._finish()

    def stop(self) -> None:
        """End; asked again, at once."""
        if self._end.is_set():
            self._at_once.set()
        self._end.set()

    async def _open(self, server: Server, address: ListenAddress, certificate: Certificate | None) -> Listener:
        listener = await open_listener(
            asyncio.get_running_loop(), server, address, None if certificate is None else certificate.context, self._plan.handshake
        )
        log.info("listening on %s%s", written(listener.address), "" if server is self._public else " (admin)")
        return listener

    def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self._start_reload)
        for work in self._background:
            self._spawn(_forever(work))

    def _start_reload(self) -> None:
        async def reload() -> None:
            await self._reload()

        self._spawn(reload())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drain(self, public: Sequence[Listener]) -> None:
        self._readiness.status = Status.DRAINING
        log.info("ending: %d open connections", self._public.open)
        await self._unless_at_once(asyncio.sleep(self._plan.delay))
        for listener in public:
            listener.close()
        self._close_tunnels()  # they have no end of their own
        if not await self._unless_at_once(self._public.drain(self._plan.grace)):
            await self._public.drain(0)

    async def _unless_at_once(self, work: Coroutine[Any, Any, object]) -> bool:
        """Do `work`, or stop when a second signal comes; whether it was finished."""
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


async def _forever(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """A mistake in one round of a background task must not end it for good."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("a background task failed and is begun again")
            await asyncio.sleep(_AGAIN)
