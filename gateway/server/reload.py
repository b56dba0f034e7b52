"""A new configuration while the process runs.

Valid: new requests see it at once, requests under way keep the one they began with. Invalid: the old one stays, and the log, the audit trail and a
metric say so. What only a restart can change is named and left as it is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.server.files import Watched
from gateway.server.tls import BadCertificate, Certificate
from gateway.services.audit import Audit, Event
from gateway.snapshot import Live, Snapshot
from gateway.telemetry.metrics import Metrics, Reload

log = logging.getLogger("gateway.server")

#: How often the files are looked at (seconds).
LOOK_EVERY = 2.0


@dataclass(frozen=True, slots=True)
class Fresh:
    """A configuration that was read: what requests see of it, the values of keys that only a restart changes, and the files it stands in."""

    snapshot: Snapshot
    fixed: dict[str, object]
    files: tuple[Path, ...]


class Refused(Exception):
    """The new configuration cannot be used. `problems` are for the operator, one line each, without secrets."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = tuple(problems)


class Reloader:
    """`read` reads the configuration again and raises Refused; it may block and runs in a thread. `fixed` are the values that run now."""

    def __init__(
        self,
        read: Callable[[], Fresh],
        fixed: dict[str, object],
        watched: Watched,
        live: Live,
        certificates: Sequence[Certificate],
        audit: Audit,
        metrics: Metrics,
    ) -> None:
        self._read = read
        self._fixed = fixed
        self._watched = watched
        self._live = live
        self._certificates = certificates
        self._audit = audit
        self._metrics = metrics
        self._turn = asyncio.Lock()

    async def reload(self) -> bool:
        """Read everything again; whether it was taken."""
        async with self._turn:
            # What stands in the files now is about to be read: without this, a signal after a change would make `watch` read it once more.
            await asyncio.to_thread(self._watched.changed)
            try:
                fresh = await asyncio.to_thread(self._read)
                for certificate in self._certificates:
                    certificate.reload()
            except (Refused, BadCertificate) as error:
                self._refuse(error.problems if isinstance(error, Refused) else (str(error),))
                return False
            self._take(fresh)
            return True

    async def watch(self, every: float = LOOK_EVERY) -> None:
        """Reload when a file has changed, forever."""
        while True:
            await asyncio.sleep(every)
            if await asyncio.to_thread(self._watched.changed):
                log.info("the configuration has changed")
                await self.reload()

    def _take(self, fresh: Fresh) -> None:
        self._live.snapshot = fresh.snapshot
        self._watched.extend(fresh.files)
        self._metrics.expect_routes(route.name for route in fresh.snapshot.routes.routes)
        self._metrics.reload(Reload.LOADED)
        self._audit.record(Event.CONFIG_RELOAD)
        count = len(fresh.snapshot.routes.routes)
        log.info("the new configuration is in use (%d route%s)", count, "" if count == 1 else "s")
        waiting = sorted(key for key, value in fresh.fixed.items() if value != self._fixed.get(key))
        if waiting:
            log.warning("these changes wait for a restart: %s", ", ".join(waiting))

    def _refuse(self, problems: Sequence[str]) -> None:
        self._metrics.reload(Reload.REFUSED)
        self._audit.record(Event.CONFIG_REFUSE, outcome="failure", problems=len(problems))
        log.error("the new configuration is refused, the old one stays in use")
        for problem in problems:
            log.error("  %s", problem)
