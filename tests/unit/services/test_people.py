"""Who may see the own account, whatever a session that has not been ended yet still says."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.core.identity import State
from gateway.services.people import People
from gateway.stores.sql.accounts import SqlAccountStore
from gateway.stores.sql.engine import open_database
from gateway.stores.sql.schema import upgrade
from tests.samples import sample_account


@pytest.mark.parametrize(
    ("state", "seen"), [(State.VERIFIED, True), (State.EXPIRED, True), (State.DISABLED, False), (State.CREATED, False), (None, False)]
)
async def test_who_is_at_home(tmp_path: Path, state: State | None, seen: bool):
    database = open_database(f"sqlite:///{tmp_path / 'users.db'}")
    await upgrade(database)
    accounts = SqlAccountStore(database)
    ann = sample_account("ann", state=state or State.VERIFIED)
    if state is not None:
        await accounts.add(ann)
    assert await People(accounts).at_home(ann.identity.user_id) == (ann if seen else None)
    await database.close()
