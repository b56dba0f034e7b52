"""What is said of a database that is away: which one and why, and nothing secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.stores import StoreAway
from gateway.stores.sql.accounts import SqlAccountStore
from gateway.stores.sql.engine import open_database
from tests.servers import free_port


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"no database at all, but long enough to be looked at as one" * 20, "is not a database"), (None, "cannot be opened")],
)
async def test_a_file_that_is_no_database_is_named(tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "users.db"
    if content is not None:
        file.write_bytes(content)
    store = SqlAccountStore(open_database(f"sqlite:///{file}"))
    with pytest.raises(StoreAway, match=said) as caught:
        await store.ping()
    assert str(file) in str(caught.value)
    await store.close()


async def test_a_server_that_is_not_there_is_named_without_user_and_password() -> None:
    port = free_port()
    store = SqlAccountStore(open_database(f"postgresql://somebody@127.0.0.1:{port}/accounts", "hidden"))
    with pytest.raises(StoreAway) as caught:
        await store.ping()
    assert str(caught.value) == f"the database 127.0.0.1:{port}/accounts is away (nothing listens there)"
    await store.close()
