"""The watch over tunnels: a WebSocket ends within five seconds of its session.

All watched sessions are read together, so a thousand idle WebSockets cost one command each two seconds. A store that is away ends nothing; in a
cluster that is so for what the absent server holds, and for nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway.services.sessions import Sessions
from gateway.snapshot import Live

_BATCH = 500


class Watch:
    """Who wants to be told when a session has ended."""

    def __init__(self, sessions: Sessions, live: Live) -> None:
        self._sessions = sessions
        self._live = live
        self._watched: dict[str, set[Callable[[], None]]] = {}

    def add(self, member: str, end: Callable[[], None]) -> Callable[[], None]:
        """Call `end` once when the session `member` has ended; what is returned takes that back."""
        self._watched.setdefault(member, set()).add(end)

        def remove() -> None:
            ends = self._watched.get(member)
            if ends is not None:
                ends.discard(end)
                if not ends:
                    del self._watched[member]

        return remove

    def use(self, member: str) -> None:
        """Note a use of a session by bytes that a client sent through its tunnel. A tunnel outlives the configuration that it was opened with, and
        renewals are written by that of the latest use: so this is the one that holds now."""
        self._sessions.use(self._live.snapshot, member)

    async def check(self) -> None:
        """Look at every watched session once."""
        members = list(self._watched)
        for start in range(0, len(members), _BATCH):
            for member in await self._sessions.ended(self._live.snapshot, members[start : start + _BATCH]):
                for end in self._watched.pop(member, set()):
                    end()

    async def run(self, every: float = 2.0) -> None:
        """Check, forever."""
        while True:
            await asyncio.sleep(every)
            await self.check()
