"""Session records in Redis. A change is one script on one key; nothing in a request's path looks at more keys than it names."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from typing import Any

from gateway.core.session import TTL_SLACK
from gateway.stores import StoreAway
from gateway.stores.redis.connect import Commands, Script
from gateway.stores.redis.reads import SharedReads
from gateway.stores.sessions import Conflict, Gone, Swap, Swapped

#: The revision stands in bytes 2 to 9, as Lua counts.
_SWAP = Script("""
local present = redis.call('GET', KEYS[1])
if not present then return nil end
if string.sub(present, 2, 9) ~= ARGV[1] then return present end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
""")

_DELETE_REVISION = Script("""
local present = redis.call('GET', KEYS[1])
if not present then return 1 end
if string.sub(present, 2, 9) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
return 1
""")

#: ARGV: member, its end, now, slack (seconds). The time to live is only ever raised; 6.2 has no EXPIRE GT.
_INDEX_ADD = Script("""
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[3])
local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if last[2] then
  local ttl = math.ceil((tonumber(last[2]) - tonumber(ARGV[3]) + tonumber(ARGV[4])) * 1000)
  if redis.call('PTTL', KEYS[1]) < ttl then redis.call('PEXPIRE', KEYS[1], string.format('%.0f', ttl)) end
end
return 1
""")

#: Keys that one step of a scan looks at.
_SCANNED = 500


class RedisSessionStore:
    """See `SessionStore`. `client` comes from `open_redis`, and is closed with the store."""

    shared = True

    def __init__(self, client: Commands) -> None:
        self._client = client
        self._reads = SharedReads(client.get_many)

    async def get(self, key: str) -> bytes | None:
        """The record at `key`."""
        return await self._reads.read(key)

    async def get_many(self, keys: list[str]) -> list[bytes | None]:
        """The records at `keys`, in their order, in one round trip to each server."""
        records: list[bytes | None] = []
        for record in await self._client.get_many(keys) if keys else ():
            if isinstance(record, StoreAway):
                raise record
            records.append(record)
        return records

    async def put(self, key: str, record: bytes, ttl: float) -> None:
        """Write a new record that lives for `ttl` seconds."""
        await self._client.execute_command("SET", key, record, "PX", milliseconds(ttl))

    async def create(self, key: str, record: bytes, ttl: float) -> bool:
        """Write a record unless there is one; whether it was written."""
        return await self._client.execute_command("SET", key, record, "PX", milliseconds(ttl), "NX") is not None

    async def swap(self, key: str, revision: bytes, record: bytes, ttl: float) -> Swapped | Gone | Conflict:
        """Replace the record if its revision is still `revision`."""
        return _swapped(await _SWAP.run(self._client, key, revision, record, milliseconds(ttl)))

    async def swap_many(self, swaps: Sequence[Swap]) -> list[Swapped | Gone | Conflict]:
        """What `swap` says of each, in one round trip."""
        runs = [(one.key, one.revision, one.record, milliseconds(one.ttl)) for one in swaps]
        return [_swapped(present) for present in await _SWAP.run_many(self._client, runs)]

    async def delete(self, key: str) -> bool:
        """Delete the record; whether there was one."""
        return bool(await self._client.execute_command("DEL", key))

    async def delete_revision(self, key: str, revision: bytes) -> bool:
        """Delete the record if its revision is still `revision`; whether it was deleted or there was none."""
        return bool(await _DELETE_REVISION.run(self._client, key, revision))

    async def index_add(self, user_key: str, member: str, end: float, now: float) -> None:
        """Enter `member` with its absolute end; what ended before `now` goes."""
        await _INDEX_ADD.run(self._client, user_key, member, end, now, TTL_SLACK)

    async def index_remove(self, user_key: str, member: str) -> None:
        """Take `member` out."""
        await self._client.execute_command("ZREM", user_key, member)

    async def index_members(self, user_key: str, now: float) -> list[str]:
        """Members whose end is after `now`, the oldest end first."""
        members: list[bytes] = await self._client.execute_command("ZRANGEBYSCORE", user_key, f"({now!r}", "+inf")
        return [member.decode("utf-8") for member in members]

    async def scan(self, prefix: str) -> AsyncIterator[str]:
        """Keys of records that begin with `prefix`; each once, though Redis may name one twice."""
        seen: set[bytes] = set()
        for server in await self._client.holders():
            cursor: int | bytes | None = None
            while cursor is None or int(cursor):
                cursor, keys = await server.execute_command("SCAN", cursor or 0, "MATCH", f"{_literally(prefix)}*", "COUNT", _SCANNED)
                for key in keys:
                    if key not in seen:
                        seen.add(key)
                        yield key.decode("utf-8", "surrogateescape")

    async def ping(self) -> None:
        """Raises StoreAway unless Redis answers; of several, all."""
        for server in await self._client.holders():
            await server.execute_command("PING")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _swapped(present: Any) -> Swapped | Gone | Conflict:
    """What the swap script returned."""
    if present is None:
        return Gone()
    return Conflict(present) if isinstance(present, bytes) else Swapped()


def milliseconds(seconds: float) -> int:
    """`seconds` as Redis counts, rounded up: a time to live of 0 is an error there."""
    return max(1, math.ceil(seconds * 1000))


def _literally(text: str) -> str:
    """`text` as a pattern that matches only itself."""
    return "".join(f"\\{character}" if character in "*?[]\\^-" else character for character in text)
