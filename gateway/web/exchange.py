"""One request and its answer, as the access line and the metrics will tell it. Filled in along the way, read once at the end."""

from __future__ import annotations

from gateway.core.facts import Facts
from gateway.services.gatekeeper import Admission


class Exchange:
    """`started` is monotonic seconds; `upstream` the seconds until the head of the upstream's answer, None when none was asked; `sent` counts bytes
    of the body."""

    __slots__ = ("facts", "peer", "request_id", "route", "sent", "started", "status", "upstream", "user_id")

    def __init__(self, request_id: str, started: float, peer: str | None) -> None:
        self.request_id = request_id
        self.started = started
        self.peer = peer
        self.facts: Facts | None = None
        self.route = "-"
        self.user_id: str | None = None
        self.status = 0
        self.sent = 0
        self.upstream: float | None = None

    def admitted(self, admission: Admission) -> None:
        """Note the route that speaks for the request, and who asks."""
        if admission.route is not None:
            self.route = admission.route.name
        if admission.found is not None:
            self.user_id = admission.found.session.identity.user_id
