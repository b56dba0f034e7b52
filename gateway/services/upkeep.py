"""What is not needed any more goes: tokens whose time is over, counts of failed logins that nobody has raised for long or a flood of names made, and
accounts that somebody signed up for and nobody confirmed.

Every process does it now and then; two at once do no harm. A store that is away is tidied the next time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.services.audit import Audit, Event
from gateway.snapshot import Live
from gateway.stores import StoreAway
from gateway.stores.accounts import AccountStore
from gateway.stores.failures import FailureStore
from gateway.stores.tokens import TokenStore

#: How long a count of failures stays after the last of them (seconds).
KEEP_FAILURES: Final = 365 * 86_400.0
#: Most addresses whose failures are counted, but for those that are stopped: some 150 MB of a database.
MOST_FAILURES: Final = 1_000_000
#: How long an account stays that nobody confirms, after the last attempt to sign up for it (seconds); longer where a link for it is still good.
KEEP_UNCONFIRMED: Final = 7 * 86_400.0
#: Accounts of one transaction.
_BATCH: Final = 500


class Upkeep:
    """`clock` returns seconds since 1970."""

    def __init__(
        self,
        accounts: AccountStore,
        tokens: TokenStore,
        failures: FailureStore,
        live: Live,
        audit: Audit,
        clock: Callable[[], float],
        most: int = MOST_FAILURES,
    ) -> None:
        self._accounts = accounts
        self._tokens = tokens
        self._failures = failures
        self._live = live
        self._audit = audit
        self._clock = clock
        self._most = most

    async def tidy(self) -> None:
        """Once. Raises StoreAway."""
        now = self._clock()
        await self._tokens.prune(now)
        await self._failures.prune(now - KEEP_FAILURES, self._live.snapshot.throttle.stop_after, self._most)
        while pruned := await self._accounts.prune(now - KEEP_UNCONFIRMED, now, _BATCH):
            for account in pruned:
                who = account.identity
                self._audit.record(Event.USER_DELETE, user=who.user_id, email=who.email, by="upkeep")

    async def run(self, every: float = 900.0) -> None:
        """Go on, forever. Begins with a pause: a process that starts has better things to do."""
        while True:
            await asyncio.sleep(every)
            try:
                await self.tidy()
            except StoreAway:
                continue
