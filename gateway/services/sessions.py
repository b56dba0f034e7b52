"""Sessions: opening cookies, reading and changing records, ending them.

One store read a request, and a write only when something is due. Every change is one compare-and-set on the revision of one key: a lost race
returns the record as it is now, which is judged anew, so of any number of parallel rotations exactly one wins and the losers answer with the
winner's cookie. A record that is missing is never written again, so a request in flight cannot bring a session back. Rules of life:
core/session.py; contract: DESIGN 1.7.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.core import session as life_of
from gateway.core.binding import MOST_USER_AGENT
from gateway.core.decide import Nobody
from gateway.core.facts import Facts
from gateway.core.identity import Identity
from gateway.core.session import Session, Standing
from gateway.crypto.keys import KeyRing
from gateway.crypto.sealing import Ticket, open_cookie, seal_cookie
from gateway.crypto.tokens import SESSION_ID_BYTES, SESSION_SECRET_BYTES, random_bytes, sha256
from gateway.services.audit import Audit, Event
from gateway.services.backlog import Backlog
from gateway.services.moves import Moves
from gateway.services.records import Record, Records
from gateway.services.renewal import Renewal
from gateway.snapshot import Snapshot
from gateway.stores import StoreAway
from gateway.stores.accounts import Account
from gateway.stores.sessions import Conflict, Gone, Swapped

#: How often a change is tried again on what a conflict returned.
ATTEMPTS = 5
#: Opened cookies that are remembered (about 400 bytes each).
_MOST_COOKIES = 8192


class _Presented(NamedTuple):
    """A session cookie that opened: the session's member and the hash of the secret, as `ring` said for the cookie `name`."""

    ring: KeyRing
    name: str
    member: str
    secret: bytes


@dataclass(slots=True)  # never changed; not frozen, since it is made for every request
class Found:
    """A live session. `cookie` is the value that the client must be told, None when it has it; `member` is the hex hash of the session's id."""

    session: Session
    member: str
    cookie: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Started:
    """A new session and its cookie's value; `max_age` in seconds, None for a cookie that ends with the browser."""

    session: Session
    member: str
    cookie: str = field(repr=False)
    max_age: int | None = None


