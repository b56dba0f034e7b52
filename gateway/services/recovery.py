"""A forgotten password: ask for a link, and set a new password with it.

Asking has one answer for every address, and the mail is written afterwards. Setting a password ends every session of the account, voids every link
and code that was mailed for it and forgets failed logins; nobody is logged in by it, so a link that somebody else got hold of is noticed at the
latest with the notice that follows. OWASP Forgot Password Cheat Sheet; contract: accounts.md section 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.core.email import address_key
from gateway.core.facts import Facts
from gateway.core.identity import State
from gateway.core.password import Weakness
from gateway.crypto.mailed import typed_code
from gateway.services.addresses import known_address
from gateway.services.audit import Audit, Event
from gateway.services.effects import Effects
from gateway.services.login import Throttled
from gateway.services.pace import Pace
from gateway.services.passwords import Busy, Passwords
from gateway.services.signup import BUSY_AGAIN
from gateway.services.throttle import Throttle, network_of
from gateway.services.tickets import Held, Purpose, Tickets
from gateway.services.verification import Bad, Postbox, Verification
from gateway.snapshot import Snapshot
from gateway.stores import StoreAway
from gateway.stores.accounts import Account, AccountStore

#: Letters to one address, and questions from one client: so many in so many seconds.
_PER_ADDRESS: Final = (3, 3600.0)
_PER_CLIENT: Final = (10, 3600.0)
_MAY_RESET: Final = (State.VERIFIED, State.EXPIRED)


@dataclass(frozen=True, slots=True)
class Done:
    """The password is set, and every session of the account has ended or will as soon as its store is back."""


@dataclass(frozen=True, slots=True)
class Weak:
    """The password may not be used; the link is still good."""

    weakness: Weakness


class Recovery:
    """Methods raise StoreAway."""

    def __init__(
        self,
        accounts: AccountStore,
        tickets: Tickets,
        verification: Verification,
        postbox: Postbox,
        passwords: Passwords,
        throttle: Throttle,
        effects: Effects,
        audit: Audit,
        pace: Pace,
    ) -> None:
        self._accounts = accounts
        self._tickets = tickets
        self._verification = verification
        self._postbox = postbox
        self._passwords = passwords
        self._throttle = throttle
        self._effects = effects
        self._audit = audit
        self._pace = pace

    async def ask(self, snapshot: Snapshot, facts: Facts, email: str, language: str) -> Throttled | None:
        """Mail what helps the owner of `email`; None is the one answer for every address."""
        wait = await self._throttle.allow("forgot", network_of(facts.client), *_PER_CLIENT)
        if wait > 0:
            return Throttled(wait)
        begun = self._pace.begin()
        address = known_address(email)
        account = None if address is None else await self._accounts.find(address)
        if await self._throttle.allow("forgot letters", address_key(address or email), *_PER_ADDRESS) == 0.0:
            if account is not None:
                await self._help(snapshot, facts, account, language)
            elif address is not None and snapshot.notify_unknown:
                await self._postbox.post(snapshot, address, "notice_unknown", language, facts=facts)
        await self._pace.keep(begun)
        return None

    async def look(self, snapshot: Snapshot, token: str) -> str | None:
        """The address of the account whose password a link sets, None where it is not good; it stays good."""
        account = await self._owner(snapshot, token)
        return None if account is None else account.identity.email

    async def reset(self, snapshot: Snapshot, facts: Facts, token: str, password: str, language: str = "en") -> Done | Bad | Weak | Throttled:
        """Set a new password with a link. The link is used up only by a password that can be set."""
        account = await self._owner(snapshot, token)
        if account is None:
            return Bad()
        weakness = snapshot.password.weakness(password, account.words)
        if weakness is not None:
            return Weak(weakness)
        try:
            stored = await self._passwords.hash(password)
        except Busy:
            return Throttled(BUSY_AGAIN)
        if await self._tickets.take(snapshot, Purpose.RESET, token) is None:
            return Bad()  # somebody was quicker
        return await self._finish(snapshot, facts, account, stored, language)

    async def reset_by_code(
        self, snapshot: Snapshot, facts: Facts, user_id: str, code: str, password: str, language: str = "en"
    ) -> Done | Bad | Weak | Throttled:
        """The same with a code. Who is behind `user_id` is not told by anything that comes before the code is right: only then the password is judged
        with their own words, and the code stays good for a better one."""
        weakness = snapshot.password.weakness(password)
        if weakness is not None:
            return Weak(weakness)
        limits = snapshot.throttle
        wait = await self._throttle.allow("code", network_of(facts.client), limits.per_ip, limits.per_ip_window)
        if wait > 0:
            return Throttled(wait)
        try:
            stored = await self._passwords.hash(password)
        except Busy:
            return Throttled(BUSY_AGAIN)
        begun = self._pace.begin()  # hashing takes as long as it takes, for everybody: what may tell something begins here
        typed = typed_code(code)
        held = None if typed is None else await self._tickets.look_by_code(snapshot, Purpose.RESET, user_id, typed)
        account = await self._account(held)
        if held is None or account is None:
            await self._pace.keep(begun)
            return Bad()
        weakness = snapshot.password.weakness(password, account.words)
        if weakness is not None:
            return Weak(weakness)
        if await self._tickets.take_held(snapshot, Purpose.RESET, held) is None:
            return Bad()  # somebody was quicker
        return await self._finish(snapshot, facts, account, stored, language)

    async def reset_with_code(
        self, snapshot: Snapshot, facts: Facts, email: str, code: str, password: str, language: str = "en"
    ) -> Done | Bad | Weak | Throttled:
        """The same where an address is all that somebody can name. One answer, in one time, for every address that has no such code."""
        address = known_address(email)
        account = None if address is None else await self._accounts.find(address)
        return await self.reset_by_code(snapshot, facts, "" if account is None else account.identity.user_id, code, password, language)

    async def _help(self, snapshot: Snapshot, facts: Facts, account: Account, language: str) -> None:
        who = account.identity
        if who.state is State.CREATED:
            await self._verification.send(snapshot, facts, account, {}, language)
        elif who.state in _MAY_RESET:
            issued = await self._tickets.issue(snapshot, Purpose.RESET, who.user_id, {})
            link = snapshot.places.public_url(f"/reset?token={issued.token}")
            words: dict[str, str | int] = {"link": link, "code": issued.code, "lasts": int(issued.life), "user": who.user_id}
            await self._postbox.post(snapshot, who.email, "reset", language, facts=facts, **words)
        self._audit.record(Event.USER_FORGOT, user=who.user_id, email=who.email, address=facts.client, state=who.state.value)

    async def _owner(self, snapshot: Snapshot, token: str) -> Account | None:
        """Whose link it is; None, in one time, whatever is wrong with it."""
        begun = self._pace.begin()
        account = await self._account(await self._tickets.look(snapshot, Purpose.RESET, token))
        if account is None:
            await self._pace.keep(begun)
        return account

    async def _account(self, held: Held | None) -> Account | None:
        """Whose ticket it is, if they may set a password: disabling an account disables its links."""
        account = None if held is None else await self._accounts.get(held.user_id)
        return account if account is not None and account.identity.state in _MAY_RESET else None

    async def _finish(self, snapshot: Snapshot, facts: Facts, account: Account, stored: str, language: str) -> Done | Bad:
        who = account.identity
        effect = await self._accounts.set_password(who.user_id, stored)
        if effect is None:
            return Bad()
        self._audit.record(Event.USER_RESET, user=who.user_id, email=who.email, address=facts.client)
        try:
            forgot = snapshot.places.public_url("/forgot")
            await self._postbox.post(snapshot, who.email, "password_changed", language, facts=facts, forgot=forgot)
            await self._throttle.clear(who.email)
            await self._effects.apply(effect)
        except StoreAway:
            pass  # the password is set; what the sessions must feel is kept in SQL until their store is back
        return Done()
