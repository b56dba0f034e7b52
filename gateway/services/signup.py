"""Signing up: an address, a name and a password become an account that waits until somebody proves that the address is theirs.

Nobody learns from an answer, its time or its cost whether an address has an account: the password is hashed for every attempt before anything is
looked up, and what differs afterwards is hidden by `Pace` and told in the mail only. Each attempt has its own link and its own password, and a later
one never replaces an earlier one's: a link asks for its attempt's password unless it is opened in the browser that signed up, so nobody who signs up
with another's address gets an account that the other confirms. A link that was asked for anew belongs to no attempt: whoever opens it chooses the
password. Contract: accounts.md sections 1 to 3; A. Sudhodanan, A. Paverd: "Pre-hijacked accounts" (USENIX Security 2022).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from gateway.core.email import address_key
from gateway.core.facts import Facts
from gateway.core.identity import Identity, State
from gateway.core.profile import Profile
from gateway.crypto.tokens import new_user_id
from gateway.services.addresses import NotValid, canonical_address, canonical_name, known_address
from gateway.services.audit import Audit, Event
from gateway.services.login import Throttled
from gateway.services.pace import Pace
from gateway.services.passwords import Busy, Passwords
from gateway.services.throttle import Throttle, network_of
from gateway.services.verification import Postbox, Verification
from gateway.snapshot import Snapshot
from gateway.stores.accounts import Account, AccountStore, AddressTaken

#: When to come back if too many others are hashing (seconds).
BUSY_AGAIN: Final = 2.0
#: Letters to one address: so many in so many seconds.
LETTERS: Final = ((3, 3600.0), (10, 86_400.0))


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a field: `missing`, `not_valid`, `domain`, or a password's `Weakness`."""

    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was tried, and nothing of this depends on who has an account."""

    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One attempt to sign up, its password hashed already."""

    address: str
    name: str
    profile: Profile
    stored: str
    browser: str


