"""From a configuration that was read to a process that has ended: logs, loop, checks, stores, serving.

CannotStart, CannotListen, BadCertificate  exit status 3; the text is for the operator
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path

import aiohttp

from gateway.config.errors import ConfigErrors
from gateway.server.memory import keep_heap, settle
from gateway.server.process import Guide
from gateway.server.reading import CannotRead
from gateway.server.reload import Refused
from gateway.server.start import CannotStart, check_database, check_engine, check_session_store
from gateway.server.stores import make_hasher, open_accounts, open_session_store
from gateway.server.wiring import Clocks, make_process
from gateway.services.passwords import Passwords
from gateway.snapshot import Fresh
from gateway.stores import StoreAway
from gateway.stores.sql.accounts import SqlAccountStore
from gateway.telemetry.log import setup
from gateway.telemetry.output import Output

log = logging.getLogger("gateway.server")


def run(
    configuration: Path,
    first: Fresh,
    read: Callable[[], Awaitable[Fresh]],
    guide: Guide,
    beside: Sequence[AbstractAsyncContextManager[None]] = (),
    started: Callable[[], None] | None = None,
) -> None:
    """Serve until `guide` ends it. `first` was read from `configuration`, `read` reads it again (ConfigErrors, CannotRead); `beside` runs as long
    as the server does."""
    setup(first.fixed.log_format, first.fixed.log_level, sys.stderr)
    check_engine(aiohttp.__version__)
    keep_heap()
    with asyncio.Runner(loop_factory=_fastest_loop()) as runner:
        runner.run(_serve(configuration, first, read, guide, beside, started))


async def _serve(
    configuration: Path,
    first: Fresh,
    read: Callable[[], Awaitable[Fresh]],
    guide: Guide,
    beside: Sequence[AbstractAsyncContextManager[None]],
    started: Callable[[], None] | None,
) -> None:
    fixed = first.fixed
    for warning in first.warnings:
        log.warning("%s", warning)
    clocks = Clocks(time.time, time.monotonic)
    output = Output(sys.stdout.fileno(), asyncio.get_running_loop())
    database = open_accounts(fixed)
    stores = open_session_store(fixed, clocks.wall)
    passwords = Passwords(make_hasher(fixed), fixed.pool)
    async with AsyncExitStack() as stack:
        stack.callback(output.flush)
        stack.push_async_callback(database.close)
        stack.push_async_callback(stores.sessions.close)
        stack.callback(passwords.close)
        await check_database(database, log.warning)
        await check_session_store(stores.client, log.warning)
        try:
            await SqlAccountStore(database).ping()
        except StoreAway as error:
            raise CannotStart(f"the accounts' database cannot be used: {error}") from error
        process = make_process(database, stores, passwords, clocks, output.write, log.warning, configuration, first, lambda: _read_again(read))
        for neighbour in beside:
            await stack.enter_async_context(neighbour)
        settle()
        await process.run(guide, started)


async def _read_again(read: Callable[[], Awaitable[Fresh]]) -> Fresh:
    try:
        return await read()
    except ConfigErrors as errors:
        raise Refused([str(problem) for problem in errors.problems if problem.severity == "error"]) from None
    except CannotRead as error:
        raise Refused([str(error)]) from None


def _fastest_loop() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop
