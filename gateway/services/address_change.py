"""Changing one's e-mail address: asked for with the password, in force once the new address has answered, and until then to be called off.

Login, headers and mail keep the old address meanwhile. The old address is told, with a link that calls the change off; the new one gets the link
that confirms it, or, where another account has it, a notice to its owner. Whoever asks sees the same in both cases: nobody finds out here which
addresses have accounts. A change never touches the account's state (rivo/users lets an expired account revive itself so). OWASP Authentication
Cheat Sheet, "Change Registered Email Address".
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.core.facts import Facts
from gateway.core.identity import State
from gateway.services.addresses import NotValid, canonical_address
from gateway.services.audit import Audit, Event
from gateway.services.effects import Effects
from gateway.services.login import Throttled, Wrong
from gateway.services.pace import Pace
from gateway.services.proof import Proof
from gateway.services.self_service import Vanished
from gateway.services.sessions import Found
from gateway.services.throttle import Throttle
from gateway.services.tickets import Held, Purpose, Tickets
from gateway.services.verification import Postbox
from gateway.snapshot import Snapshot
from gateway.stores import StoreAway
from gateway.stores.accounts import AccountStore, AddressTaken

#: So many changes may one account ask for in so many seconds: each sends mail to an address that its owner chooses.
MOST_ASKED = 5
_ASKED_WINDOW = 3600.0


@dataclass(frozen=True, slots=True)
class Asked:
    """The change waits for `email`, or seems to."""

    email: str


@dataclass(frozen=True, slots=True)
class Unusable:
    """What was entered is no address."""


@dataclass(frozen=True, slots=True)
class Same:
    """It is the account's address already."""


@dataclass(frozen=True, slots=True)
class Moved:
    """The account's address is `email` now."""

    email: str


@dataclass(frozen=True, slots=True)
class CalledOff:
    """The account keeps its address."""


@dataclass(frozen=True, slots=True)
class Bad:
    """The link is unknown, used, expired or overtaken: one answer for all."""


class AddressChange:
    """Methods raise StoreAway when nothing was changed."""

    def __init__(
        self,
        accounts: AccountStore,
        tickets: Tickets,
        postbox: Postbox,
        proof: Proof,
        throttle: Throttle,
        effects: Effects,
        audit: Audit,
        pace: Pace,
    ) -> None:
        self._accounts = accounts
        self._tickets = tickets
        self._postbox = postbox
        self._proof = proof
        self._throttle = throttle
        self._effects = effects
        self._audit = audit
        self._pace = pace

    async def ask(
        self, snapshot: Snapshot, facts: Facts, found: Found, current: str, email: str, language: str
    ) -> Asked | Unusable | Same | Wrong | Throttled:
        """Let `email` wait for its confirmation; `current` is the password. Raises Vanished."""
        account = await self._accounts.get(found.session.identity.user_id)
        if account is None:
            raise Vanished
        who = account.identity
        try:
            new = canonical_address(email)
        except NotValid:
            return Unusable()
        if new == who.email:
            return Same()
        refused = await self._proof.give(snapshot, facts, account, current)
        if refused is not None:
            return refused
        wait = await self._throttle.allow("change of address", who.user_id, MOST_ASKED, _ASKED_WINDOW)
        if wait > 0:
            return Throttled(wait)
        begun = self._pace.begin()
        other = await self._accounts.find(new)
        # Who only signed up for the address has not shown that it is theirs, and must not keep its owner from it.
        given = other is None or other.identity.user_id == who.user_id or other.signed_up is not None
        owner = None if given or other is None else other.identity
        # A reset that came in between must not be undone by the old password.
        if not await self._accounts.set_pending_email(who.user_id, new, epoch=account.epoch):
            raise Vanished
        # The same is written whoever has the address; a link that nobody is sent confirms nothing.
        confirm = await self._tickets.issue(snapshot, Purpose.EMAIL, who.user_id, {"email": new}, code=False)
        cancel = await self._tickets.issue(snapshot, Purpose.EMAIL_CANCEL, who.user_id, {}, code=False)
        self._audit.record(Event.EMAIL_ASK, user=who.user_id, email=who.email, address=facts.client, session=found.member)
        places = snapshot.places
        if owner is not None:  # told where the owner reads it: another spelling may be another's mailbox
            await self._postbox.post(snapshot, owner.email, "email_taken", language, facts=facts)
        else:
            link = places.public_url(f"/account/email/confirm?token={confirm.token}")
            await self._postbox.post(snapshot, new, "email_confirm", language, facts=facts, link=link, lasts=int(confirm.life))
        link = places.public_url(f"/account/email/cancel?token={cancel.token}")
        await self._postbox.post(snapshot, who.email, "email_notice", language, facts=facts, link=link, email=new)
        await self._pace.keep(begun)
        return Asked(new)

    async def look(self, snapshot: Snapshot, token: str) -> str | None:
        """The address that the link would confirm; it stays good."""
        held = await self._look(snapshot, Purpose.EMAIL, token)
        return None if held is None else held.payload["email"]

    async def may_cancel(self, snapshot: Snapshot, token: str) -> bool:
        """Whether the link would call a change off; it stays good."""
        return await self._look(snapshot, Purpose.EMAIL_CANCEL, token) is not None

    async def confirm(self, snapshot: Snapshot, facts: Facts, token: str) -> Moved | Bad:
        """Make the pending address the account's."""
        held = await self._tickets.take(snapshot, Purpose.EMAIL, token)
        if held is None:
            return Bad()
        email = held.payload["email"]
        account = await self._accounts.get(held.user_id)
        if account is None or account.identity.state is State.DISABLED:
            return Bad()  # disabling an account disables its links
        other = await self._accounts.find(email)
        try:
            effect = await self._accounts.confirm_email(held.user_id, email)
        except AddressTaken:
            return Bad()
        if effect is None:
            return Bad()
        replaced = None if other is None or other.identity.user_id == held.user_id else other.identity.user_id
        self._audit.record(Event.EMAIL_CHANGE, user=held.user_id, email=email, address=facts.client, replaced=replaced)
        try:
            await self._effects.apply(effect)
        except StoreAway:
            pass  # it is saved; sessions hear of it when the store is back
        return Moved(email)

    async def cancel(self, snapshot: Snapshot, facts: Facts, token: str) -> CalledOff | Bad:
        """Keep the present address, by the link that it was sent."""
        held = await self._tickets.take(snapshot, Purpose.EMAIL_CANCEL, token)
        if held is None or not await self._accounts.set_pending_email(held.user_id, None):
            return Bad()
        self._audit.record(Event.EMAIL_CANCEL, user=held.user_id, address=facts.client)
        return CalledOff()

    async def withdraw(self, facts: Facts, found: Found) -> CalledOff:
        """Keep the present address, by who is logged in."""
        who = found.session.identity
        if not await self._accounts.set_pending_email(who.user_id, None):
            raise Vanished
        self._audit.record(Event.EMAIL_CANCEL, user=who.user_id, email=who.email, address=facts.client, session=found.member)
        return CalledOff()

    async def _look(self, snapshot: Snapshot, purpose: Purpose, token: str) -> Held | None:
        """The link's ticket; None, in one time, whatever is wrong with it."""
        begun = self._pace.begin()
        held = await self._tickets.look(snapshot, purpose, token)
        if held is None:
            await self._pace.keep(begun)
        return held
