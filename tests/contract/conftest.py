from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.stores.sql import schema
from gateway.stores.sql.engine import LONG, Database, open_database
from tests.contract.stores import KINDS, MemoryWorld, RedisWorld, make_world
from tests.samples import SettableClock


@pytest.fixture(params=KINDS)
async def world(request: pytest.FixtureRequest, clock: SettableClock) -> AsyncIterator[MemoryWorld | RedisWorld]:
    """Empty session and throttle stores of each kind."""
    world = make_world(request.param, clock, request.getfixturevalue("redis_url") if request.param == "redis" else "")
    yield world
    await world.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A file that is not there yet, or an empty database."""
    return f"sqlite:///{tmp_path}/users.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """At the newest version, and patient: these suites are about what stores do, on a machine that may be busy."""
    opened = open_database(database_url, within=LONG)
    await schema.upgrade(opened)
    yield opened
    await opened.close()
