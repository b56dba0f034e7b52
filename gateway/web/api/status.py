"""Whether the API is there, and what the process has done: `/healthcheck` for everybody, `/metrics` for administrators.

The names of the numbers are those of the original, whose page of metrics also looks for a few that only a Go program has; they are there and empty.
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from gateway.core.identity import State
from gateway.telemetry.metrics import Metrics
from gateway.web.api.call import Call, refuse, tell
from gateway.web.api.handler import Endpoint
from gateway.web.api.users import Users


class Status:
    """`clock` is seconds since 1970. The numbers are those of this process."""

    def __init__(self, version: str, metrics: Metrics, users: Users, clock: Callable[[], float]) -> None:
        self._version = version
        self._metrics = metrics
        self._users = users
        self._clock = clock

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Rows of the table."""
        return (Endpoint("GET", "/healthcheck", self.tell_health), Endpoint("GET", "/metrics", self.tell_numbers))

    async def tell_health(self, call: Call) -> web.Response:
        """It is there, since it answers."""
        return tell(call, {"status": "available", "version": self._version})

    async def tell_numbers(self, call: Call) -> web.Response:
        """Numbers since the process began."""
        present = await self._users.present(call)
        if isinstance(present, web.Response):
            return present
        found, person = present
        who = person.identity
        if who.state is not State.VERIFIED or call.snapshot.admin_group not in who.groups:
            return self._users.renewed(call, found, refuse(call, 403, "only administrators may see this"))
        totals = self._metrics.totals()
        told = {
            "version": self._version,
            "timestamp": int(self._clock()),
            "total_requests_received": totals.received,
            "total_responses_sent": totals.sent,
            "total_responses_sent_by_status": {str(status): count for status, count in sorted(totals.by_status.items())},
            "total_processing_time_μs": round(totals.seconds * 1e6),
            "goroutines": 0,
            "database": {},
            "memstats": {},
        }
        return self._users.renewed(call, found, tell(call, told))