class SignUp:
    """Methods raise StoreAway. `clock` returns seconds since 1970."""

    def __init__(
        self,
        accounts: AccountStore,
        verification: Verification,
        postbox: Postbox,
        passwords: Passwords,
        throttle: Throttle,
        audit: Audit,
        pace: Pace,
        clock: Callable[[], float],
    ) -> None:
        self._accounts = accounts
        self._verification = verification
        self._postbox = postbox
        self._passwords = passwords
        self._throttle = throttle
        self._audit = audit
        self._pace = pace
        self._clock = clock

    def judge(self, snapshot: Snapshot, email: str, name: str, password: str) -> tuple[Fault, ...]:
        """What is wrong with what somebody wants to sign up with."""
        faults: list[Fault] = []
        address = known = ""
        if not email.strip():
            faults.append(Fault("email", "missing"))
        else:
            try:
                address = canonical_address(email)
                if not _served(snapshot, address):
                    faults.append(Fault("email", "domain"))
            except NotValid:
                faults.append(Fault("email", "not_valid"))
        try:
            known = canonical_name(name)
        except NotValid:
            faults.append(Fault("name", "not_valid"))
        if not password:
            faults.append(Fault("password", "missing"))
        # Only with words that an account may have: to take apart what somebody sent instead of a name can take many seconds.
        elif (weakness := snapshot.password.weakness(password, (address, known))) is not None:
            faults.append(Fault("password", weakness.value))
        return tuple(faults)

    async def begin(
        self,
        snapshot: Snapshot,
        facts: Facts,
        email: str,
        name: str,
        password: str,
        language: str,
        *,
        profile: Profile | None = None,
        browser: str = "",
    ) -> Refused | Throttled | None:
        """Try to sign up; None is the one answer for every address. `name` is what upstreams are told; `browser` names the browser, where it can be
        told."""
        if faults := self.judge(snapshot, email, name, password):
            return Refused(faults)
        limits = snapshot.throttle
        wait = await self._throttle.allow("signup", network_of(facts.client), limits.per_ip, limits.per_ip_window)
        if wait > 0:
            return Throttled(wait)
        try:
            stored = await self._passwords.hash(password)
        except Busy:
            return Throttled(BUSY_AGAIN)
        begun = self._pace.begin()
        attempt = _Attempt(canonical_address(email), canonical_name(name), _canonical(profile or Profile()), stored, browser)
        await self._enter(snapshot, facts, attempt, language)
        await self._pace.keep(begun)
        return None

    async def resend(self, snapshot: Snapshot, facts: Facts, email: str, language: str) -> Throttled | None:
        """Mail the link once more to an account that waits for it; None is the one answer for every address."""
        limits = snapshot.throttle
        wait = await self._throttle.allow("resend", network_of(facts.client), limits.per_ip, limits.per_ip_window)
        if wait > 0:
            return Throttled(wait)
        begun = self._pace.begin()
        address = known_address(email)
        account = None if address is None else await self._accounts.find(address)
        if await self._may_write(address or email) and account is not None:
            match account.identity.state:
                case State.CREATED:
                    await self._verification.send(snapshot, facts, account, {}, language)
                case State.VERIFIED:
                    link = snapshot.places.public_url("/login")
                    await self._postbox.post(snapshot, account.identity.email, "already_verified", language, facts=facts, link=link)
        await self._pace.keep(begun)
        return None

    async def _enter(self, snapshot: Snapshot, facts: Facts, attempt: _Attempt, language: str) -> None:
        account, new = await self._accounts.find(attempt.address), False
        if account is None:
            account, new = await self._add(snapshot, attempt)
        if account is None:
            return  # somebody else took the address and deleted it again, in this moment
        known = account.identity
        if not new:
            await self._accounts.contest(known.user_id, self._clock())
        self._audit.record(Event.USER_SIGNUP, outcome="success" if new else "exists", user=known.user_id, email=known.email, address=facts.client)
        if (new and known.state is State.VERIFIED) or not await self._may_write(attempt.address):
            return
        if known.state is State.CREATED:
            payload = {"password": attempt.stored, "name": attempt.name, "browser": attempt.browser}
            payload |= {"first_name": attempt.profile.first_name, "last_name": attempt.profile.last_name}
            await self._verification.send(snapshot, facts, account, payload, language)
        else:
            links = {"link": snapshot.places.public_url("/login"), "forgot": snapshot.places.public_url("/forgot")}
            await self._postbox.post(snapshot, known.email, "notice_signup", language, facts=facts, **links)

    async def _add(self, snapshot: Snapshot, attempt: _Attempt) -> tuple[Account | None, bool]:
        """The account of that address, and whether this attempt made it."""
        now = self._clock()
        state = State.CREATED if snapshot.signup.require_verification else State.VERIFIED
        identity = Identity(new_user_id(now), attempt.address, attempt.name, (), state)
        waits = now if state is State.CREATED else None
        account = Account(identity, attempt.stored, epoch=1, created=now, last_login=None, profile=attempt.profile, signed_up=waits)
        try:
            await self._accounts.add(account)
        except AddressTaken:  # another attempt was quicker: this one is the second
            return await self._accounts.find(attempt.address), False
        return account, True

    async def _may_write(self, address: str) -> bool:
        """Count a letter to `address`, whether or not one will be written."""
        for limit, window in LETTERS:
            if await self._throttle.allow(f"letters/{window:.0f}", address_key(address), limit, window) > 0:
                return False  # and longer windows count letters that are written only
        return True


def _canonical(profile: Profile) -> Profile:
    """With names as accounts have them. A database that has no room for what was typed would refuse a new account, and nothing for an old one."""
    return replace(profile, first_name=canonical_name(profile.first_name), last_name=canonical_name(profile.last_name))


def _served(snapshot: Snapshot, address: str) -> bool:
    domains = snapshot.signup.domains
    return not domains or address.rpartition("@")[2] in domains
