"""A new configuration while the process runs.

Valid: new requests see it at once, requests under way keep the one they began with. Invalid: the old one stays, and the log, the audit trail and a
metric say so. What only a restart can change is named and left as it is.

Of several workers each reads it, and the supervisor lets them take it when all of them could and have read the same; one tells about it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from gateway.server.files import Watched
from gateway.server.tls import BadCertificate, Certificate
from gateway.services.audit import Audit, Event
from gateway.snapshot import Fixed, Fresh, Live
from gateway.telemetry.metrics import Metrics, Reload

log = logging.getLogger("gateway.server")

#: How often the files are looked at (seconds).
LOOK_EVERY = 2.0


class Refused(Exception):
    """The new configuration cannot be used. `problems` are for the operator, one line each, without secrets."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = tuple(problems)


class Reloader:
    """`read` reads the configuration again and raises Refused; `fixed` are the values that run now.

    `changed` is what `watch` does when a file has changed: reload, unless somebody else decides.
    """

    def __init__(
        self,
        read: Callable[[], Awaitable[Fresh]],
        fixed: Fixed,
        watched: Watched,
        live: Live,
        certificates: Sequence[Certificate],
        audit: Audit,
        metrics: Metrics,
    ) -> None:
        self.changed: Callable[[], Awaitable[object]] = self.reload
        self._read = read
        self._fixed = fixed
        self._watched = watched
        self._live = live
        self._certificates = certificates
        self._audit = audit
        self._metrics = metrics
        self._turn = asyncio.Lock()
        self._waiting = False

    async def reload(self) -> None:
        """Read everything again, and take it or not. Who asks while others wait for their turn is served by what they will read."""
        if self._waiting:
            return
        self._waiting = True
        async with self._turn:
            self._waiting = False
            match await self.read():
                case Refused(problems=problems):
                    self.refuse(problems)
                case fresh:
                    self.take(fresh)

    async def read(self) -> Fresh | Refused:
        """What stands in the files now. Nothing of it is in use yet."""
        # What is about to be read is seen: without this, a signal after a change would make `watch` read it once more.
        await asyncio.to_thread(self._watched.changed)
        try:
            fresh = await self._read()
            for certificate in self._certificates:
                certificate.check()
        except Refused as refused:
            return refused
        except BadCertificate as error:
            return Refused([str(error)])
        return fresh

    async def watch(self, every: float = LOOK_EVERY) -> None:
        """Reload when a file has changed, forever."""
        while True:
            await asyncio.sleep(every)
            if await asyncio.to_thread(self._watched.changed):
                await self.changed()

    def take(self, fresh: Fresh, *, tell: bool = True) -> None:
        """Use it from now on. `tell`: in the log, the audit trail and a metric, which of several workers one does."""
        try:
            for certificate in self._certificates:
                certificate.reload()
        except BadCertificate as error:  # it was good a moment ago: it has just been replaced, and will be noticed again
            log.error("%s", error)
        self._live.snapshot = fresh.snapshot
        self._watched.extend(fresh.files)
        self._metrics.expect_routes(route.name for route in fresh.snapshot.routes.routes)
        if not tell:
            return
        self._metrics.reload(Reload.LOADED)
        self._audit.record(Event.CONFIG_RELOAD)
        count = len(fresh.snapshot.routes.routes)
        log.info("the new configuration is in use (%d route%s)", count, "" if count == 1 else "s")
        waiting = self._fixed.changed(fresh.fixed)
        if waiting:
            log.warning("these changes wait for a restart: %s", ", ".join(waiting))

    def refuse(self, problems: Sequence[str], *, tell: bool = True) -> None:
        """Keep the old one."""
        if not tell:
            return
        self._metrics.reload(Reload.REFUSED)
        self._audit.record(Event.CONFIG_REFUSE, outcome="failure", problems=len(problems))
        log.error("the new configuration is refused, the old one stays in use")
        for problem in problems:
            log.error("  %s", problem)
