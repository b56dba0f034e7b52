"""Logging in: an address and a password become a session, or one answer that is the same for everybody who is refused.

Nobody learns from an answer, its time or its cost whether an account exists or is disabled. Only the right password tells that an account waits for
its verification. The account's epoch is read again after the session was written: a change that was made meanwhile found no session to end, so the
login ends its own. Contract: DESIGN 1.7 "Login"; sources: OWASP Authentication Cheat Sheet, NIST SP 800-63B section 5.2.2 (throttling).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from gateway.core.facts import Facts
from gateway.core.identity import State
from gateway.services.addresses import NotValid, canonical_address
from gateway.services.audit import Audit, Event
from gateway.services.passwords import Busy, Checked, Passwords
from gateway.services.sessions import Sessions, Started
from gateway.services.throttle import Throttle
from gateway.snapshot import Snapshot
from gateway.stores import StoreAway
from gateway.stores.accounts import Account, AccountStore

#: When to come back if too many others are logging in (seconds).
_BUSY_AGAIN = 2.0
#: When to measure again where nothing could be measured (seconds): refusals wait for it.
_NOT_LEARNT_AGAIN = 1.0


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The session that `account` has now."""

    started: Started
    account: Account


@dataclass(frozen=True, slots=True)
class Wrong:
    """Unknown, wrong or disabled: one message for all."""


@dataclass(frozen=True, slots=True)
class Unverified:
    """The password is right; the address must be verified first."""


@dataclass(frozen=True, slots=True)
class Throttled:
    """Nothing was tried. `retry_after` in seconds, always finite."""

    retry_after: float


Outcome = LoggedIn | Wrong | Unverified | Throttled


class Login:
    """See the module. `clock` returns seconds since 1970."""

    def __init__(
        self, accounts: AccountStore, sessions: Sessions, throttle: Throttle, passwords: Passwords, audit: Audit, clock: Callable[[], float]
    ) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._throttle = throttle
        self._passwords = passwords
        self._audit = audit
        self._clock = clock

    async def attempt(self, snapshot: Snapshot, facts: Facts, *, email: str, password: str, remember: bool) -> Outcome:
        """Try to log in. Raises StoreAway: then nobody is logged in, and no session that was begun is left."""
        address = _canonical(email)
        wait = await self._throttle.attempt(snapshot.throttle, facts.client, address or email, self._clock(), lasting=address is not None)
        if wait > 0:
            # Before the account is looked up: being throttled must not tell whether there is one.
            self._audit.record(Event.LOGIN_THROTTLED, outcome="refused", address=facts.client)
            return Throttled(wait)
        account = None if address is None else await self._accounts.find(address)
        try:
            checked = await self._passwords.check(account.password_hash if account else None, password)
        except Busy:
            self._audit.record(Event.LOGIN_THROTTLED, outcome="busy", address=facts.client)
            return Throttled(_BUSY_AGAIN)
        if account is None or not checked.right or account.identity.state is State.DISABLED:
            return await self._refuse(facts, account, checked)
        if account.identity.state is State.CREATED:
            await self._throttle.clear(account.identity.email)
            self._failed(facts, account, "unverified")
            return Unverified()
        return await self._begin(snapshot, facts, account, checked, password, remember=remember)

    async def learn(self) -> None:
        """Find out how long refusals must last: at the start, and now and then, since hashes come and go. A store that is away changes nothing."""
        try:
            stored = await self._accounts.strongest_hashes()
        except StoreAway:
            if self._passwords.slowest:
                return  # what was learnt before is better than nothing
            stored = ()
        try:
            await self._passwords.measure(stored)
        except Busy:
            pass  # a measurement among so many others would say nothing

    async def run(self, every: float = 3600.0) -> None:
        """Go on learning, forever; refusals wait for the first time."""
        while True:
            await self.learn()
            await asyncio.sleep(every if self._passwords.slowest else _NOT_LEARNT_AGAIN)

    async def _refuse(self, facts: Facts, account: Account | None, checked: Checked) -> Wrong:
        reason = "unknown" if account is None else "wrong" if not checked.right else account.identity.state.value
        self._failed(facts, account, reason)
        await self._passwords.wait_out(checked)
        return Wrong()

    async def _begin(self, snapshot: Snapshot, facts: Facts, account: Account, checked: Checked, password: str, *, remember: bool) -> Outcome:
        user_id = account.identity.user_id
        started = await self._sessions.start(snapshot, account, facts, remember=remember)
        try:
            unchanged = await self._accounts.epoch(user_id) == account.epoch
        except StoreAway:
            await self._sessions.end_member(snapshot, user_id, started.member)
            raise
        if not unchanged:
            await self._sessions.end_member(snapshot, user_id, started.member)
            self._failed(facts, account, "changed")
            await self._passwords.wait_out(checked)
            return Wrong()
        self._audit.record(Event.LOGIN_SUCCESS, user=user_id, email=account.identity.email, address=facts.client, session=started.member)
        try:
            await self._follow_up(account, password)
        except (StoreAway, Busy):
            pass  # the session is good; what was left out comes with the next login
        return LoggedIn(started, account)

    async def _follow_up(self, account: Account, password: str) -> None:
        user_id, stored = account.identity.user_id, account.password_hash
        await self._throttle.clear(account.identity.email)
        await self._accounts.record_login(user_id, self._clock())
        if stored is not None and self._passwords.needs_rehash(stored):
            await self._accounts.rehash(user_id, stored, await self._passwords.hash(password))
            self._audit.record(Event.USER_REHASH, user=user_id)

    def _failed(self, facts: Facts, account: Account | None, reason: str) -> None:
        # What was typed as an unknown address may be a password: it is not written down.
        who = account.identity if account else None
        self._audit.record(
            Event.LOGIN_FAILURE,
            outcome="refused",
            user=who.user_id if who else None,
            email=who.email if who else None,
            address=facts.client,
            reason=reason,
        )


def _canonical(email: str) -> str | None:
    try:
        return canonical_address(email, special_use=True)
    except NotValid:
        return None
