"""The token store on SQL. Whoever takes a token deletes its row, and only who deleted it has it: of any number at once, one.

Where rows of a user are changed together, the user's row in `users` is locked first, as the account store does: nobody waits in a circle.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, select, update

from gateway.stores.sql.engine import Database
from gateway.stores.sql.tables import TOKENS, USERS
from gateway.stores.tokens import Purpose, Token

_NO_CODE: Final = {"code": None, "code_until": 0.0, "tries_left": 0}


class SqlTokenStore:
    """Implements `stores.tokens.TokenStore`, whose docstrings hold."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, token: Token) -> None:
        """Keep it. Others of the same user stay good."""
        row = {
            "hash": token.hash,
            "purpose": token.purpose.value,
            "user_id": token.user_id,
            "created": token.created,
            "expires": token.expires,
            "code": token.code,
            "code_until": token.code_until,
            "tries_left": token.tries_left,
            "payload": token.payload,
        }

        def work(connection: Connection) -> None:
            connection.execute(insert(TOKENS).values(row))

        await self._database.write(work)

    async def peek(self, hash_: str, purpose: Purpose, now: float) -> Token | None:
        """The token, if it is good now; it stays good."""

        def work(connection: Connection) -> Token | None:
            return _token(connection.execute(select(TOKENS).where(*_good(hash_, purpose, now))).first())

        return await self._database.read(work)

    async def consume(self, hash_: str, purpose: Purpose, now: float) -> Token | None:
        """The token, if it is good now, which nobody gets a second time."""

        def work(connection: Connection) -> Token | None:
            return _token(connection.execute(delete(TOKENS).where(*_good(hash_, purpose, now)).returning(*TOKENS.c)).first())

        return await self._database.write(work)

    async def try_code(self, user_id: str, purpose: Purpose, codes: Sequence[str], now: float, *, keep: bool = False) -> Token | None:
        """Consume the user's token whose code is one of `codes`, or keep it; a wrong try counts against every code of that user and purpose."""
        owned = (TOKENS.c.user_id == user_id, TOKENS.c.purpose == purpose.value)
        live = (*owned, TOKENS.c.code_until > now, TOKENS.c.expires > now, TOKENS.c.tries_left > 0)
        right = select(TOKENS.c.hash).where(*live, TOKENS.c.code.in_(codes)).order_by(TOKENS.c.created.desc()).limit(1)

        def work(connection: Connection) -> Token | None:
            connection.execute(select(USERS.c.id).where(USERS.c.id == user_id).with_for_update())
            # RETURNING, and no subquery: under PostgreSQL a row may be gone by the time it is deleted, and then nobody's try was right.
            found = connection.scalar(right)
            if found is not None and keep:
                return _token(connection.execute(select(TOKENS).where(TOKENS.c.hash == found)).first())
            if found is not None:
                return _token(connection.execute(delete(TOKENS).where(TOKENS.c.hash == found).returning(*TOKENS.c)).first())
            connection.execute(update(TOKENS).where(*live).values(tries_left=TOKENS.c.tries_left - 1))
            connection.execute(update(TOKENS).where(*owned, TOKENS.c.tries_left <= 0).values(_NO_CODE))
            return None

        return await self._database.write(work)

    async def drop_of(self, user_id: str, purpose: Purpose | None = None) -> int:
        """Void the user's tokens of that purpose, or all; how many."""
        dropped = delete(TOKENS).where(TOKENS.c.user_id == user_id)
        if purpose is not None:
            dropped = dropped.where(TOKENS.c.purpose == purpose.value)

        def work(connection: Connection) -> int:
            connection.execute(select(USERS.c.id).where(USERS.c.id == user_id).with_for_update())
            return connection.execute(dropped).rowcount

        return await self._database.write(work)

    async def prune(self, now: float) -> int:
        """Delete what has expired; how many."""
        expired = select(TOKENS.c.hash).where(TOKENS.c.expires <= now).with_for_update(skip_locked=True)

        def work(connection: Connection) -> int:
            return connection.execute(delete(TOKENS).where(TOKENS.c.hash.in_(expired))).rowcount

        return await self._database.write(work)


def _good(hash_: str, purpose: Purpose, now: float) -> tuple[Any, ...]:
    return TOKENS.c.hash == hash_, TOKENS.c.purpose == purpose.value, TOKENS.c.expires > now


def _token(row: Row[Any] | None) -> Token | None:
    if row is None:
        return None
    return Token(row.hash, Purpose(row.purpose), row.user_id, row.created, row.expires, row.code, row.tries_left, bytes(row.payload), row.code_until)
