"""Data that applications keep with a session: one JSON object, sealed like the session's record, at a key of its own beside it.

Every change is a compare-and-set on the revision: a lost race is tried again on what is there now, so of parallel changes none is lost. Clearing
writes `{}` with the next revision, so that it has its place among them. It lives as long as the session may. Whatever ends a session deletes its
data *after* its record (records.py), and a write looks for the record *after* it was made, so whichever comes last leaves nothing behind. Checks and
proxied requests never come here, and copies of sessions know nothing of it. Contract: DESIGN 1.3 (`session.data`), RFC 7396 and RFC 9110 section 13.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakValueDictionary

from gateway.core.session import TTL_SLACK
from gateway.core.session_data import Content, decode, encode, fits, merged
from gateway.crypto.sealing import open_record, revision_of, seal_record
from gateway.services.records import Records
from gateway.services.sessions import Found
from gateway.snapshot import Snapshot
from gateway.stores import StoreAway
from gateway.stores.sessions import Conflict, Gone, SessionStore, Swapped

#: How often a change is tried again on what a conflict returned: one round trip each.
ATTEMPTS: Final = 20

#: Whether a change may be made at this revision.
Condition = Callable[[int], bool]
#: What is to be kept instead of this; None: of what no key opens.
Change = Callable[[Content | None], Content]


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept. `revision` is 0 where nothing ever was, and grows with every change."""

    content: Content = field(repr=False)
    revision: int


@dataclass(frozen=True, slots=True)
class Unmet:
    """The condition does not hold; nothing was changed."""


@dataclass(frozen=True, slots=True)
class TooLarge:
    """There would be more than may be; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Contended:
    """Others were faster each time; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The session has ended meanwhile; nothing is kept."""


Outcome = Kept | Unmet | TooLarge | Contended | Ended


class _Turn:
    """Changes of one session's data, one at a time. `failures`: how many of them found the store away."""

    __slots__ = ("__weakref__", "failures", "lock")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.failures = 0


class SessionData:
    """Methods raise StoreAway, and are called only where the snapshot's `session_data` says how much may be kept. `clock` is seconds since 1970."""

    def __init__(self, store: SessionStore, records: Records, clock: Callable[[], float]) -> None:
        self._store = store
        self._records = records
        self._clock = clock
        self._turns: WeakValueDictionary[str, _Turn] = WeakValueDictionary()

    async def read(self, snapshot: Snapshot, found: Found) -> Kept:
        """What the session has."""
        record = await self._store.get(self._records.data_key(found.member))
        content, revision = self._opened(snapshot, found.member, record)
        return Kept(_readable(content), revision)

    async def replace(self, snapshot: Snapshot, found: Found, content: Content, condition: Condition) -> Outcome:
        """Keep `content` instead of what is kept; {} clears it."""
        return await self._in_turn(snapshot, found, lambda _: content, condition)

    async def merge(self, snapshot: Snapshot, found: Found, patch: Content, condition: Condition) -> Outcome:
        """Change what is kept by a merge patch."""

        def change(content: Content | None) -> Content:
            result = merged(_readable(content), patch)
            assert isinstance(result, dict), "a patch that is an object makes one"
            return result

        return await self._in_turn(snapshot, found, change, condition)

    async def _in_turn(self, snapshot: Snapshot, found: Found, change: Change, condition: Condition) -> Outcome:
        """Changes of one session that this process makes wait for each other; only those of other processes can be in their way.
        Those that wait while the store goes away have waited for it: each finding out for itself would be told after the sum of all waits."""
        turn = self._turns.setdefault(found.member, _Turn())
        failures = turn.failures
        async with turn.lock:
            if turn.failures != failures:
                raise StoreAway("the session store was away for a change that came before")
            try:
                return await self._change(snapshot, found, change, condition)
            except StoreAway:
                turn.failures += 1
                raise

    async def _change(self, snapshot: Snapshot, found: Found, change: Change, condition: Condition) -> Outcome:
        assert snapshot.session_data is not None
        key = self._records.data_key(found.member)
        ttl = found.session.absolute_end(snapshot.life) - self._clock() + TTL_SLACK
        record = await self._store.get(key)
        for _ in range(ATTEMPTS):
            present, revision = self._opened(snapshot, found.member, record)
            if not condition(revision):
                return Unmet()
            content = change(present)
            encoded = encode(content)
            if not fits(content, encoded, snapshot.session_data):
                return TooLarge()
            sealed = seal_record(snapshot.keys, key, bytes.fromhex(found.member), revision + 1, encoded)
            if record is None:
                if await self._store.create(key, sealed, ttl):
                    return await self._unless_ended(snapshot, found.member, Kept(content, revision + 1))
                record = await self._store.get(key)
                continue
            match await self._store.swap(key, revision_of(record), sealed, ttl):
                case Swapped():
                    return await self._unless_ended(snapshot, found.member, Kept(content, revision + 1))
                case Conflict(record=other):
                    record = other
                case Gone():
                    record = None
        return Contended()

    async def _unless_ended(self, snapshot: Snapshot, member: str, kept: Kept) -> Kept | Ended:
        """A session that has ended keeps nothing: what was written since its data were deleted is taken back."""
        if await self._records.read(snapshot, member) is not None:
            return kept
        await self._store.delete(self._records.data_key(member))
        return Ended()

    def _opened(self, snapshot: Snapshot, member: str, record: bytes | None) -> tuple[Content | None, int]:
        """Content and revision; None for content that no key opens, which can only be replaced."""
        if record is None:
            return {}, 0
        revision = int.from_bytes(revision_of(record), "big")
        inside = open_record(snapshot.keys, self._records.data_key(member), bytes.fromhex(member), record)
        try:
            return None if inside is None else decode(inside), revision
        except ValueError:
            return None, revision


def _readable(content: Content | None) -> Content:
    """Nothing is concluded from what cannot be read: taken for {}, a patch would lose what another process can still open."""
    if content is None:
        raise StoreAway("session data was sealed with a key that is not configured")
    return content
