"""Accounts as the command line (and later the administrator's pages) changes them.

Every change is audited, and what sessions must feel is applied at once. Where that cannot be done now it is not lost: the effect waits in SQL for a
serving process (`Felt`). People are named by address; whatever cannot be an address names nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from typing import Protocol

from gateway.core.identity import Identity, State
from gateway.core.password import PasswordPolicy, Weakness
from gateway.crypto.tokens import new_user_id
from gateway.services.addresses import NotValid, canonical_address, canonical_groups, canonical_name
from gateway.services.audit import Audit, Event
from gateway.services.effects import Effects
from gateway.services.passwords import Passwords
from gateway.services.throttle import Throttle, forget_failures
from gateway.stores import StoreAway
from gateway.stores.accounts import Account, AccountStore, AddressTaken, SessionEffect
from gateway.stores.failures import FailureStore


class Felt(Enum):
    """When the account's sessions feel a change."""

    NOW = "applied"
    LATER = "saved; sessions end when the store is back"
    BY_SERVER = "saved; the running gateway applies it within a second"


@dataclass(frozen=True, slots=True)
class Changed:
    """The account as it is now, or as it was when it was deleted."""

    account: Account
    felt: Felt


class NoAccount(Exception):
    """There is no account of that address."""


class Weak(Exception):
    """The password may not be used."""

    def __init__(self, weakness: Weakness) -> None:
        super().__init__(weakness.value)
        self.weakness = weakness


@dataclass(frozen=True, slots=True)
class Reach:
    """What of the session store this process can work on. Nothing, where sessions are in another process's memory."""

    effects: Effects
    throttle: Throttle


