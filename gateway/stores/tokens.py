"""What was mailed to somebody and proves, once, that it arrived: the protocol over SQL.

No token and no code is kept in clear, and nothing here can be presented: `hash` is one-way, `code` a MAC, `payload` sealed by whoever made it.
Times are seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Purpose(StrEnum):
    """What a token is good for, and nothing else."""

    VERIFY = "verify"
    RESET = "reset"
    EMAIL = "email"
    EMAIL_CANCEL = "email-cancel"


@dataclass(frozen=True, slots=True)
class Token:
    """A row of `tokens`. `hash` and `code` are hexadecimal; `code` may be used until `code_until`, which is never later than `expires`."""

    hash: str = field(repr=False)
    purpose: Purpose
    user_id: str
    created: float
    expires: float
    code: str | None = field(default=None, repr=False)
    tries_left: int = 0
    payload: bytes = field(default=b"", repr=False)
    code_until: float = 0.0


class TokenStore(Protocol):
    """Whoever changes a password or an address voids the user's tokens in the same transaction: see AccountStore."""

    async def add(self, token: Token) -> None:
        """Keep it. Others of the same user stay good."""

    async def peek(self, hash_: str, purpose: Purpose, now: float) -> Token | None:
        """The token, if it is good now; it stays good."""

    async def consume(self, hash_: str, purpose: Purpose, now: float) -> Token | None:
        """The token, if it is good now, which nobody gets a second time."""

    async def try_code(self, user_id: str, purpose: Purpose, codes: Sequence[str], now: float, *, keep: bool = False) -> Token | None:
        """Consume the user's token whose code is one of `codes` (one code's MACs under several keys); with `keep` it stays good. A wrong try counts
        against every code of that user and purpose; the last one voids the code, not its link."""

    async def drop_of(self, user_id: str, purpose: Purpose | None = None) -> int:
        """Void the user's tokens of that purpose, or all; how many."""

    async def prune(self, now: float) -> int:
        """Delete what has expired; how many."""
