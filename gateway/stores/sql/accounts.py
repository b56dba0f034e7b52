"""The account store on SQL. One method, one transaction.

Every change that sessions must feel raises the user's epoch and upserts the user's one effect row with it; the row lock on `users` comes first, so
epochs of one user are written in order. `end_below` is raised only by what ends sessions and is never lowered by what does not.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, CursorResult, Row, case, delete, func, insert, literal, or_, select, true, update
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import IntegrityError

from gateway.core.email import address_key
from gateway.core.identity import Identity, State
from gateway.crypto.passwords import scheme_of
from gateway.stores.accounts import Account, AddressTaken, SessionEffect
from gateway.stores.sql.engine import LONG, Database
from gateway.stores.sql.tables import EFFECTS, USERS

#: Characters of an ordinary argon2 hash behind its parameters: `$`, 22 of salt, `$`, 43 of hash.
_ARGON2_TAIL: Final = 67
_BCRYPT_HEAD: Final = 7


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
        who = account.identity
        row = {
            "id": who.user_id,
            "email": who.email,
            "email_key": address_key(who.email),
            "name": who.name,
            "state": who.state.value,
            "groups": json.dumps(who.groups),
            "password_hash": account.password_hash,
            "session_epoch": account.epoch,
            "created": account.created,
            "last_login": account.last_login,
        }

        def work(connection: Connection) -> None:
            connection.execute(insert(USERS).values(row))

        try:
            await self._database.write(work)
        except IntegrityError:
            raise AddressTaken from None  # the driver's text quotes the address

    async def list(self, *, limit: int = 1000, after: str | None = None) -> Sequence[Account]:
        """In the order of addresses, after the address `after`."""
        query = select(USERS).order_by(USERS.c.email_key).limit(limit)
        if after is not None:
            query = query.where(USERS.c.email_key > address_key(after))

        def work(connection: Connection) -> Sequence[Account]:
            return [_account(row) for row in connection.execute(query)]

        return await self._database.read(work)

    async def set_state(self, user_id: str, state: State) -> SessionEffect | None:
        """None when there is no such account. Disabling also ends the sessions."""
        return await self._change(user_id, {"state": state.value}, ends=state is State.DISABLED)

    async def set_groups(self, user_id: str, groups: tuple[str, ...]) -> SessionEffect | None:
        """None when there is no such account."""
        return await self._change(user_id, {"groups": json.dumps(groups)}, ends=False)

    async def set_password(self, user_id: str, password_hash: str) -> SessionEffect | None:
        """Also ends the sessions."""
        return await self._change(user_id, {"password_hash": password_hash}, ends=True)

    async def rehash(self, user_id: str, old: str, new: str) -> None:
        """Replace a hash by a stronger one of the same password, if it is still `old`; sessions feel nothing."""

        def work(connection: Connection) -> None:
            connection.execute(update(USERS).where(USERS.c.id == user_id, USERS.c.password_hash == old).values(password_hash=new))

        await self._database.write(work)

    async def delete(self, user_id: str) -> SessionEffect | None:
        """Also ends the sessions."""

        def work(connection: Connection) -> SessionEffect | None:
            epoch = connection.scalar(delete(USERS).where(USERS.c.id == user_id).returning(USERS.c.session_epoch))
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
            left = self._insert().from_select(["user_id", "epoch", "end_below"], every)
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
            return None if row is None else _account(row)

        return await self._database.read(work)

    async def _change(self, user_id: str, values: dict[str, str], *, ends: bool) -> SessionEffect | None:
        changing = (
            update(USERS).where(USERS.c.id == user_id).values(session_epoch=USERS.c.session_epoch + 1, **values).returning(USERS.c.session_epoch)
        )

        def work(connection: Connection) -> SessionEffect | None:
            epoch = connection.scalar(changing)
            return None if epoch is None else self._leave(connection, SessionEffect(user_id, epoch, epoch if ends else 0), ends=ends)

        return await self._database.write(work)

    def _leave(self, connection: Connection, effect: SessionEffect, *, ends: bool) -> SessionEffect:
        """Upsert the user's row; returns it as it stands, an older change's `end_below` that is still waiting included."""
        left = self._insert().values(user_id=effect.user_id, epoch=effect.epoch, end_below=effect.end_below)
        end_below = connection.scalar(_upserting(left, ends=ends).returning(EFFECTS.c.end_below))
        return SessionEffect(effect.user_id, effect.epoch, end_below or 0)

    def _insert(self) -> Any:
        if self._database.dialect == "sqlite":
            return sqlite.insert(EFFECTS)
        from sqlalchemy.dialects import postgresql  # loaded with the engine by now; who keeps accounts in SQLite need not pay for it

        return postgresql.insert(EFFECTS)


def _upserting(left: Any, *, ends: bool) -> Any:
    changed = {"epoch": left.excluded.epoch} | ({"end_below": left.excluded.end_below} if ends else {})
    return left.on_conflict_do_update(index_elements=[EFFECTS.c.user_id], set_=changed)


def _account(row: Row[Any]) -> Account:
    identity = Identity(row.id, row.email, row.name, tuple(json.loads(row.groups)), State(row.state))
    return Account(identity, row.password_hash, row.session_epoch, row.created, row.last_login)
