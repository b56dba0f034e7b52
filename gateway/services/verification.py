"""Verifying an address: the letter with its link and code, and what happens when one of them comes back.

Verifying leads from created to verified and nowhere else, in one step of the database. A code is worth what a link is worth, and no more: it is
traded for a link's token where a person types it, who may have to give a password then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from gateway.core.facts import Facts
from gateway.core.identity import State
from gateway.core.password import Weakness
from gateway.core.profile import Profile
from gateway.crypto.mailed import typed_code
from gateway.services.addresses import known_address
from gateway.services.audit import Audit, Event
from gateway.services.effects import Effects
from gateway.services.login import Throttled
from gateway.services.pace import Pace
from gateway.services.passwords import Busy, Passwords
from gateway.services.throttle import Throttle, network_of
from gateway.services.tickets import Held, Purpose, Tickets
from gateway.snapshot import Snapshot
from gateway.stores import StoreAway
from gateway.stores.accounts import Account, AccountStore

#: Passwords that may be tried with one link: so many in so many seconds.
_TRIES: Final = (10, 3600.0)
_BUSY_AGAIN: Final = 2.0


class Postbox(Protocol):
    """Where letters are put (services/mailing.py)."""

    async def post(self, snapshot: Snapshot, recipient: str, letter: str, language: str, *, facts: Facts | None = None, **values: str | int) -> None:
        """Put the letter of that name, with its values, where it leaves from; `facts` is the request of whoever made us write. Raises StoreAway."""


@dataclass(frozen=True, slots=True)
class Verified:
    """The account can be used now."""

    user_id: str


@dataclass(frozen=True, slots=True)
class Ready:
    """The link is good; pressing the button is all that is left. `email` is the address that it confirms."""

    email: str


@dataclass(frozen=True, slots=True)
class NeedsPassword:
    """The link is good and stays good. `new`: a password has to be chosen; else the one that the attempt to sign up chose has to be given."""

    email: str
    new: bool
    wrong: bool = False
    weakness: Weakness | None = None


@dataclass(frozen=True, slots=True)
class Bad:
    """Unknown, used, expired: one message for all."""


@dataclass(frozen=True, slots=True)
class Link:
    """What a code was traded for."""

    token: str = field(repr=False)


class Verification:
    """Methods raise StoreAway."""

    def __init__(
        self,
        accounts: AccountStore,
        tickets: Tickets,
        postbox: Postbox,
        passwords: Passwords,
        throttle: Throttle,
        effects: Effects,
        audit: Audit,
        pace: Pace,
    ) -> None:
        self._accounts = accounts
        self._tickets = tickets
        self._postbox = postbox
        self._passwords = passwords
        self._throttle = throttle
        self._effects = effects
        self._audit = audit
        self._pace = pace

    async def send(self, snapshot: Snapshot, facts: Facts, account: Account, payload: Mapping[str, str], language: str) -> None:
        """A letter with a link that verifies the account. `payload` is what one attempt to sign up chose; empty: whoever opens it chooses."""
        who = account.identity
        issued = await self._tickets.issue(snapshot, Purpose.VERIFY, who.user_id, payload)
        link = snapshot.places.public_url(f"/verify?token={issued.token}")
        words: dict[str, str | int] = {"link": link, "code": issued.code, "lasts": int(issued.life), "user": who.user_id}
        await self._postbox.post(snapshot, who.email, "verify", language, facts=facts, **words)

    async def look(self, snapshot: Snapshot, token: str, browser: str) -> Ready | NeedsPassword | Bad:
        """What is left to do with a link. Time does not say what is wrong with one."""
        begun = self._pace.begin()
        held = await self._tickets.look(snapshot, Purpose.VERIFY, token)
        account = None if held is None else await self._accounts.get(held.user_id)
        if held is None or account is None or account.identity.state is not State.CREATED:
            await self._pace.keep(begun)
            return Bad()
        return self._left(account, held, browser)

    async def verify(
        self, snapshot: Snapshot, facts: Facts, token: str, password: str | None, *, browser: str = ""
    ) -> Verified | NeedsPassword | Bad | Throttled:
        """Use a link. `browser` names the browser, where it can be told."""
        held = await self._tickets.look(snapshot, Purpose.VERIFY, token)
        account = None if held is None else await self._accounts.get(held.user_id)
        if held is None or account is None:
            return Bad()
        stored = held.payload.get("password")
        left = self._left(account, held, browser)
        if isinstance(left, NeedsPassword):
            if password is None:
                return left
            try:
                if left.new:
                    weakness = snapshot.password.weakness(password, account.words)
                    if weakness is not None:
                        return replace(left, weakness=weakness)
                    stored = await self._passwords.hash(password)
                else:
                    wait = await self._throttle.allow("verify", f"{held.user_id}/{network_of(facts.client)}", *_TRIES)
                    if wait > 0:
                        return Throttled(wait)
                    if not (await self._passwords.check(stored, password)).right:
                        return replace(left, wrong=True)
            except Busy:
                return Throttled(_BUSY_AGAIN)
        if await self._tickets.take(snapshot, Purpose.VERIFY, token) is None:
            return Bad()  # somebody was quicker
        return await self._finish(facts, account, held, stored)

    async def verify_code(self, snapshot: Snapshot, facts: Facts, user_id: str, code: str) -> Verified | Bad | Throttled:
        """Use a code where no page can ask for a password: the account keeps what was chosen when it was made, or has its attempt's. No code is good
        where somebody else may have chosen that: only a link asks for the password that goes with it. The same answer, in the same time, for every id
        that has no such code."""
        begun = self._pace.begin()
        known = await self._accounts.get(user_id)
        held = await self._take_code(snapshot, facts, "" if known is None or known.contested else user_id, code)
        if not isinstance(held, Held):
            await self._pace.keep(begun)
            return held
        account = await self._accounts.get(held.user_id)
        return Bad() if account is None else await self._finish(facts, account, held, held.payload.get("password"))

    async def trade_code(self, snapshot: Snapshot, facts: Facts, email: str, code: str) -> Link | Bad | Throttled:
        """A link's token for the code that was mailed to `email`. The same answer, in the same time, for every address that has no such code."""
        begun = self._pace.begin()
        address = known_address(email)
        account = None if address is None else await self._accounts.find(address)
        held = await self._take_code(snapshot, facts, "" if account is None else account.identity.user_id, code)
        if not isinstance(held, Held):
            await self._pace.keep(begun)
            return held
        issued = await self._tickets.issue(snapshot, Purpose.VERIFY, held.user_id, held.payload, code=False, expires=held.expires)
        return Link(issued.token)

    async def _take_code(self, snapshot: Snapshot, facts: Facts, user_id: str, code: str) -> Held | Bad | Throttled:
        limits = snapshot.throttle
        wait = await self._throttle.allow("code", network_of(facts.client), limits.per_ip, limits.per_ip_window)
        if wait > 0:
            return Throttled(wait)
        typed = typed_code(code)
        return Bad() if typed is None else await self._tickets.take_by_code(snapshot, Purpose.VERIFY, user_id, typed) or Bad()

    async def _finish(self, facts: Facts, account: Account, held: Held, stored: str | None) -> Verified | Bad:
        user_id = held.user_id
        effect = await self._accounts.verify(user_id, stored)
        if effect is None:
            return Bad()  # it was verified already, or disabled, or deleted
        self._audit.record(Event.USER_VERIFY, user=user_id, email=account.identity.email, address=facts.client)
        try:
            name = held.payload.get("name")
            if name is not None and name != account.identity.name:  # what another attempt chose is not this one's
                profile = Profile(held.payload.get("first_name", ""), held.payload.get("last_name", ""))
                effect = await self._accounts.set_profile(user_id, profile, name, instead_of=account.profile) or effect
            await self._throttle.clear(account.identity.email)
            await self._effects.apply(effect)
        except StoreAway:
            pass  # the account is verified; there is no session that could feel it
        return Verified(user_id)

    def _left(self, account: Account, held: Held, browser: str) -> Ready | NeedsPassword:
        email = account.identity.email
        if "password" not in held.payload:
            return NeedsPassword(email, new=True)
        # Both are hashes of secrets, and whoever guesses one has 128 bits to guess: no time tells anything.
        return Ready(email) if browser and held.payload.get("browser") == browser else NeedsPassword(email, new=False)
