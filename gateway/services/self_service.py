"""What people do to their own account while they are logged in: password, profile, sessions. (The address: address_change.py.)

Whoever sits at somebody else's open browser must not be able to take the account over: the password is asked for once more before it, or the
address, is changed, and its failures count where those of logins do. OWASP Authentication Cheat Sheet, "Change Password Feature" and "Require
Re-authentication for Sensitive Features".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from gateway.core.facts import Facts
from gateway.core.password import Weakness
from gateway.core.session import Session
from gateway.services.audit import SESSION_DIGITS, Audit, Event
from gateway.services.effects import Effects
from gateway.services.login import Throttled, Wrong
from gateway.services.passwords import Busy, Passwords
from gateway.services.profiles import Unfit, changed, full_name
from gateway.services.proof import Proof
from gateway.services.sessions import Found, Sessions, Started
from gateway.services.verification import Postbox
from gateway.snapshot import Snapshot
from gateway.stores import StoreAway
from gateway.stores.accounts import Account, AccountStore

#: When to come back if too many others are hashing (seconds).
_BUSY_AGAIN = 2.0
#: How often a change of a profile is made again on what another change left.
_TRIES = 20


class Vanished(Exception):
    """The account is gone, or changed under our hands: whoever asks has to log in again."""


@dataclass(frozen=True, slots=True)
class PasswordChanged:
    """The new password is good. `started` is the session that replaces the present one; None where a store was away: log in again."""

    started: Started | None


@dataclass(frozen=True, slots=True)
class TooWeak:
    """The new password may not be used."""

    weakness: Weakness


@dataclass(frozen=True, slots=True)
class Listed:
    """A session as its owner sees it. `name` is what the others are told it by; times are seconds since 1970."""

    name: str
    session: Session
    own: bool


class SelfService:
    """Methods raise StoreAway when nothing was changed, and Vanished. `clock` returns seconds since 1970."""

    def __init__(
        self,
        accounts: AccountStore,
        sessions: Sessions,
        effects: Effects,
        proof: Proof,
        passwords: Passwords,
        postbox: Postbox,
        audit: Audit,
        clock: Callable[[], float],
    ) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._effects = effects
        self._proof = proof
        self._passwords = passwords
        self._postbox = postbox
        self._audit = audit
        self._clock = clock

    async def account(self, found: Found) -> Account:
        """The account as it is now."""
        account = await self._accounts.get(found.session.identity.user_id)
        if account is None:
            raise Vanished
        return account

    async def change_password(
        self, snapshot: Snapshot, facts: Facts, found: Found, current: str, new: str, language: str
    ) -> PasswordChanged | TooWeak | Wrong | Throttled:
        """Replace the password and every session of the account; the present one gets a successor."""
        account = await self.account(found)
        weakness = snapshot.password.weakness(new, account.words)
        if weakness is not None:
            return TooWeak(weakness)
        refused = await self._proof.give(snapshot, facts, account, current)
        if refused is not None:
            return refused
        try:
            hashed = await self._passwords.hash(new)
        except Busy:
            return Throttled(_BUSY_AGAIN)
        # A reset that came in between must not be undone by the old password.
        effect = await self._accounts.set_password(account.identity.user_id, hashed, epoch=account.epoch)
        if effect is None:
            raise Vanished
        who = account.identity
        self._audit.record(Event.USER_PASSWORD, user=who.user_id, email=who.email, address=facts.client, session=found.member, by="self")
        try:
            await self._postbox.post(snapshot, who.email, "password_changed", language, facts=facts, forgot=snapshot.places.public_url("/forgot"))
        except StoreAway:
            pass  # a notice that cannot be written must not keep sessions alive
        try:
            await self._effects.apply(effect)
            return PasswordChanged(await self._begin_again(snapshot, facts, found))
        except (StoreAway, Vanished):
            return PasswordChanged(None)

    async def judge_profile(self, found: Found, changes: Mapping[str, str | None]) -> dict[str, Unfit]:
        """What `set_profile` would find wrong, with nothing changed."""
        judged = changed((await self.account(found)).profile, changes, self._today())
        return judged if isinstance(judged, dict) else {}

    async def set_profile(self, snapshot: Snapshot, facts: Facts, found: Found, changes: Mapping[str, str | None]) -> Account | dict[str, Unfit]:
        """Change the fields that are named (profiles.FIELDS); the account as it is then, or what is wrong with which field."""
        for _ in range(_TRIES):
            account = await self.account(found)
            who, profile = account.identity, changed(account.profile, changes, self._today())
            if isinstance(profile, dict):
                return profile
            if profile == account.profile:
                return account
            name = full_name(profile, who.name)
            effect = await self._accounts.set_profile(who.user_id, profile, name, instead_of=account.profile)
            if effect is not None:
                break
        else:
            raise StoreAway("a profile kept changing while it was being changed")  # whoever asks is logged in, and may try again
        self._audit.record(Event.USER_PROFILE, user=who.user_id, email=who.email, address=facts.client, session=found.member)
        try:
            await self._effects.apply(effect)
        except StoreAway:
            pass  # it is saved; sessions hear of it when the store is back
        return await self.account(found)

    async def sessions(self, snapshot: Snapshot, found: Found) -> list[Listed]:
        """The account's live sessions: this one, then those used last."""
        members = await self._sessions.members(snapshot, found.session.identity.user_id)
        listed = [Listed(member[:SESSION_DIGITS], session, member == found.member) for member, session in members]
        return sorted(listed, key=lambda one: (not one.own, -one.session.last_seen))

    async def end(self, snapshot: Snapshot, facts: Facts, found: Found, name: str) -> bool:
        """End one of the account's own sessions; whether it was there."""
        user_id = found.session.identity.user_id
        for member, _ in await self._sessions.members(snapshot, user_id):
            if member[:SESSION_DIGITS] == name:
                return await self._sessions.end_member(snapshot, user_id, member, facts.client)
        return False

    async def end_others(self, snapshot: Snapshot, facts: Facts, found: Found) -> int:
        """End every session of the account but this one; how many there were."""
        user_id = found.session.identity.user_id
        others = [member for member, _ in await self._sessions.members(snapshot, user_id) if member != found.member]
        return sum([await self._sessions.end_member(snapshot, user_id, member, facts.client) for member in others])

    async def end_all(self, facts: Facts, found: Found) -> bool:
        """End every session of the account, those included that nobody can see now; False where that waits for a store to be back."""
        who = found.session.identity
        effect = await self._accounts.end_sessions(who.user_id)
        if effect is None:
            raise Vanished
        self._audit.record(Event.SESSION_REVOKE, user=who.user_id, email=who.email, address=facts.client, session=found.member, by="self")
        try:
            await self._effects.apply(effect)
        except StoreAway:
            return False
        return True

    def _today(self) -> date:
        return datetime.fromtimestamp(self._clock(), UTC).date()

    async def _begin_again(self, snapshot: Snapshot, facts: Facts, found: Found) -> Started:
        """A session of the epoch that the change made; it ends again if a newer one came meanwhile."""
        account = await self.account(found)
        started = await self._sessions.start(snapshot, account, facts, remember=found.session.remember)
        if await self._accounts.epoch(account.identity.user_id) != account.epoch:
            await self._sessions.end_member(snapshot, account.identity.user_id, started.member)
            raise Vanished
        return started
