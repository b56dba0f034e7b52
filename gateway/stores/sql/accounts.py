"""The account store on SQL. One method, one transaction.

Every change that sessions must feel raises the user's epoch and upserts the user's one effect row with it; the row lock on `users` comes first, so
epochs of one user are written in order. `end_below` is raised only by what ends sessions and is never lowered by what does not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, CursorResult, Select, and_, case, delete, exists, func, insert, literal, or_, select, true, update
from sqlalchemy.exc import IntegrityError

from gateway.core.email import address_key, folded
from gateway.core.identity import State
from gateway.core.profile import Profile
from gateway.crypto.passwords import scheme_of
from gateway.stores.accounts import Account, AddressTaken, SessionEffect
from gateway.stores.sql.engine import LONG, Database
from gateway.stores.sql.rows import account_of, account_row, address_columns, profile_columns, search_key
from gateway.stores.sql.tables import EFFECTS, TOKENS, USERS
from gateway.stores.sql.upsert import insert_into
from gateway.stores.tokens import Purpose

T = TypeVar("T")

#: Characters of an ordinary argon2 hash behind its parameters: `$`, 22 of salt, `$`, 43 of hash.
_ARGON2_TAIL: Final = 67
_BCRYPT_HEAD: Final = 7
#: Rows or values in one statement; PostgreSQL's protocol has room for 32 767 values.
_AT_ONCE: Final = 1000
#: Accounts that a sign-up made, that nobody has confirmed and no administrator has touched.
_GIVES_WAY: Final = and_(USERS.c.state == State.CREATED.value, USERS.c.signed_up.is_not(None))


class SqlAccountStore:
    """Implements `stores.accounts.AccountStore`, whose docstrings hold."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, email: str) -> Account | None:
        """By canonical address, without regard to case."""
        return await self._one(USERS.c.email_key == address_key(email))

    async def get(self, user_id: str) -> Account | None:
        """By id."""
        return await self._one(USERS.c.id == user_id)

    async def epoch(self, user_id: str) -> int | None:
        """The epoch as it is now; None when the account is gone."""

        def work(connection: Connection) -> int | None:
            return connection.scalar(select(USERS.c.session_epoch).where(USERS.c.id == user_id))

        return await self._database.read(work)

    async def add(self, account: Account) -> None:
        """Raises AddressTaken."""
        await self._unless_taken(lambda connection: connection.execute(insert(USERS).values(account_row(account))))

    async def add_many(self, accounts: Sequence[Account]) -> None:
        """All of them in one transaction, or none. Raises AddressTaken."""
        rows = [account_row(account) for account in accounts]

        def work(connection: Connection) -> None:
            for start in range(0, len(rows), _AT_ONCE):
                connection.execute(insert(USERS), rows[start : start + _AT_ONCE])

        await self._unless_taken(work, within=LONG)

    async def taken(self, emails: Sequence[str]) -> Sequence[str]:
        """Those of `emails` that are an account's address, in any spelling."""
        keys = {email: address_key(email) for email in emails}

        def work(connection: Connection) -> set[str]:
            each, found = sorted(set(keys.values())), set[str]()
            for start in range(0, len(each), _AT_ONCE):
                found |= set(connection.scalars(select(USERS.c.email_key).where(USERS.c.email_key.in_(each[start : start + _AT_ONCE]))))
            return found

        found = await self._database.read(work)
        return [email for email in emails if keys[email] in found]

    async def search(self, text: str, *, limit: int = 100, after: str | None = None) -> Sequence[Account]:
        """Accounts with `text` anywhere in address or name, without regard to case; in the order of addresses, after the address `after`."""
        return await self._page(
            select(USERS).where(USERS.c.search_key.contains(folded(text.strip()).replace("\n", " "), autoescape=True)), limit, after
        )

    async def list(self, *, limit: int = 1000, after: str | None = None) -> Sequence[Account]:
        """In the order of addresses, after the address `after`."""
        return await self._page(select(USERS), limit, after)

    async def set_state(self, user_id: str, state: State) -> SessionEffect | None:
        """None when there is no such account. Disabling also ends the sessions, voids every token and forgets a pending address."""
        if state is State.DISABLED:
            values = {"state": state.value, "signed_up": None, "pending_email": None}
            return await self._change(user_id, values, ends=True, voids=tuple(Purpose))
        return await self._change(user_id, {"state": state.value, "signed_up": None}, ends=False)

    async def set_groups(self, user_id: str, groups: tuple[str, ...]) -> SessionEffect | None:
        """None when there is no such account."""
        return await self._change(user_id, {"groups": json.dumps(groups), "signed_up": None}, ends=False)

    async def set_password(self, user_id: str, password_hash: str, *, epoch: int | None = None) -> SessionEffect | None:
        """Also ends the sessions, voids every token and forgets a pending address. With `epoch`, only while the account's epoch is that."""
        only = None if epoch is None else USERS.c.session_epoch == epoch
        values = {"password_hash": password_hash, "pending_email": None, "signed_up": None}
        return await self._change(user_id, values, ends=True, voids=tuple(Purpose), only=only)

    async def set_profile(self, user_id: str, profile: Profile, name: str, *, instead_of: Profile) -> SessionEffect | None:
        """`name` is what upstreams are told. None when there is no such account, or its profile is not `instead_of` any more."""
        only = and_(*(USERS.c[column].is_not_distinct_from(value) for column, value in profile_columns(instead_of).items()))

        def values(row: Any) -> dict[str, Any]:
            return {"name": name, "search_key": search_key(row.email, name), **profile_columns(profile)}

        return await self._rewrite(user_id, only, values)

    async def verify(self, user_id: str, password_hash: str | None) -> SessionEffect | None:
        """From created to verified, with a new password where one is given, and void the tokens that would verify. None for any other state."""
        values: dict[str, Any] = {"state": State.VERIFIED.value, "contested": False, "signed_up": None} | (
            {} if password_hash is None else {"password_hash": password_hash}
        )
        only = USERS.c.state == State.CREATED.value
        return await self._change(user_id, values, ends=password_hash is not None, voids=(Purpose.VERIFY,), only=only)

    async def contest(self, user_id: str, now: float) -> None:
        """Somebody signed up for it again. Nothing for any other state than created."""
        later = case((USERS.c.signed_up.is_not(None), literal(now)))  # an administrator's account stays one
        again = update(USERS).where(USERS.c.id == user_id, USERS.c.state == State.CREATED.value).values(contested=True, signed_up=later)

        def work(connection: Connection) -> None:
            connection.execute(again)

        await self._database.write(work)

    async def prune(self, before: float, now: float, limit: int) -> Sequence[Account]:
        """Delete accounts that were last signed up for before then, and for which no mailed link is good any more; what was deleted."""
        link = exists().where(TOKENS.c.user_id == USERS.c.id, TOKENS.c.purpose == Purpose.VERIFY.value, TOKENS.c.expires > now)
        # Locked, each is judged as it is then: PostgreSQL reads a row anew that somebody has just verified.
        gone = select(USERS.c.id).where(_GIVES_WAY, USERS.c.signed_up < before, ~link).limit(limit).with_for_update(skip_locked=True)

        def work(connection: Connection) -> Sequence[Account]:
            ids = list(connection.scalars(gone))
            pruned = [account_of(row) for row in connection.execute(delete(USERS).where(USERS.c.id.in_(ids)).returning(*USERS.c))]
            connection.execute(delete(TOKENS).where(TOKENS.c.user_id.in_(ids)))
            return pruned

        return await self._database.write(work)

    async def set_pending_email(self, user_id: str, email: str | None, *, epoch: int | None = None) -> bool:
        """The address that waits for its confirmation, or None; tokens of an earlier one are void. Sessions feel nothing. False without account. With
        `epoch`, only while the account's epoch is that."""
        only = true() if epoch is None else USERS.c.session_epoch == epoch

        def work(connection: Connection) -> bool:
            if not connection.execute(update(USERS).where(USERS.c.id == user_id, only).values(pending_email=email)).rowcount:
                return False
            _void(connection, user_id, (Purpose.EMAIL, Purpose.EMAIL_CANCEL))
            return True

        return await self._database.write(work)

    async def confirm_email(self, user_id: str, expected: str) -> SessionEffect | None:
        """Make the pending address the account's and void every token, if it is still `expected`; None if not. An account of that address that
        somebody signed up for and nobody confirmed is deleted. Raises AddressTaken for any other."""
        in_the_way = delete(USERS).where(_GIVES_WAY, USERS.c.email_key == address_key(expected), USERS.c.id != user_id).returning(USERS.c.id)

        def make_room(connection: Connection) -> None:
            for other in connection.scalars(in_the_way).all():
                _void(connection, other, tuple(Purpose))

        def values(row: Any) -> dict[str, Any]:
            return {"pending_email": None, **address_columns(expected, row.name)}

        return await self._rewrite(user_id, USERS.c.pending_email == expected, values, voids=tuple(Purpose), before=make_room)

    async def rehash(self, user_id: str, old: str, new: str) -> None:
        """Replace a hash by a stronger one of the same password, if it is still `old`; sessions feel nothing."""

        def work(connection: Connection) -> None:
            connection.execute(update(USERS).where(USERS.c.id == user_id, USERS.c.password_hash == old).values(password_hash=new))

        await self._database.write(work)

    async def delete(self, user_id: str) -> SessionEffect | None:
        """Also ends the sessions and voids every token."""

        def work(connection: Connection) -> SessionEffect | None:
            epoch = connection.scalar(delete(USERS).where(USERS.c.id == user_id).returning(USERS.c.session_epoch))
            _void(connection, user_id, tuple(Purpose))
            return None if epoch is None else self._leave(connection, SessionEffect(user_id, epoch + 1, epoch + 1), ends=True)

        return await self._database.write(work)

    async def end_sessions(self, user_id: str) -> SessionEffect | None:
        """Raise epoch and `end_below`: every session of the user ends."""
        return await self._change(user_id, {}, ends=True)

    async def end_all_sessions(self) -> int:
        """The same for every account, in one transaction; how many accounts there are."""
        # `WHERE true`: without it SQLite takes the ON of ON CONFLICT for a join's.
        every = select(USERS.c.id, USERS.c.session_epoch, USERS.c.session_epoch.label("end_below")).where(true())

        def work(connection: Connection) -> int:
            changed: CursorResult[Any] = connection.execute(update(USERS).values(session_epoch=USERS.c.session_epoch + 1))
            left = insert_into(EFFECTS, self._database.dialect).from_select(["user_id", "epoch", "end_below"], every)
            connection.execute(_upserting(left, ends=True))
            return changed.rowcount

        return await self._database.write(work, within=LONG)

    async def record_login(self, user_id: str, now: float) -> None:
        """Set the last login."""

        def work(connection: Connection) -> None:
            connection.execute(update(USERS).where(USERS.c.id == user_id).values(last_login=now))

        await self._database.write(work)

    async def strongest_hashes(self) -> Sequence[str]:
        """One example hash for every scheme and set of parameters in the table: what a refusal's time is padded to."""
        stored = USERS.c.password_hash
        # Grouping in SQL keeps the answer small; hashes with a salt of unusual length come as several groups, which `scheme_of` joins.
        head = case(
            (stored.like("$2%"), func.substr(stored, 1, _BCRYPT_HEAD)),
            else_=func.substr(stored, 1, case((func.length(stored) > _ARGON2_TAIL, func.length(stored) - _ARGON2_TAIL), else_=literal(0))),
        )
        query = select(func.min(stored)).where(or_(stored.like("$2%"), stored.like("$argon2%"))).group_by(head)

        def work(connection: Connection) -> Sequence[str]:
            found = {scheme_of(one): one for one in connection.scalars(query) if one is not None}
            return [one for scheme, one in found.items() if scheme is not None]

        return await self._database.read(work)

    async def effects(self) -> Sequence[SessionEffect]:
        """The effects that have not been applied yet."""

        def work(connection: Connection) -> Sequence[SessionEffect]:
            return [SessionEffect(row.user_id, row.epoch, row.end_below) for row in connection.execute(select(EFFECTS))]

        return await self._database.read(work)

    async def effect_applied(self, effect: SessionEffect) -> None:
        """Delete the row if its epoch is still the effect's."""

        def work(connection: Connection) -> None:
            connection.execute(delete(EFFECTS).where(EFFECTS.c.user_id == effect.user_id, EFFECTS.c.epoch == effect.epoch))

        await self._database.write(work)

    async def ping(self) -> None:
        """Raises StoreAway unless the database answers and holds the tables."""

        def work(connection: Connection) -> None:
            connection.execute(select(USERS.c.id).limit(1))

        await self._database.read(work)

    async def close(self) -> None:
        """Give connections back."""
        await self._database.close()

    async def _one(self, condition: Any) -> Account | None:
        def work(connection: Connection) -> Account | None:
            row = (connection.execute(select(USERS).where(condition))).first()
            return None if row is None else account_of(row)

        return await self._database.read(work)

    async def _page(self, query: Select[Any], limit: int, after: str | None) -> Sequence[Account]:
        if after is not None:
            query = query.where(USERS.c.email_key > address_key(after))

        def work(connection: Connection) -> Sequence[Account]:
            return [account_of(row) for row in connection.execute(query.order_by(USERS.c.email_key).limit(limit)).all()]

        return await self._database.read(work)

    async def _change(
        self, user_id: str, values: Mapping[str, Any], *, ends: bool, voids: tuple[Purpose, ...] = (), only: Any = None
    ) -> SessionEffect | None:
        def work(connection: Connection) -> SessionEffect | None:
            return self._changed(connection, user_id, true() if only is None else only, values, ends=ends, voids=voids)

        return await self._database.write(work)

    async def _rewrite(
        self,
        user_id: str,
        only: Any,
        values: Callable[[Any], dict[str, Any]],
        voids: tuple[Purpose, ...] = (),
        before: Callable[[Connection], None] | None = None,
    ) -> SessionEffect | None:
        """Change what is made of what stands there; the row is locked first, then comes `before`. Raises AddressTaken."""
        reading = select(USERS.c.email, USERS.c.name).where(USERS.c.id == user_id, only).with_for_update()

        def work(connection: Connection) -> SessionEffect | None:
            row = connection.execute(reading).first()
            if row is not None and before is not None:
                before(connection)
            return None if row is None else self._changed(connection, user_id, only, values(row), ends=False, voids=voids)

        return await self._unless_taken(work)

    def _changed(
        self, connection: Connection, user_id: str, only: Any, values: Mapping[str, Any], *, ends: bool, voids: tuple[Purpose, ...]
    ) -> SessionEffect | None:
        raised = update(USERS).where(USERS.c.id == user_id, only).values(session_epoch=USERS.c.session_epoch + 1, **values)
        epoch = connection.scalar(raised.returning(USERS.c.session_epoch))
        if epoch is None:
            return None
        _void(connection, user_id, voids)
        return self._leave(connection, SessionEffect(user_id, epoch, epoch if ends else 0), ends=ends)

    async def _unless_taken(self, work: Callable[[Connection], T], within: float | None = None) -> T:
        try:
            return await self._database.write(work, within=within)
        except IntegrityError:
            raise AddressTaken from None  # the driver's text quotes the address

    def _leave(self, connection: Connection, effect: SessionEffect, *, ends: bool) -> SessionEffect:
        """Upsert the user's row; returns it as it stands, an older change's `end_below` that is still waiting included."""
        left = insert_into(EFFECTS, self._database.dialect).values(user_id=effect.user_id, epoch=effect.epoch, end_below=effect.end_below)
        end_below = connection.scalar(_upserting(left, ends=ends).returning(EFFECTS.c.end_below))
        return SessionEffect(effect.user_id, effect.epoch, end_below or 0)


def _upserting(left: Any, *, ends: bool) -> Any:
    changed = {"epoch": left.excluded.epoch} | ({"end_below": left.excluded.end_below} if ends else {})
    return left.on_conflict_do_update(index_elements=[EFFECTS.c.user_id], set_=changed)


def _void(connection: Connection, user_id: str, purposes: tuple[Purpose, ...]) -> None:
    if purposes:
        connection.execute(delete(TOKENS).where(TOKENS.c.user_id == user_id, TOKENS.c.purpose.in_([purpose.value for purpose in purposes])))
