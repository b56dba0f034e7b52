"""Password hashes: Argon2id (RFC 9106) for ours, and bcrypt for those that came from elsewhere until their owner logs in.

Verifying never raises: a hash that is corrupt, or that asks for more memory or time than any sane profile, costs a dummy verification and says no,
so it fails its own account only and takes as long as any other. Passwords are normalised (NFKC) before they are hashed. OWASP Password Storage
Cheat Sheet.
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Final

import argon2
from argon2.exceptions import Argon2Error, InvalidHashError
from argon2.low_level import ARGON2_VERSION

from gateway.core.password import Argon2Cost, normalized
from gateway.crypto.tokens import random_bytes

_ARGON2: Final = re.compile(
    r"(?P<scheme>\$argon2(?:id|i|d)\$v=(?:16|19)\$m=(?P<memory>\d{1,8}),t=(?P<time>\d{1,3}),p=(?P<parallelism>\d{1,3}))\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+"
)
_BCRYPT: Final = re.compile(r"(?P<scheme>\$2[aby]\$(?P<cost>\d\d))\$[A-Za-z0-9./]{53}")
#: bcrypt reads no further (bytes); programs that made such hashes cut there without a word.
_BCRYPT_READS: Final = 72
#: What a hash in the table may ask for at most: 4 GiB; passes; a bcrypt cost of some seconds.
_MOST_MEMORY: Final = 4 << 20
_MOST_TIME: Final = 100
_MOST_COST: Final = 15
#: For tests: as little as the algorithm allows.
CHEAPEST: Final = Argon2Cost(memory=8, time=1, parallelism=1)


class Hasher:
    """Hashes with one cost and verifies all. `dummy` is a hash of that cost whose password nobody knows, not even this program: it was drawn, not
    made, so constructing costs nothing. Other calls block for as long as they cost."""

    def __init__(self, cost: Argon2Cost) -> None:
        self._argon2 = argon2.PasswordHasher(time_cost=cost.time, memory_cost=cost.memory, parallelism=cost.parallelism)
        salt, drawn = _base64(random_bytes(argon2.DEFAULT_RANDOM_SALT_LENGTH)), _base64(random_bytes(argon2.DEFAULT_HASH_LENGTH))
        self.dummy = f"$argon2id$v={ARGON2_VERSION}$m={cost.memory},t={cost.time},p={cost.parallelism}${salt}${drawn}"

    def hash(self, password: str) -> str:
        """A new hash of `password`."""
        return self._argon2.hash(_bytes(password))

    def verify(self, stored: str | None, password: str) -> bool:
        """Whether `stored` is a hash of `password`; without a hash that can be read, no, after as much work."""
        secret = _bytes(password)
        if stored is None or scheme_of(stored) is None:
            self._check_argon2(self.dummy, secret)
            return False
        return self._check_argon2(stored, secret) if stored.startswith("$argon2") else _check_bcrypt(stored, secret)

    def needs_rehash(self, stored: str) -> bool:
        """Whether `stored` was made otherwise than `hash` would make it now."""
        try:
            return self._argon2.check_needs_rehash(stored)
        except InvalidHashError:
            return True

    def kind(self, stored: str) -> str | None:
        """Scheme and parameters: hashes of one kind take one time. None for what cannot be read."""
        return scheme_of(stored)

    def _check_argon2(self, stored: str, secret: bytes) -> bool:
        try:
            return self._argon2.verify(stored, secret)
        except (Argon2Error, InvalidHashError, UnicodeError):
            return False


def scheme_of(stored: str) -> str | None:
    """Scheme and parameters of a hash, its text up to the salt; None when it cannot be read, or asks for more than may be given."""
    if found := _ARGON2.fullmatch(stored):
        bearable = int(found["memory"]) <= _MOST_MEMORY and int(found["time"]) <= _MOST_TIME
        return found["scheme"] if bearable else None
    if found := _BCRYPT.fullmatch(stored):
        return found["scheme"] if int(found["cost"]) <= _MOST_COST else None
    return None


def _check_bcrypt(stored: str, secret: bytes) -> bool:
    import bcrypt  # for accounts that came from elsewhere only: most gateways never load it

    try:
        return bcrypt.checkpw(secret[:_BCRYPT_READS], stored.encode("ascii"))
    except ValueError:
        return False


def _base64(data: bytes) -> str:
    return b64encode(data).rstrip(b"=").decode("ascii")


def _bytes(password: str) -> bytes:
    # surrogatepass: what is no Unicode is some password nobody has, not an error.
    return normalized(password).encode("utf-8", "surrogatepass")
