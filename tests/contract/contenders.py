"""Processes that want the same thing from one database at the same moment. Run as a program it is one of them: `contenders.py URL WHAT`.

It says that it is ready, waits for a line, does WHAT and prints what it got.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace

from gateway.stores.accounts import AddressTaken
from gateway.stores.sql.accounts import SqlAccountStore
from gateway.stores.sql.engine import LONG, Database, open_database
from gateway.stores.sql.failures import SqlFailureStore
from gateway.stores.sql.outbox import SqlOutboxStore
from gateway.stores.sql.tokens import SqlTokenStore
from gateway.stores.tokens import Purpose
from tests.samples import NOW, sample_account


async def _claim(database: Database) -> list[str]:
    outbox, got = SqlOutboxStore(database), []
    while letters := await outbox.claim(NOW, NOW + 60, 7):
        got += [letter.id for letter in letters]
    return got


async def _consume(database: Database) -> list[str]:
    tokens = SqlTokenStore(database)
    found = await asyncio.gather(*(tokens.consume(f"{number:064}", Purpose.RESET, NOW) for number in range(10)))
    return [token.hash for token in found if token]


async def _code(database: Database) -> list[str]:
    tokens = SqlTokenStore(database)
    found = await asyncio.gather(*(tokens.try_code("ann", Purpose.VERIFY, ("right",), NOW) for _ in range(5)))
    return [token.hash for token in found if token]


async def _guess(database: Database) -> list[str]:
    tokens = SqlTokenStore(database)
    for _ in range(2):
        await tokens.try_code("ann", Purpose.VERIFY, ("wrong",), NOW)
    return []


async def _sign_up(database: Database) -> list[str]:
    accounts, added = SqlAccountStore(database), []
    for number in range(10):
        account = sample_account(f"p{number}")
        other = sample_account(f"{sys.argv[3]}{number}")
        try:
            await accounts.add(replace(account, identity=replace(account.identity, user_id=other.identity.user_id)))
        except AddressTaken:
            continue
        added.append(account.identity.email)
    return added


async def _fail(database: Database) -> list[str]:
    failures = SqlFailureStore(database)
    counted = [await failures.count("key", 20, NOW) for _ in range(10)]
    return ["counted"] * counted.count(True)


_WHAT: dict[str, Callable[[Database], Awaitable[list[str]]]] = {
    "claim": _claim,
    "consume": _consume,
    "code": _code,
    "guess": _guess,
    "sign-up": _sign_up,
    "fail": _fail,
}


async def contend(url: str, what: str, processes: int = 3) -> list[str]:
    """What the processes got, together."""
    command = (sys.executable, "-m", "tests.contract.contenders", url, what)
    pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
    running = [await asyncio.create_subprocess_exec(*command, str(number), **pipes) for number in range(processes)]  # type: ignore[arg-type]
    for process in running:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    outputs = await asyncio.gather(*(process.communicate(b"go\n") for process in running))
    assert [process.returncode for process in running] == [0] * processes
    return [word for output, _ in outputs for word in output.decode().split()]


async def _main() -> None:
    database = open_database(sys.argv[1], within=LONG)
    await SqlAccountStore(database).ping()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    sys.stdout.write(" ".join(await _WHAT[sys.argv[2]](database)))
    await database.close()


if __name__ == "__main__":
    asyncio.run(_main())
