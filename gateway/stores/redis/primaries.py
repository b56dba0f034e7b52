"""Client tracking of several servers: a connection of its own to each primary, and an eye on which servers are primaries.

Copies are good only while every primary's tracking is, and while it is less than a lease ago that more than half of those who know were *asked*
which servers are primaries and what each holds, and said what they said before. After a fail-over the old master may go on answering PINGs; it
counts as lost because it is named no more. Any change of the map, and not knowing it, drops everything and begins anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from redis.asyncio.connection import AbstractConnection

from gateway.stores import StoreAway
from gateway.stores.redis.several import Address, Holds, Primaries
from gateway.stores.redis.tracking import Tracking

log = logging.getLogger("gateway.tracking")

#: How often in a lease it is asked which servers are primaries.
_ROUNDS: Final = 4


class PrimariesTracking:
    """See `Tracking`; `connect` makes connections to one server."""

    def __init__(
        self,
        servers: Primaries,
        connect: Callable[[Address], Callable[[], AbstractConnection]],
        prefix: str,
        lease: float,
        changed: Callable[[Sequence[str] | None], None],
        monotonic: Callable[[], float],
    ) -> None:
        self._servers = servers
        self._connect = connect
        self._prefix = prefix
        self._lease = lease
        self._changed = changed
        self._monotonic = monotonic
        self._known: tuple[tuple[Address, Holds], ...] = ()
        self._trackings: list[Tracking] = []
        self._running: list[asyncio.Task[None]] = []
        self._known_until = 0.0

    @property
    def good(self) -> bool:
        """Whether every change up to a lease ago has been heard of, wherever it was made."""
        until = self._known_until
        for tracking in self._trackings:
            until = min(until, tracking.good_until)
        return self._monotonic() < until

    @property
    def refused(self) -> str | None:
        """Why one of the servers will not track; None while that is not so."""
        return next((tracking.refused for tracking in self._trackings if tracking.refused is not None), None)

    async def run(self) -> None:
        """Listen, forever."""
        try:
            while True:
                asked = self._monotonic()
                try:
                    known = await self._servers.primaries()
                except StoreAway as error:
                    log.debug("which servers are primaries is not known: %s", error)
                    known = ()
                if known != self._known:
                    await self._begin(known)
                self._known_until = asked + self._lease if known else 0.0
                if self._monotonic() >= self._known_until:
                    self._changed(None)  # nobody knows what held the answers up
                await asyncio.sleep(self._lease / _ROUNDS)
        finally:
            await self._begin(())

    async def _begin(self, known: tuple[tuple[Address, Holds], ...]) -> None:
        """Track those, and nobody else."""
        self._known_until = 0.0
        self._changed(None)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._known = known
        self._trackings = [
            Tracking(self._connect(address), self._prefix, self._lease, self._changed, self._monotonic, holds) for address, holds in known
        ]
        self._running = [asyncio.ensure_future(_forever(tracking)) for tracking in self._trackings]


async def _forever(tracking: Tracking) -> None:
    """What one tracking does not expect loses that connection, not the others'."""
    while True:
        try:
            await tracking.run()
        except Exception:
            log.exception("tracking failed and is begun again")
            await asyncio.sleep(1)
