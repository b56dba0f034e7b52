"""Saying again and again that the event loop turns, for as long as it does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.server.notify import Systemd


@asynccontextmanager
async def watched(systemd: Systemd) -> AsyncIterator[None]:
    """Tells systemd that the process lives for as long as this lasts, and then that it is ending."""
    beat = None if systemd.pause is None else asyncio.create_task(_beat(systemd, systemd.pause))
    try:
        yield
    finally:
        if beat is not None:
            beat.cancel()
        systemd.stopping()


async def _beat(systemd: Systemd, pause: float) -> None:
    while True:
        systemd.alive()
        await asyncio.sleep(pause)
