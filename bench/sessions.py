"""Sessions by the thousand: made by the package's own code, written to Redis in large batches, nobody logged in."""

from __future__ import annotations

import asyncio
import time

from redis import Redis as Client

from gateway.config.load import load
from gateway.config.snapshot import make_snapshot
from gateway.core.identity import Identity, State
from gateway.core.session import Session
from gateway.crypto.sealing import Ticket, seal_cookie
from gateway.crypto.tokens import SESSION_ID_BYTES, SESSION_SECRET_BYTES, random_bytes, sha256
from gateway.services.records import Records
from gateway.snapshot import Snapshot
from gateway.stores.memory import MemorySessionStore
from tests.gateways import Gateway
from tests.servers import Redis

_BATCH = 1000


class _Collected(MemorySessionStore):
    """Keeps what is to be written. A user's index is needed to list and end sessions, not to use them."""

    def __init__(self) -> None:
        super().__init__(time.time)
        self.written: list[tuple[str, bytes, float]] = []

    async def put(self, key: str, record: bytes, ttl: float) -> None:
        self.written.append((key, record, ttl))

    async def index_add(self, user_key: str, member: str, end: float, now: float) -> None:
        pass


def make_sessions(gateway: Gateway, redis: Redis, count: int) -> list[str]:
    """`count` live sessions of as many people, as the gateway's configuration seals them; their cookies, each as `name=value`."""
    loaded = load(gateway.config_file, {})
    snapshot, store = make_snapshot(loaded), _Collected()
    records = Records(store, loaded.settings.session.key_prefix)
    cookies = asyncio.run(_make(snapshot, records, count))
    with Client.from_url(redis.url) as client:
        for first in range(0, count, _BATCH):
            pipeline = client.pipeline(transaction=False)
            for key, record, ttl in store.written[first : first + _BATCH]:
                pipeline.set(key, record, px=round(ttl * 1000))
            pipeline.execute()
    return [f"{snapshot.cookie.name}={cookie}" for cookie in cookies]


async def _make(snapshot: Snapshot, records: Records, count: int) -> list[str]:
    now, cookies = time.time(), []
    for number in range(count):
        ticket = Ticket(random_bytes(SESSION_ID_BYTES), random_bytes(SESSION_SECRET_BYTES))
        cookies.append(seal_cookie(snapshot.keys, snapshot.cookie.name, ticket))
        # Last uses are spread over the renewal window, as they are while everybody is busy.
        session = _session(number, ticket, cookies[-1], now, snapshot.life.touch_window * (number * 0.618 % 1))
        await records.create(snapshot, sha256(ticket.id).hex(), session, now)
    return cookies


def _session(number: int, ticket: Ticket, cookie: str, now: float, unused: float) -> Session:
    who = Identity(
        f"0190a000-0000-7000-8000-{number:012x}", f"person{number}@example.com", f"Person {number}", ("staff", "wiki-editors"), State.VERIFIED
    )
    return Session(
        identity=who,
        epoch=0,
        created=now - 60,
        authenticated=now - 60,
        last_seen=now - unused,
        rotated=now - 60,
        confirmed=now - 60,
        secret=sha256(ticket.secret),
        replaced=b"",
        cookie=cookie,
        address="127.0.0.1",
        user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        remember=False,
    )


def empty(redis: Redis) -> None:
    """Forget every session."""
    with Client.from_url(redis.url) as client:
        client.flushall()