class Accounts:
    """Methods raise StoreAway when nothing was changed, NotValid, Weak or NoAccount for what cannot be, Busy when too many hash.
    `by` names who acts in the audit trail; `clock` returns seconds since 1970."""

    def __init__(
        self,
        store: AccountStore,
        failures: FailureStore,
        passwords: Passwords,
        policy: PasswordPolicy,
        reach: Reach | None,
        audit: Audit,
        clock: Callable[[], float],
        by: str,
    ) -> None:
        self._store = store
        self._failures = failures
        self._passwords = passwords
        self._policy = policy
        self._reach = reach
        self._audit = audit
        self._clock = clock
        self._by = by

    async def add(self, email: str, *, name: str, groups: tuple[str, ...], password: str, state: State = State.VERIFIED) -> Account:
        """A new account. Raises AddressTaken too."""
        address = canonical_address(email, special_use=True)
        identity = Identity(new_user_id(self._clock()), address, canonical_name(name), canonical_groups(groups), state)
        account = Account(identity, None, epoch=1, created=self._clock(), last_login=None)
        account = replace(account, password_hash=await self._hash(password, account))
        try:
            await self._store.add(account)
        except AddressTaken:
            self._record(Event.USER_ADD, None, outcome="refused", email=address, reason="taken")
            raise
        self._record(Event.USER_ADD, account, state=state.value, groups=",".join(identity.groups))
        return account

    async def taken(self, accounts: Sequence[Account], foreign: Iterable[str]) -> Mapping[str, str]:
        """Those of `accounts` that cannot be added, by id: what of each is taken, address or id. `foreign` are the ids that were not just made."""
        addresses = set(await self._store.taken([account.identity.email for account in accounts]))
        found = {account.identity.user_id: "address" for account in accounts if account.identity.email in addresses}
        for user_id in foreign:
            if user_id not in found and await self._store.get(user_id) is not None:
                found[user_id] = "id"
        return found

    async def add_all(self, accounts: Sequence[Account]) -> None:
        """Add accounts that come from elsewhere, with their hashes: all or none. Raises AddressTaken."""
        await self._store.add_many(accounts)
        self._record(Event.USER_IMPORT, None, accounts=str(len(accounts)))

    async def export(self, *, hashes: bool) -> list[Account]:
        """Every account, for a file that leaves the gateway's care; `hashes` says whether it will hold them."""
        accounts = await self.all()
        self._record(Event.USER_EXPORT, None, accounts=str(len(accounts)), hashes=str(hashes).lower())
        return accounts

    async def find(self, email: str) -> Account:
        """By address, in any spelling."""
        try:
            account = await self._store.find(canonical_address(email, special_use=True))
        except NotValid:
            account = None
        if account is None:
            raise NoAccount
        return account

    async def all(self) -> list[Account]:
        """Every account, in the order of addresses."""
        return await _pages(self._store.list)

    async def search(self, text: str) -> list[Account]:
        """Every account with `text` anywhere in address or name, in the order of addresses."""
        return await _pages(partial(self._store.search, text))

    async def set_password(self, email: str, password: str) -> Changed:
        """Also ends the sessions and forgets failed logins."""
        account = await self.find(email)
        effect = await self._store.set_password(account.identity.user_id, await self._hash(password, account))
        return await self._done(Event.USER_PASSWORD, account, effect, forgive=True)

    async def set_groups(self, email: str, groups: tuple[str, ...]) -> Changed:
        """Replace all groups."""
        names = canonical_groups(groups)
        account = await self.find(email)
        effect = await self._store.set_groups(account.identity.user_id, names)
        return await self._done(Event.USER_GROUPS, account, effect, groups=",".join(names))

    async def set_state(self, email: str, state: State) -> Changed:
        """Disabling also ends the sessions; verifying forgets failed logins."""
        account = await self.find(email)
        effect = await self._store.set_state(account.identity.user_id, state)
        return await self._done(Event.USER_STATE, account, effect, forgive=state is State.VERIFIED, state=state.value)

    async def delete(self, email: str) -> Changed:
        """Also ends the sessions."""
        account = await self.find(email)
        effect = await self._store.delete(account.identity.user_id)
        return await self._done(Event.USER_DELETE, account, effect)

    async def end_sessions(self, email: str) -> Changed:
        """End every session of one person."""
        account = await self.find(email)
        return await self._done(Event.SESSION_REVOKE, account, await self._store.end_sessions(account.identity.user_id))

    async def end_all_sessions(self) -> tuple[int, Felt]:
        """End everybody's sessions; of how many accounts, and when."""
        count = await self._store.end_all_sessions()
        self._record(Event.SESSION_REVOKE, None, accounts=str(count))
        if self._reach is None:
            return count, Felt.BY_SERVER
        try:
            await self._reach.effects.apply_pending()
        except StoreAway:
            return count, Felt.LATER
        return count, Felt.NOW

    async def _done(self, event: Event, account: Account, effect: SessionEffect | None, *, forgive: bool = False, **details: str) -> Changed:
        if effect is None:  # somebody else deleted it in this moment
            raise NoAccount
        self._record(event, account, **details)
        changed = await self._again(account)
        try:
            if forgive:
                await forget_failures(self._failures, account.identity.email)
            if self._reach is None:
                return Changed(changed, Felt.BY_SERVER)
            await self._reach.effects.apply(effect)
            if forgive:
                await self._reach.throttle.clear(account.identity.email)
        except StoreAway:
            return Changed(changed, Felt.LATER)
        return Changed(changed, Felt.NOW)

    async def _again(self, account: Account) -> Account:
        """The account as it is now; what was saved is saved, even if it cannot be read back."""
        try:
            return await self._store.get(account.identity.user_id) or account
        except StoreAway:
            return account

    async def _hash(self, password: str, owner: Account) -> str:
        weakness = self._policy.weakness(password, owner.words)
        if weakness is not None:
            raise Weak(weakness)
        return await self._passwords.hash(password)

    def _record(self, event: Event, account: Account | None, *, outcome: str = "success", email: str | None = None, **details: str) -> None:
        user, address = (account.identity.user_id, account.identity.email) if account else (None, email)
        self._audit.record(event, outcome=outcome, user=user, email=address, by=self._by, **details)


class _Pages(Protocol):
    async def __call__(self, *, limit: int, after: str | None) -> Sequence[Account]: ...


async def _pages(read: _Pages) -> list[Account]:
    found: list[Account] = []
    while page := await read(limit=1000, after=found[-1].identity.email if found else None):
        found += page
    return found
