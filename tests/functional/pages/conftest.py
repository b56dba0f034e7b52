from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.stores import make_world
from tests.functional.pages.site import Site, make_accounts, open_site
from tests.samples import SettableClock


@pytest.fixture(scope="session")
def accounts_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with accounts, to be copied: migrating takes longer than most of these tests."""
    file = tmp_path_factory.mktemp("pages") / "users.db"
    asyncio.run(make_accounts(f"sqlite:///{file}"))
    return file


@pytest.fixture
async def site(clock: SettableClock, tmp_path: Path, accounts_file: Path) -> AsyncIterator[Site]:
    """The pages behind a server of their own."""
    async with open_site(clock, f"sqlite:///{shutil.copy(accounts_file, tmp_path / 'users.db')}") as opened:
        yield opened


@pytest.fixture(params=["SQLite and memory", "PostgreSQL and Redis"])
def stores(request: pytest.FixtureRequest, tmp_path: Path, accounts_file: Path) -> tuple[str, str | None]:
    """URLs of a database and of a Redis, None for memory: the smallest set of stores and the usual one. Only the first holds accounts."""
    if request.param == "SQLite and memory":
        return f"sqlite:///{shutil.copy(accounts_file, tmp_path / 'users.db')}", None
    return request.getfixturevalue("postgres_url"), request.getfixturevalue("redis_url")


@pytest.fixture
async def either(stores: tuple[str, str | None], clock: SettableClock) -> AsyncIterator[Site]:
    """The pages on both sets of stores."""
    database_url, redis_url = stores
    if redis_url is None:
        async with open_site(clock, database_url) as opened:
            yield opened
        return
    world = make_world("redis", clock, redis_url)
    await make_accounts(database_url)
    async with open_site(clock, database_url, world) as opened:
        yield opened
    await world.close()
