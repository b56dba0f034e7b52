"""One process's reloads: asked for often, read no more often than is needed."""

from __future__ import annotations

import asyncio
from pathlib import Path

from gateway.core.password import Argon2Cost
from gateway.server.files import Watched
from gateway.server.reload import Refused, Reloader
from gateway.services.audit import Audit
from gateway.snapshot import Fixed, Fresh, Live
from gateway.telemetry.metrics import Metrics
from tests.samples import SettableClock, sample_snapshot

FIXED = Fixed(
    listen=("127.0.0.1:8080",),
    admin_listen=None,
    workers=1,
    tls=None,
    shutdown_delay=0,
    shutdown_grace=20,
    log_format="text",
    log_level="info",
    templates=None,
    store="memory://",
    store_password=None,
    tracked=False,
    cache_lease=0.5,
    key_prefix="gw:",
    database="sqlite:///users.db",
    database_password=None,
    argon2=Argon2Cost(memory=8, time=1, parallelism=1),
    pool=1,
)


async def test_a_storm_of_signals_is_one_reading_after_the_one_under_way(tmp_path: Path, clock: SettableClock) -> None:
    go = asyncio.Event()
    begun: asyncio.Queue[None] = asyncio.Queue()

    async def read() -> Fresh:
        begun.put_nowait(None)
        await go.wait()
        raise Refused(["nothing to see"])

    reloader = Reloader(read, FIXED, Watched(tmp_path, []), Live(sample_snapshot()), [], Audit(lambda line: None, clock), Metrics("1"))
    storm = [asyncio.ensure_future(reloader.reload())]
    await begun.get()
    storm += [asyncio.ensure_future(reloader.reload()) for _ in range(20)]
    go.set()
    await asyncio.gather(*storm)
    assert begun.qsize() == 1, "it reads what the last of them wants seen"
