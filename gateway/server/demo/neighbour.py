"""The demo application beside the gateway: in the same process, on a unix socket in a folder that only its owner can enter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from gateway.server.demo.application import Demo


@asynccontextmanager
async def serve_demo(demo: Demo, socket: Path) -> AsyncIterator[None]:
    """Serve until the context ends. Raises OSError when the socket cannot be made."""
    runner = web.AppRunner(demo.application(), access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.UnixSite(runner, str(socket)).start()
        yield
    finally:
        await runner.cleanup()
