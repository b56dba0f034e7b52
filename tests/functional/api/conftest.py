from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.functional.api.client import Client, Served, serve


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One gateway for a module, with the API below the prefix. A test that needs another configuration starts its own."""
    with serve({"session": {"data": {"enabled": True}}}) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The same as the original's front end needs it: at the root, with the original's cookie."""
    with serve({"api": {"path": "/"}, "session": {"cookie": {"name": "sessionid", "persistent": True}}}) as gateway:
        yield gateway


@pytest.fixture
def client(served: Served) -> Client:
    """A program with an address of its own, so that no test spends another's attempts."""
    return served.client()
