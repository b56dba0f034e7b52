"""The present password, asked for once more from somebody who is logged in.

Failures count where those of logins do, so that an open browser is no way around the throttle; a right one forgives them.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.core.facts import Facts
from gateway.services.audit import Audit, Event
from gateway.services.login import Throttled, Wrong
from gateway.services.passwords import Busy, Passwords
from gateway.services.throttle import Throttle
from gateway.snapshot import Snapshot
from gateway.stores.accounts import Account

#: When to come back if too many others are hashing (seconds).
_BUSY_AGAIN = 2.0


class Proof:
    """Raises StoreAway. `clock` returns seconds since 1970."""

    def __init__(self, throttle: Throttle, passwords: Passwords, audit: Audit, clock: Callable[[], float]) -> None:
        self._throttle = throttle
        self._passwords = passwords
        self._audit = audit
        self._clock = clock

    async def give(self, snapshot: Snapshot, facts: Facts, account: Account, password: str) -> Wrong | Throttled | None:
        """None when `password` is the account's."""
        who = account.identity
        wait = await self._throttle.attempt(snapshot.throttle, facts.client, who.email, self._clock())
        if wait > 0:
            self._audit.record(Event.LOGIN_THROTTLED, outcome="refused", user=who.user_id, email=who.email, address=facts.client)
            return Throttled(wait)
        try:
            checked = await self._passwords.check(account.password_hash, password)
        except Busy:
            return Throttled(_BUSY_AGAIN)
        if not checked.right:
            self._audit.record(Event.LOGIN_FAILURE, outcome="refused", user=who.user_id, email=who.email, address=facts.client, reason="current")
            return Wrong()
        await self._throttle.clear(who.email)
        return None
