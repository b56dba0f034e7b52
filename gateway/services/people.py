"""People as others may see them: one account, read when it is asked for, so that what was changed a moment ago is told."""

from __future__ import annotations

from gateway.core.identity import State
from gateway.stores.accounts import Account, AccountStore

#: What an account is called by those who only look at it.
Person = Account
#: The states in which somebody may see the own account.
_AT_HOME = frozenset({State.VERIFIED, State.EXPIRED})


class People:
    """Methods raise StoreAway."""

    def __init__(self, accounts: AccountStore) -> None:
        self._accounts = accounts

    async def at_home(self, user_id: str) -> Person | None:
        """The account of somebody who has a session; None where it is gone or may not log in, whatever the session still says."""
        account = await self._accounts.get(user_id)
        return account if account is not None and account.identity.state in _AT_HOME else None
