from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.contract.stores import KINDS, MemoryWorld, RedisWorld, make_world
from tests.samples import SettableClock


@pytest.fixture(params=KINDS)
async def world(request: pytest.FixtureRequest, clock: SettableClock) -> AsyncIterator[MemoryWorld | RedisWorld]:
    """Empty session and throttle stores of each kind."""
    world = make_world(request.param, clock, request.getfixturevalue("redis_url") if request.param == "redis" else "")
    yield world
    await world.close()
