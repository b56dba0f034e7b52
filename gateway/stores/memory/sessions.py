"""Session records in the memory of one process. No step awaits anything, so each is atomic."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

from gateway.core.session import TTL_SLACK
from gateway.stores.memory.shelf import Shelf
from gateway.stores.sessions import Conflict, Gone, Swap, Swapped


class MemorySessionStore:
    """See `SessionStore`. `clock` returns seconds since 1970."""

    shared = False

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._records: Shelf[bytes] = Shelf(clock)
        self._indexes: Shelf[dict[str, float]] = Shelf(clock)

    async def get(self, key: str) -> bytes | None:
        """The record at `key`."""
        return self._records.get(key)

    async def get_many(self, keys: list[str]) -> list[bytes | None]:
        """The records at `keys`, in their order."""
        return [self._records.get(key) for key in keys]

    async def put(self, key: str, record: bytes, ttl: float) -> None:
        """Write a new record that lives for `ttl` seconds."""
        self._records.put(key, record, self._clock() + ttl)

    async def create(self, key: str, record: bytes, ttl: float) -> bool:
        """Write a record unless there is one; whether it was written."""
        if self._records.get(key) is not None:
            return False
        self._records.put(key, record, self._clock() + ttl)
        return True

    async def swap(self, key: str, revision: bytes, record: bytes, ttl: float) -> Swapped | Gone | Conflict:
        """Replace the record if its revision is still `revision`."""
        present = self._records.get(key)
        if present is None:
            return Gone()
        if present[1:9] != revision:
            return Conflict(present)
        self._records.put(key, record, self._clock() + ttl)
        return Swapped()

    async def swap_many(self, swaps: Sequence[Swap]) -> list[Swapped | Gone | Conflict]:
        """What `swap` says of each."""
        return [await self.swap(one.key, one.revision, one.record, one.ttl) for one in swaps]

    async def delete(self, key: str) -> bool:
        """Delete the record; whether there was one."""
        return self._records.drop(key)

    async def delete_revision(self, key: str, revision: bytes) -> bool:
        """Delete the record if its revision is still `revision`; whether it was deleted or there was none."""
        present = self._records.get(key)
        if present is not None and present[1:9] != revision:
            return False
        self._records.drop(key)
        return True

    async def index_add(self, user_key: str, member: str, end: float, now: float) -> None:
        """Enter `member` with its absolute end; what ended before `now` goes."""
        lives_until = self._indexes.end(user_key)
        index = {**(self._indexes.get(user_key) or {}), member: end}
        index = {name: until for name, until in index.items() if until > now}
        if index:
            self._indexes.put(user_key, index, max(lives_until, self._clock() + max(index.values()) - now + TTL_SLACK))
        else:
            self._indexes.drop(user_key)

    async def index_remove(self, user_key: str, member: str) -> None:
        """Take `member` out."""
        index = self._indexes.get(user_key)
        if index is not None and index.pop(member, None) is not None and not index:
            self._indexes.drop(user_key)

    async def index_members(self, user_key: str, now: float) -> list[str]:
        """Members whose end is after `now`, the oldest end first."""
        index = self._indexes.get(user_key) or {}
        return [member for end, member in sorted((end, member) for member, end in index.items()) if end > now]

    async def scan(self, prefix: str) -> AsyncIterator[str]:
        """Keys of records that begin with `prefix`."""
        for key in self._records.live():
            if key.startswith(prefix):
                yield key

    async def ping(self) -> None:
        """It is always there."""

    async def close(self) -> None:
        """Nothing to give back."""
