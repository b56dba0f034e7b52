"""What happened to the account, for its owner."""

from __future__ import annotations

import re
from typing import Final

from aiohttp import web

from gateway.services.audit import Event
from gateway.services.history import History
from gateway.services.sessions import Found
from gateway.web.pages.account.gate import Gate
from gateway.web.pages.account.moments import moment
from gateway.web.pages.account.words import HAPPENED
from gateway.web.pages.fields import asked
from gateway.web.pages.visit import Visit

_NUMBER: Final = re.compile(r"[0-9]{1,18}")


class TrailPage:
    """GET only; `?before=` asks for older entries."""

    def __init__(self, gate: Gate, history: History) -> None:
        self._gate = gate
        self._history = history

    async def show(self, visit: Visit, found: Found) -> web.Response:
        """A page of entries, the newest first."""
        text = asked(visit.facts.query, "before") or ""
        before = int(text) if _NUMBER.fullmatch(text) else None
        told = await self._history.of(found, before)
        rows = [
            {"words": HAPPENED[Event(entry.event)], "time": moment(entry.time, visit.now), "address": entry.address or ""} for entry in told.entries
        ]
        return self._gate.page(visit, "account/audit.html", rows=rows, before=told.before, older=before is not None)
