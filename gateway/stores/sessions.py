"""Session records and who has which: the protocol. Keys are complete store keys; times are seconds.

`<prefix>s:<hex>` holds a sealed record with its time to live, `<prefix>d:<hex>` one of the data that applications keep with that session.
`<prefix>u:<user id>` is the user's index: members `<hex>`, scored by absolute end.
The index entry is always written before its record, so no live record is ever missing from it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Swapped:
    """The change was made."""


@dataclass(frozen=True, slots=True)
class Gone:
    """There is no record (any more)."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """The record has another revision; here it is as it is now."""

    record: bytes


@dataclass(frozen=True, slots=True)
class Swap:
    """A change to make if the revision of the record at `key` is still `revision`; `ttl` in seconds."""

    key: str
    revision: bytes
    record: bytes = field(repr=False)
    ttl: float


class SessionStore(Protocol):
    """Sealed records with a time to live, changed by compare-and-set on the revision in their bytes 1–8."""

    shared: bool
    """Whether other processes see the same records (false for memory://)."""

    async def get(self, key: str) -> bytes | None:
        """The record at `key`."""

    async def get_many(self, keys: list[str]) -> list[bytes | None]:
        """The records at `keys`, in their order, in one round trip."""

    async def put(self, key: str, record: bytes, ttl: float) -> None:
        """Write a new record that lives for `ttl` seconds."""

    async def create(self, key: str, record: bytes, ttl: float) -> bool:
        """Write a record that lives for `ttl` seconds unless there is one; whether it was written."""

    async def swap(self, key: str, revision: bytes, record: bytes, ttl: float) -> Swapped | Gone | Conflict:
        """Replace the record if its revision is still `revision`; never creates one."""

    async def swap_many(self, swaps: Sequence[Swap]) -> list[Swapped | Gone | Conflict]:
        """What `swap` says of each, in one round trip. They are made one by one: when this raises StoreAway, some may have been made."""

    async def delete(self, key: str) -> bool:
        """Delete the record whatever its revision; whether there was one."""

    async def delete_revision(self, key: str, revision: bytes) -> bool:
        """Delete the record if its revision is still `revision`; whether it was deleted or there was none."""

    async def index_add(self, user_key: str, member: str, end: float, now: float) -> None:
        """Enter `member` with its absolute end; entries that ended before `now` go; the index lives as long as its last member, plus slack."""

    async def index_remove(self, user_key: str, member: str) -> None:
        """Take `member` out."""

    async def index_members(self, user_key: str, now: float) -> list[str]:
        """Members whose end is after `now`, the oldest end first."""

    def scan(self, prefix: str) -> AsyncIterator[str]:
        """Keys of records that begin with `prefix`. For the command line only, never in a request's path."""

    async def ping(self) -> None:
        """Raises StoreAway unless the store answers."""

    async def close(self) -> None:
        """Give connections back."""
