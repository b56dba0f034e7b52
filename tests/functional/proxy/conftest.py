"""The stage as fixtures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import uvloop

from tests.functional.proxy.stage import Script, Stage, listen, open_stage


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    """What a test opened, closed at its end."""
    async with AsyncExitStack() as opened:
        yield opened


@pytest.fixture
def play(stack: AsyncExitStack) -> Callable[..., Awaitable[Stage]]:
    """`await play(script, route option=…)`: a stage whose upstream follows the script."""

    async def start(script: Script, *, unix_path: Path | None = None, tls: Any = None, upstream_tls: Any = None, **changes: Any) -> Stage:
        address = await listen(stack, script, unix_path=unix_path, tls=tls)
        if upstream_tls is not None:
            changes["tls"] = upstream_tls
        return await open_stage(stack, address, **changes)

    return start


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Both loops: the one that the product runs on, and the one whose transports behave differently when they are reset."""
    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}
