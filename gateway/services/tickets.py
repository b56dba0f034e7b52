"""Tickets: what is mailed to somebody so that they can prove that it arrived, as a link's token and as a code of six digits.

Only hashes are kept. What belongs to a ticket (the password of one attempt to sign up, say) is sealed beside it and bound to it. A ticket is good
once, for one purpose, and until its time is over; its code for at most a day and five tries, whoever makes them. Six digits are few, and whoever
asks for new codes again and again has five tries with each: so all codes of an account for one purpose share a number of tries a day, past which even
the right one is wrong, until tomorrow. Links go on working. NIST SP 800-63B section 5.2.2.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.crypto.keys import Purpose as KeyPurpose
from gateway.crypto.mailed import code_macs, new_code, new_token, spoken, token_hash
from gateway.crypto.sealing import open_note, seal_note
from gateway.services.throttle import Throttle
from gateway.snapshot import Snapshot
from gateway.stores.tokens import Purpose, Token, TokenStore

__all__ = ["Held", "Issued", "Purpose", "Tickets"]

#: How long a link is good (seconds): one number for the mail's text and for the check.
LIFE: Final[Mapping[Purpose, float]] = {
    Purpose.VERIFY: 72 * 3600.0,
    Purpose.RESET: 30 * 60.0,
    Purpose.EMAIL: 24 * 3600.0,
    Purpose.EMAIL_CANCEL: 72 * 3600.0,
}
#: The longest life of a code (seconds), and how often it may be tried.
CODE_LIFE: Final = 24 * 3600.0
CODE_TRIES: Final = 5
#: Codes that may be typed for one account and purpose, the right one included: so many in so many seconds.
CODES_A_DAY: Final = (30, 86_400.0)
_USER_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Issued:
    """What goes into the mail. `code` is written as people read it; '' where there is none. `life` is in seconds."""

    token: str = field(repr=False)
    code: str = field(repr=False)
    life: float


@dataclass(frozen=True, slots=True)
class Held:
    """A ticket that is good, or was until it was taken just now. `expires` is seconds since 1970."""

    user_id: str
    expires: float
    payload: Mapping[str, str] = field(repr=False)
    hash: str = field(repr=False)


class Tickets:
    """Methods raise StoreAway. `clock` returns seconds since 1970."""

    def __init__(self, store: TokenStore, throttle: Throttle, clock: Callable[[], float]) -> None:
        self._store = store
        self._throttle = throttle
        self._clock = clock

    async def issue(
        self, snapshot: Snapshot, purpose: Purpose, user_id: str, payload: Mapping[str, str], *, code: bool = True, expires: float | None = None
    ) -> Issued:
        """A new ticket; earlier ones stay good. `expires` (seconds since 1970) shortens its life."""
        now = self._clock()
        token = new_token()
        hashed = token_hash(purpose.value, token)
        assert hashed is not None
        digits = new_code() if code else None
        end = now + LIFE[purpose] if expires is None else min(expires, now + LIFE[purpose])
        await self._store.add(
            Token(
                hashed,
                purpose,
                user_id,
                created=now,
                expires=end,
                code=None if digits is None else code_macs(snapshot.keys, purpose.value, user_id, digits)[0],
                tries_left=0 if digits is None else CODE_TRIES,
                payload=seal_note(snapshot.keys, KeyPurpose.TOKEN, _place(purpose, hashed), json.dumps(dict(payload)).encode()),
                code_until=0.0 if digits is None else min(end, now + CODE_LIFE),
            )
        )
        return Issued(token, "" if digits is None else spoken(digits), end - now)

    async def look(self, snapshot: Snapshot, purpose: Purpose, token: str) -> Held | None:
        """The ticket of that link; it stays good."""
        hashed = token_hash(purpose.value, token)
        return None if hashed is None else _held(snapshot, await self._store.peek(hashed, purpose, self._clock()))

    async def take(self, snapshot: Snapshot, purpose: Purpose, token: str) -> Held | None:
        """The ticket of that link, which nobody gets a second time."""
        hashed = token_hash(purpose.value, token)
        return None if hashed is None else _held(snapshot, await self._store.consume(hashed, purpose, self._clock()))

    async def take_held(self, snapshot: Snapshot, purpose: Purpose, held: Held) -> Held | None:
        """The ticket that was looked at, which nobody gets a second time."""
        return _held(snapshot, await self._store.consume(held.hash, purpose, self._clock()))

    async def look_by_code(self, snapshot: Snapshot, purpose: Purpose, user_id: str, code: str) -> Held | None:
        """The user's ticket of that code; it stays good. Looking counts as `take_by_code` does."""
        return await self._by_code(snapshot, purpose, user_id, code, keep=True)

    async def take_by_code(self, snapshot: Snapshot, purpose: Purpose, user_id: str, code: str) -> Held | None:
        """The user's ticket of that code (six digits), which nobody gets a second time. A wrong code counts. What is no user's id has none, nor has
        who was tried too often today."""
        return await self._by_code(snapshot, purpose, user_id, code, keep=False)

    async def _by_code(self, snapshot: Snapshot, purpose: Purpose, user_id: str, code: str, *, keep: bool) -> Held | None:
        if not _USER_ID.fullmatch(user_id) or await self._throttle.allow(f"codes/{purpose}", user_id, *CODES_A_DAY) > 0:
            return None
        macs = code_macs(snapshot.keys, purpose.value, user_id, code)
        return _held(snapshot, await self._store.try_code(user_id, purpose, macs, self._clock(), keep=keep))

    async def drop(self, user_id: str, purpose: Purpose | None = None) -> None:
        """Void the user's tickets of that purpose, or all."""
        await self._store.drop_of(user_id, purpose)


def _held(snapshot: Snapshot, token: Token | None) -> Held | None:
    """None too where its key is gone: what belonged to it cannot be known any more."""
    if token is None:
        return None
    plain = open_note(snapshot.keys, KeyPurpose.TOKEN, _place(token.purpose, token.hash), token.payload)
    return None if plain is None else Held(token.user_id, token.expires, json.loads(plain), token.hash)


def _place(purpose: Purpose, hashed: str) -> str:
    return f"{purpose.value}:{hashed}"
