"""What must hold before a process serves.

Refused (exit status 3): a database that does not answer or has another version than this program, since nobody could be told apart; a Redis that is
too old. Not refused: a session store that is away, because an outage must not turn into a crash loop; protected routes answer 503 until it is back.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from gateway.stores import StoreAway
from gateway.stores.redis import UnsupportedServer, check_servers
from gateway.stores.redis.connect import Commands
from gateway.stores.sql import schema
from gateway.stores.sql.engine import Database

#: The first release without any of the request-smuggling and parser faults that are known (CVE-2026-69243, CVE-2026-69244).
_OLDEST_AIOHTTP: Final = (3, 14, 3)


class CannotStart(Exception):
    """The text says why, and what to do."""


def check_engine(version: str) -> None:
    """Raises CannotStart when this aiohttp lets requests be smuggled."""
    found = tuple(int(number) for number in re.findall(r"\d+", version)[:3])
    if found < _OLDEST_AIOHTTP:
        raise CannotStart(f"aiohttp {version} lets requests be smuggled; {'.'.join(map(str, _OLDEST_AIOHTTP))} or newer is needed")


async def check_database(database: Database, report: Callable[[str], None]) -> None:
    """Make a missing SQLite file; refuse any other database that is not at the newest version. `report` takes warnings. Raises CannotStart."""
    try:
        standing = await schema.standing(database)
        if standing is schema.Standing.MISSING:
            await schema.upgrade(database)
            report(f"{database.file} did not exist and was made; it holds no users yet (gateway users add)")
            return
    except (StoreAway, OSError) as error:
        raise CannotStart(f"the accounts' database cannot be used: {error}") from error
    match standing:
        case schema.Standing.EMPTY | schema.Standing.OLD:
            raise CannotStart(f"the accounts' database is not ready, {standing.value}: run `gateway db upgrade`")
        case schema.Standing.FOREIGN:
            raise CannotStart(
                f"the accounts' database cannot be used, {standing.value}: run the version of the gateway that upgraded it, or a newer one"
            )


async def check_session_store(client: Commands | None, report: Callable[[str], None]) -> None:
    """Warn of whatever could lose sessions. Raises CannotStart for a server that is too old."""
    if client is None:
        report("sessions are kept in memory: they end when this process does")
        return
    try:
        for warning in await check_servers(client):
            report(warning)
    except UnsupportedServer as error:
        raise CannotStart(str(error)) from error
    except StoreAway as error:
        report(f"{error}; protected routes answer 503 until it is back")
