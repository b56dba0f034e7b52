"""Session records as values: sealing and opening around the store, keys and the per-user index. No rules of life in here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gateway.core.session import Session, decode, encode
from gateway.crypto.keys import KeyRing
from gateway.crypto.sealing import open_record, revision_of, seal_record
from gateway.services.bounded import Bounded
from gateway.services.copies import Copies
from gateway.snapshot import Snapshot
from gateway.stores import StoreAway
from gateway.stores.sessions import Conflict, Gone, SessionStore, Swap, Swapped

_BATCH = 500
#: Opened records that are remembered by their bytes, and what they may weigh together (bytes).
_MOST_KNOWN = 4096
_MOST_KNOWN_BYTES = 16 << 20
#: What an opened record weighs besides what its bytes say (bytes; measured).
_OPENED = 1200


@dataclass(frozen=True, slots=True)
class Record:
    """A session as it was read, and the revision on which a change of it is compared."""

    member: str
    session: Session
    revision: bytes


class _Known(NamedTuple):
    """What a ring made of a record's very bytes. Not a copy of the store: each request still reads it, and is spared only the opening."""

    ring: KeyRing
    record: Record


class Records:
    """Opens what is read and seals what is written. `member` is always the hex SHA-256 of a session's id."""

    def __init__(self, store: SessionStore, key_prefix: str, copies: Copies[Record] | None = None) -> None:
        self._store = store
        self._prefix = key_prefix
        self._known: Bounded[bytes, _Known] = Bounded(_MOST_KNOWN, _MOST_KNOWN_BYTES)
        self._copies = copies
        self._ring: KeyRing | None = None

    def key(self, member: str) -> str:
        """The store's key of a record."""
        return f"{self._prefix}s:{member}"

    def data_key(self, member: str) -> str:
        """The store's key of the data that applications keep with a session."""
        return f"{self._prefix}d:{member}"

    def user_key(self, user_id: str) -> str:
        """The store's key of a user's index."""
        return f"{self._prefix}u:{user_id}"

    def opened(self, snapshot: Snapshot, member: str, record: bytes) -> Record | None:
        """The record, or None when no configured key opens it: a session that nobody can read does not exist."""
        copied = self._copies is not None and self._copies.good
        known = None if copied else self._known.get(record)
        if known is not None and known.ring is snapshot.keys and known.record.member == member:
            return known.record
        try:
            inside = open_record(snapshot.keys, self.key(member), bytes.fromhex(member), record)
            if inside is None:
                return None
            opened = Record(member, decode(inside), revision_of(record))
        except (ValueError, KeyError, TypeError):
            return None
        if not copied:  # a copy spares the opening too
            self._known.keep(record, _Known(snapshot.keys, opened), _OPENED + 2 * len(record))
        return opened

    def copy(self, snapshot: Snapshot, member: str) -> Record | None:
        """The record as it was when this process last read it, if it has not changed since; None where nobody can say so."""
        if self._copies is None:
            return None
        if snapshot.keys is not self._ring:  # what a key that is gone had opened does not exist any more
            self._copies.changed(None)
            self._ring = snapshot.keys
        return self._copies.get(member)

    async def read(self, snapshot: Snapshot, member: str) -> Record | None:
        """The record as it is now."""
        if self._copies is None:
            record = await self._store.get(self.key(member))
            return None if record is None else self.opened(snapshot, member, record)
        mark = self._copies.begin(member)
        opened, weight = None, 0
        try:
            record = await self._store.get(self.key(member))
            if record is not None:
                opened, weight = self.opened(snapshot, member, record), _OPENED + len(record)
        finally:
            self._copies.finish(mark, opened if snapshot.keys is self._ring else None, weight)
        return opened

    def _changed(self, member: str) -> None:
        if self._copies is not None:
            self._copies.drop(member)

    async def read_many(self, snapshot: Snapshot, members: Sequence[str]) -> list[Record | None]:
        """The records as they are now, in the order of `members`."""
        if not members:
            return []
        records = await self._store.get_many([self.key(member) for member in members])
        return [None if record is None else self.opened(snapshot, member, record) for member, record in zip(members, records, strict=True)]

    async def read_those_there(self, snapshot: Snapshot, members: Sequence[str]) -> dict[str, Record | None]:
        """The same, without those that are on servers which are away: in a cluster the others' are no less true."""
        read = await asyncio.gather(*(self._store.get(self.key(member)) for member in members), return_exceptions=True)
        found: dict[str, Record | None] = {}
        for member, record in zip(members, read, strict=True):
            if isinstance(record, StoreAway):
                continue
            if isinstance(record, BaseException):
                raise record
            found[member] = None if record is None else self.opened(snapshot, member, record)
        return found

    async def create(self, snapshot: Snapshot, member: str, session: Session, now: float) -> None:
        """Enter the session into its user's index, then write its record."""
        await self._store.index_add(self.user_key(session.identity.user_id), member, session.absolute_end(snapshot.life), now)
        await self._store.put(self.key(member), self._sealed(snapshot, member, 1, session), session.ttl(snapshot.life, now))

    async def swap(self, snapshot: Snapshot, record: Record, session: Session, now: float) -> Swapped | Gone | Conflict:
        """Write `session` over `record` unless somebody else was faster."""
        revision = int.from_bytes(record.revision, "big") + 1
        sealed = self._sealed(snapshot, record.member, revision, session)
        try:
            return await self._store.swap(self.key(record.member), record.revision, sealed, session.ttl(snapshot.life, now))
        finally:
            self._changed(record.member)

    async def swap_many(self, snapshot: Snapshot, changes: Sequence[tuple[Record, Session]], now: float) -> list[Swapped | Gone | Conflict]:
        """What `swap` says of each, in one round trip. StoreAway says nothing of any: some may have been written."""
        swaps = []
        for record, session in changes:
            sealed = self._sealed(snapshot, record.member, int.from_bytes(record.revision, "big") + 1, session)
            swaps.append(Swap(self.key(record.member), record.revision, sealed, session.ttl(snapshot.life, now)))
        try:
            return await self._store.swap_many(swaps)
        finally:
            for record, _ in changes:
                self._changed(record.member)

    async def delete(self, snapshot: Snapshot, member: str, user_id: str | None) -> bool:
        """Delete the record whatever it holds, its data, and its entry in the index; whether there was one."""
        try:
            deleted = await self._store.delete(self.key(member))
        finally:
            self._changed(member)
        await self._delete_data(snapshot, member)
        if user_id is not None:
            await self._store.index_remove(self.user_key(user_id), member)
        return deleted

    async def delete_unchanged(self, snapshot: Snapshot, record: Record) -> bytes | None:
        """Delete the record and its data if it is still as it was read; otherwise return it as it is now."""
        key = self.key(record.member)
        try:
            deleted = await self._store.delete_revision(key, record.revision)
        finally:
            self._changed(record.member)
        if deleted:
            await self._delete_data(snapshot, record.member)
            await self._store.index_remove(self.user_key(record.session.identity.user_id), record.member)
            return None
        return await self._store.get(key)

    async def _delete_data(self, snapshot: Snapshot, member: str) -> None:
        """After the record, never before: whoever writes data looks for the record afterwards (session_data.py)."""
        if snapshot.session_data is not None:
            await self._store.delete(self.data_key(member))

    async def index(self, user_id: str, now: float) -> list[str]:
        """The members of a user's index, the oldest end first."""
        return await self._store.index_members(self.user_key(user_id), now)

    async def of_user(self, snapshot: Snapshot, user_id: str, now: float) -> list[tuple[str, Session]]:
        """A user's live sessions."""
        members = await self.index(user_id, now)
        records = await self.read_many(snapshot, members)
        return [(record.member, record.session) for record in records if record is not None and record.session.end(snapshot.life) > now]

    async def everything(self, snapshot: Snapshot, now: float) -> AsyncIterator[tuple[str, Session]]:
        """Every live session, read in batches."""
        prefix = self.key("")
        batch: list[str] = []
        async for key in self._store.scan(prefix):
            batch.append(key.removeprefix(prefix))
            if len(batch) == _BATCH:
                for found in await self._live(snapshot, batch, now):
                    yield found
                batch = []
        for found in await self._live(snapshot, batch, now):
            yield found

    async def _live(self, snapshot: Snapshot, members: list[str], now: float) -> list[tuple[str, Session]]:
        records = await self.read_many(snapshot, members)
        return [(record.member, record.session) for record in records if record is not None and record.session.end(snapshot.life) > now]

    def _sealed(self, snapshot: Snapshot, member: str, revision: int, session: Session) -> bytes:
        return seal_record(snapshot.keys, self.key(member), bytes.fromhex(member), revision, encode(session))
