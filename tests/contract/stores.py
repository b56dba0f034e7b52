"""The stores that a contract suite runs on, each with a clock that the test moves: no test waits for time to pass."""

from __future__ import annotations

from typing import Protocol

from gateway.stores.memory import MemorySessionStore, MemoryThrottleStore
from gateway.stores.redis import RedisSessionStore, RedisThrottleStore, open_redis
from gateway.stores.sessions import SessionStore
from gateway.stores.throttle import ThrottleStore
from tests.samples import SettableClock

KINDS = ("memory", "redis")


class World(Protocol):
    """Both session and throttle store of one kind, and their time."""

    sessions: SessionStore
    throttle: ThrottleStore
    clock: SettableClock

    async def forward(self, seconds: float) -> None:
        """Let time pass."""

    async def close(self) -> None:
        """Give back what the world holds."""


class MemoryWorld:
    def __init__(self, clock: SettableClock) -> None:
        self.clock = clock
        self.sessions: SessionStore = MemorySessionStore(clock)
        self.throttle: ThrottleStore = MemoryThrottleStore(clock)

    async def forward(self, seconds: float) -> None:
        self.clock.forward(seconds)

    async def close(self) -> None:
        await self.sessions.close()


class RedisWorld:
    """Time passes in Redis by lowering what every key has left to live."""

    def __init__(self, clock: SettableClock, url: str) -> None:
        self.clock = clock
        self.client = open_redis(url, timeout=10)
        self.sessions: SessionStore = RedisSessionStore(self.client)
        self.throttle: ThrottleStore = RedisThrottleStore(self.client)

    async def forward(self, seconds: float) -> None:
        self.clock.forward(seconds)
        for key in await self.client.execute_command("KEYS", "*"):
            left = await self.client.execute_command("PTTL", key)
            assert left != -1, f"{key!r} would live for ever"
            if left < 0:
                continue  # it has just gone by itself
            remaining = left - round(seconds * 1000)
            await self.client.execute_command(*(("PEXPIRE", key, remaining) if remaining > 0 else ("DEL", key)))

    async def close(self) -> None:
        await self.sessions.close()


def make_world(kind: str, clock: SettableClock, redis_url: str) -> MemoryWorld | RedisWorld:
    return MemoryWorld(clock) if kind == "memory" else RedisWorld(clock, redis_url)
