"""Accounts and what their sessions must feel: the protocol over SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gateway.core.identity import Identity, State
from gateway.core.profile import Profile


class AddressTaken(Exception):
    """An account with this e-mail address (without regard to case) exists."""


@dataclass(frozen=True, slots=True)
class Account:
    """A row of `users`. Times are seconds since 1970; `password_hash` is None when no password is set, `pending_email` when no other address waits
    for its confirmation; `contested` when somebody signed up again for an account that waits for its verification: its password may be either one's;
    `signed_up` when somebody last signed up for it, while nobody has confirmed it and no administrator has touched it: such an account gives way.
    Logins that failed in a row are counted by address, in stores/failures.py."""

    identity: Identity
    password_hash: str | None = field(repr=False)
    epoch: int
    created: float
    last_login: float | None
    profile: Profile = Profile()
    pending_email: str | None = None
    contested: bool = False
    signed_up: float | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """What belongs to the person, and may be no password."""
        return self.identity.email, self.identity.name, self.profile.first_name, self.profile.last_name


@dataclass(frozen=True, slots=True)
class SessionEffect:
    """A row of `session_effects`: sessions of `user_id` below `end_below` end, others below `epoch` get the identity as it is now."""

    user_id: str
    epoch: int
    end_below: int


class AccountStore(Protocol):
    """Every change that sessions must feel raises the user's epoch and writes the effect in the same transaction; it returns the effect."""

    async def find(self, email: str) -> Account | None:
        """By canonical address, without regard to case."""

    async def get(self, user_id: str) -> Account | None:
        """By id."""

    async def epoch(self, user_id: str) -> int | None:
        """The epoch as it is now; None when the account is gone."""

    async def add(self, account: Account) -> None:
        """Raises AddressTaken."""

    async def add_many(self, accounts: Sequence[Account]) -> None:
        """All of them in one transaction, or none. Raises AddressTaken."""

    async def taken(self, emails: Sequence[str]) -> Sequence[str]:
        """Those of `emails` that are an account's address, in any spelling."""

    async def search(self, text: str, *, limit: int = 100, after: str | None = None) -> Sequence[Account]:
        """Accounts with `text` anywhere in address or name, without regard to case; in the order of addresses, after the address `after`."""

    async def list(self, *, limit: int = 1000, after: str | None = None) -> Sequence[Account]:
        """In the order of addresses, after the address `after`."""

    async def set_state(self, user_id: str, state: State) -> SessionEffect | None:
        """None when there is no such account. Disabling also ends the sessions, voids every token and forgets a pending address: what was mailed
        before must not work once the account is enabled again."""

    async def set_groups(self, user_id: str, groups: tuple[str, ...]) -> SessionEffect | None:
        """None when there is no such account."""

    async def set_password(self, user_id: str, password_hash: str, *, epoch: int | None = None) -> SessionEffect | None:
        """Also ends the sessions, voids every token and forgets a pending address. With `epoch`, only while the account's epoch is that, and else
        None."""

    async def set_profile(self, user_id: str, profile: Profile, name: str, *, instead_of: Profile) -> SessionEffect | None:
        """`name` is what upstreams are told. None when there is no such account, or its profile is not `instead_of` any more."""

    async def verify(self, user_id: str, password_hash: str | None) -> SessionEffect | None:
        """From created to verified, with a new password where one is given, and void the tokens that would verify. None for any other state."""

    async def contest(self, user_id: str, now: float) -> None:
        """Somebody signed up for it again; until it is verified, nobody knows whose password it has. Nothing for any other state than created."""

    async def prune(self, before: float, now: float, limit: int) -> Sequence[Account]:
        """Delete accounts that were last signed up for before then, and for which no mailed link is good any more; what was deleted, at most `limit`.
        Sessions feel nothing: nobody has logged in to them."""

    async def set_pending_email(self, user_id: str, email: str | None, *, epoch: int | None = None) -> bool:
        """The address that waits for its confirmation, or None; tokens of an earlier one are void. Sessions feel nothing. False without account. With
        `epoch`, only while the account's epoch is that."""

    async def confirm_email(self, user_id: str, expected: str) -> SessionEffect | None:
        """Make the pending address the account's and void every token, if it is still `expected`; None if not. An account of that address that
        somebody signed up for and nobody confirmed is deleted. Raises AddressTaken for any other."""

    async def rehash(self, user_id: str, old: str, new: str) -> None:
        """Replace a hash by a stronger one of the same password, if it is still `old`; sessions feel nothing."""

    async def delete(self, user_id: str) -> SessionEffect | None:
        """Also ends the sessions and voids every token."""

    async def end_sessions(self, user_id: str) -> SessionEffect | None:
        """Raise epoch and `end_below`: every session of the user ends."""

    async def end_all_sessions(self) -> int:
        """The same for every account, in one transaction; how many accounts there are."""

    async def record_login(self, user_id: str, now: float) -> None:
        """Set the last login."""

    async def strongest_hashes(self) -> Sequence[str]:
        """One example hash for every scheme and set of parameters in the table: what a refusal's time is padded to."""

    async def effects(self) -> Sequence[SessionEffect]:
        """The effects that have not been applied yet."""

    async def effect_applied(self, effect: SessionEffect) -> None:
        """Delete the row if its epoch is still the effect's."""

    async def ping(self) -> None:
        """Raises StoreAway unless the database answers."""

    async def close(self) -> None:
        """Give connections back."""
