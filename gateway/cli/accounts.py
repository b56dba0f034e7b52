"""Looking up one account for `gateway explain`, which goes on without it."""

from __future__ import annotations

from gateway.config.fresh import fixed_of
from gateway.config.model import Settings
from gateway.server.stores import open_accounts
from gateway.stores import StoreAway
from gateway.stores.accounts import Account
from gateway.stores.sql import schema
from gateway.stores.sql.accounts import SqlAccountStore
from gateway.stores.sql.schema import Standing


async def find_account(settings: Settings, email: str) -> tuple[Account | None, str]:
    """The account, or None and why there is none."""
    database = open_accounts(fixed_of(settings))
    try:
        if await schema.standing(database) is not Standing.NEWEST:
            return None, "there is no database of accounts that can be read"
        account = await SqlAccountStore(database).find(email)
        return account, "there is no such account"
    except StoreAway:
        return None, "the database is away"
    finally:
        await database.close()