class Sessions:
    """See the module. Methods raise StoreAway unless they say otherwise. `backlog` is for those who serve."""

    def __init__(self, records: Records, renewal: Renewal, audit: Audit, clock: Callable[[], float], backlog: Backlog | None = None) -> None:
        self._records = records
        self._renewal = renewal
        self._audit = audit
        self._clock = clock
        self._backlog = backlog
        self._moves = Moves(audit)
        self._cookies: dict[str, _Presented] = {}

    def presented(self, snapshot: Snapshot, facts: Facts) -> dict[str, tuple[bytes, ...]]:
        """The sessions whose cookies open: member → hashes of the secrets presented for it. More than one member: nobody is logged in."""
        found: dict[str, tuple[bytes, ...]] = {}
        for value in facts.cookies:
            presented = self._opened_cookie(snapshot, value)
            if presented is not None:
                found[presented.member] = (*found.get(presented.member, ()), presented.secret)
        return found

    def _opened_cookie(self, snapshot: Snapshot, value: str) -> _Presented | None:
        """What a cookie presents. Remembered by its very characters while keys and name stay, since opening costs more than the rules do."""
        known = self._cookies.get(value)
        if known is not None and known.ring is snapshot.keys and known.name == snapshot.cookie.name:
            return known
        ticket = open_cookie(snapshot.keys, snapshot.cookie.name, value)
        if ticket is None:
            return None
        if len(self._cookies) >= _MOST_COOKIES:
            self._cookies.clear()
        known = self._cookies[value] = _Presented(snapshot.keys, snapshot.cookie.name, sha256(ticket.id).hex(), sha256(ticket.secret))
        return known

    def load_now(self, snapshot: Snapshot, facts: Facts) -> Found | Nobody | None:
        """Who asks, where that can be said without the store; None where it must be read. From a copy nothing is concluded but that the session is
        alive and nothing is due."""
        secrets: tuple[bytes, ...]
        if len(facts.cookies) == 1:
            ticket = self._opened_cookie(snapshot, facts.cookies[0])
            if ticket is None:
                return Nobody.ANONYMOUS
            member, secrets = ticket.member, (ticket.secret,)
        else:
            presented = self.presented(snapshot, facts)
            if len(presented) != 1:
                return Nobody.ANONYMOUS
            [(member, secrets)] = presented.items()
        copy = self._records.copy(snapshot, member)
        if copy is None or (self._backlog is not None and self._backlog.open):
            return None
        now = self._clock()
        if life_of.judge(copy.session, secrets, snapshot.life, now, self._renewal.last_use(member)) is not Standing.PRESENT:
            return None
        if not facts.passive and life_of.rotation_due(copy.session, snapshot.life, now):
            return None
        if not snapshot.binding.loose:
            if self._moves.ending(snapshot, facts, copy.session):
                return None
            self._moves.warn(snapshot, facts, member, copy.session)
        self._renewal.renew(snapshot, copy, now)
        return Found(copy.session, member)

    async def load(self, snapshot: Snapshot, facts: Facts) -> Found | Nobody:
        """Who asks. Rotates, confirms and renews where that is due; ends what is over or stolen. Never raises: a store that is away is
        `Nobody.UNKNOWN`."""
        found = self.load_now(snapshot, facts)
        if found is not None:
            return found
        [(member, secrets)] = self.presented(snapshot, facts).items()
        try:
            record = await self._read(snapshot, member)
            for _ in range(ATTEMPTS):
                if record is None:
                    return Nobody.ANONYMOUS
                outcome = await self._judge(snapshot, facts, record, secrets)
                if not isinstance(outcome, Conflict):
                    return outcome
                record = self._records.opened(snapshot, member, outcome.record)
        except StoreAway:
            return Nobody.UNKNOWN
        if record is None or self._moves.ending(snapshot, facts, record.session):
            return Nobody.UNKNOWN
        return self._unchanged(snapshot, facts, record, secrets)

    async def peek(self, snapshot: Snapshot, facts: Facts) -> Found | Nobody:
        """Who asks, without renewing or changing anything."""
        presented = self.presented(snapshot, facts)
        if len(presented) != 1:
            return Nobody.ANONYMOUS
        [(member, secrets)] = presented.items()
        try:
            record = await self._read(snapshot, member)
        except StoreAway:
            return Nobody.UNKNOWN
        if record is None or self._standing(snapshot, record, secrets) not in _ALIVE or self._moves.ending(snapshot, facts, record.session):
            return Nobody.ANONYMOUS
        return Found(life_of.touched(record.session, self._renewal.last_use(member)), member)

    async def start(self, snapshot: Snapshot, account: Account, facts: Facts, *, remember: bool) -> Started:
        """A new session for `account`. The sessions that the browser presented end first, without grace (fixation); so do the oldest beyond
        `session.max_per_user`, or all others with `session.exclusive_login`."""
        await self.end(snapshot, facts)
        now = self._clock()
        ticket = Ticket(random_bytes(SESSION_ID_BYTES), random_bytes(SESSION_SECRET_BYTES))
        cookie = seal_cookie(snapshot.keys, snapshot.cookie.name, ticket)
        session = Session(
            identity=account.identity,
            epoch=account.epoch,
            created=now,
            authenticated=now,
            last_seen=now,
            rotated=now,
            confirmed=now,
            secret=sha256(ticket.secret),
            replaced=b"",
            cookie=cookie,
            address=facts.client,
            user_agent=facts.user_agent[:MOST_USER_AGENT],
            remember=remember,
        )
        member = sha256(ticket.id).hex()
        await self._records.create(snapshot, member, session, now)
        await self._make_room(snapshot, account.identity.user_id, member, now)
        self._audit.record(Event.SESSION_START, user=account.identity.user_id, address=facts.client, session=member)
        return Started(session, member, cookie, self.max_age(snapshot, session))

    async def end(self, snapshot: Snapshot, facts: Facts) -> bool:
        """End every session whose cookie is presented; whether there was one."""
        ended = False
        for member in self.presented(snapshot, facts):
            record = await self._records.read(snapshot, member)
            if await self._records.delete(snapshot, member, record.session.identity.user_id if record else None) and record is not None:
                ended = True
                self._audit.record(Event.SESSION_END, user=record.session.identity.user_id, address=facts.client, session=member)
            self._renewal.forget(member)
        return ended

    async def end_member(self, snapshot: Snapshot, user_id: str, member: str, address: str | None = None) -> bool:
        """End one session of a user; whether it was there. `address`: of who asked for it, where that is a person."""
        self._renewal.forget(member)
        ended = await self._records.delete(snapshot, member, user_id)
        if ended:
            self._audit.record(Event.SESSION_REVOKE, user=user_id, session=member, address=address)
        return ended

    async def members(self, snapshot: Snapshot, user_id: str) -> list[tuple[str, Session]]:
        """The user's live sessions."""
        return await self._records.of_user(snapshot, user_id, self._clock())

    def everything(self, snapshot: Snapshot) -> AsyncIterator[tuple[str, Session]]:
        """Every live session there is. For the command line only."""
        return self._records.everything(snapshot, self._clock())

    async def refresh(self, snapshot: Snapshot, member: str, identity: Identity, epoch: int) -> None:
        """Give one session a newer identity; an equal or newer epoch is left alone."""
        record = await self._records.read(snapshot, member)
        for _ in range(ATTEMPTS):
            if record is None or record.session.epoch >= epoch:
                return
            outcome = await self._records.swap(snapshot, record, life_of.refreshed(record.session, identity, epoch), self._clock())
            if not isinstance(outcome, Conflict):
                return
            record = self._records.opened(snapshot, member, outcome.record)
        raise StoreAway("a session kept changing while its identity was being refreshed")

    async def ended(self, snapshot: Snapshot, members: Sequence[str]) -> list[str]:
        """Which of `members` are no live sessions any more, by one read of them all. Never raises: of those on a store that is away nothing is
        said."""
        now = self._clock()
        records = await self._records.read_those_there(snapshot, members)
        return [
            member
            for member, record in records.items()
            if record is None or now >= max(record.session.end(snapshot.life), self._idle_end(snapshot, record))
        ]

    def use(self, snapshot: Snapshot, member: str) -> None:
        """Note a use of a session outside a request (bytes that a client sent through a tunnel)."""
        self._renewal.note(snapshot, member, self._clock())

    def max_age(self, snapshot: Snapshot, session: Session) -> int | None:
        """Seconds for the cookie's Max-Age; None for a cookie that ends with the browser."""
        if not (session.remember or snapshot.cookie.persistent):
            return None
        return max(math.ceil(session.absolute_end(snapshot.life) - self._clock()), 0)

    async def _read(self, snapshot: Snapshot, member: str) -> Record | None:
        """The record by which somebody is served. After an absence of the store, what was changed meanwhile is applied first."""
        record = await self._records.read(snapshot, member)
        if record is None or self._backlog is None or not self._backlog.open:
            return record
        await self._backlog.work_off()
        return await self._records.read(snapshot, member)

    async def _judge(self, snapshot: Snapshot, facts: Facts, record: Record, secrets: tuple[bytes, ...]) -> Found | Nobody | Conflict:
        now = self._clock()
        session, life = record.session, snapshot.life
        standing = self._standing(snapshot, record, secrets)
        if standing in _ALIVE and not snapshot.binding.loose:
            if (moved := self._moves.ending(snapshot, facts, session)) is not None:
                return await self._finish(snapshot, record, Event.SESSION_MOVE, facts, "ended", reason=moved.value)
            self._moves.warn(snapshot, facts, record.member, session)
        match standing:
            case Standing.OVER | Standing.IDLE:
                return await self._finish(snapshot, record, Event.SESSION_EXPIRE, facts, standing.value)
            case Standing.RETIRED:
                return await self._finish(snapshot, record, Event.SESSION_THEFT, facts, "ended")
            case Standing.PRESENT if life_of.rotation_due(session, life, now) and not facts.passive:
                return await self._rotate(snapshot, record, now)
            case Standing.UNCONFIRMED:
                return await self._change(snapshot, record, life_of.confirmed(session, now), now)
            case _:
                return self._unchanged(snapshot, facts, record, secrets)

    def _unchanged(self, snapshot: Snapshot, facts: Facts, record: Record, secrets: tuple[bytes, ...]) -> Found | Nobody:
        standing = self._standing(snapshot, record, secrets)
        if standing not in _ALIVE:
            return Nobody.UNKNOWN  # it changed five times under our hands; nothing is concluded from that, and nobody let in
        self._renewal.renew(snapshot, record, self._clock())
        stale = standing is Standing.REPLACED and not facts.passive
        return Found(record.session, record.member, record.session.cookie if stale else None)

    async def _rotate(self, snapshot: Snapshot, record: Record, now: float) -> Found | Nobody | Conflict:
        ticket = open_cookie(snapshot.keys, snapshot.cookie.name, record.session.cookie)
        if ticket is None:  # sealed for another cookie name or with a key that is gone: the client's cookie opened, so its session goes on unrotated
            self._renewal.renew(snapshot, record, now)
            return Found(record.session, record.member)
        successor = Ticket(ticket.id, random_bytes(SESSION_SECRET_BYTES))
        cookie = seal_cookie(snapshot.keys, snapshot.cookie.name, successor)
        outcome = await self._change(snapshot, record, life_of.rotated(record.session, sha256(successor.secret), cookie, now), now)
        if isinstance(outcome, Found) and outcome.session.cookie == cookie:
            self._audit.record(Event.SESSION_ROTATE, user=outcome.session.identity.user_id, session=outcome.member)
            return Found(outcome.session, outcome.member, cookie)
        return outcome

    async def _change(self, snapshot: Snapshot, record: Record, session: Session, now: float) -> Found | Nobody | Conflict:
        """Write `session` over `record`. A store that fails here changes nothing for the request: the read has already said who asks."""
        try:
            outcome = await self._records.swap(snapshot, record, session, now)
        except StoreAway:
            return Found(record.session, record.member)
        match outcome:
            case Swapped():
                return Found(session, record.member)
            case Gone():
                return Nobody.ANONYMOUS
            case Conflict():
                return outcome

    async def _finish(self, snapshot: Snapshot, record: Record, event: Event, facts: Facts, outcome: str, **details: str) -> Nobody | Conflict:
        """End a session that is over, stolen or elsewhere, if nothing has changed since it was read."""
        remaining = await self._records.delete_unchanged(snapshot, record)
        if remaining is not None:
            return Conflict(remaining)
        self._renewal.forget(record.member)
        self._audit.record(event, outcome=outcome, user=record.session.identity.user_id, address=facts.client, session=record.member, **details)
        return Nobody.ANONYMOUS

    async def _make_room(self, snapshot: Snapshot, user_id: str, newest: str, now: float) -> None:
        members = [member for member in await self._records.index(user_id, now) if member != newest]
        surplus = len(members) if snapshot.exclusive_login else len(members) + 1 - snapshot.max_sessions_per_user
        for member in members[: max(surplus, 0)]:
            await self.end_member(snapshot, user_id, member)

    def _standing(self, snapshot: Snapshot, record: Record, secrets: tuple[bytes, ...]) -> Standing:
        return life_of.judge(record.session, secrets, snapshot.life, self._clock(), self._renewal.last_use(record.member))

    def _idle_end(self, snapshot: Snapshot, record: Record) -> float:
        """The idle end, counting a use that is not written yet; never past the absolute one."""
        last = self._renewal.last_use(record.member)
        return min(record.session.absolute_end(snapshot.life), last + snapshot.life.idle) if last else 0.0


_ALIVE = frozenset({Standing.PRESENT, Standing.UNCONFIRMED, Standing.REPLACED})
