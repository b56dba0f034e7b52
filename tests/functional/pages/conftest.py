from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.functional.pages.site import Site, make_accounts, open_site
from tests.samples import SettableClock


@pytest.fixture(scope="session")
def accounts_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with accounts, to be copied: migrating takes longer than most of these tests."""
    file = tmp_path_factory.mktemp("pages") / "users.db"
    asyncio.run(make_accounts(file))
    return file


@pytest.fixture
async def site(clock: SettableClock, tmp_path: Path, accounts_file: Path) -> AsyncIterator[Site]:
    """The pages behind a server of their own."""
    async with open_site(clock, Path(shutil.copy(accounts_file, tmp_path / "users.db"))) as opened:
        yield opened
