"""The key ring: operators' 32-byte secrets as roots of one key per purpose.

HKDF-SHA256 (RFC 5869) separates the purposes, so that what was made for one is worth nothing for another (CVE-2024-47616); the record key is
derived once more for each session. The first key that seals does; all of them open, so a key is replaced without logging anybody out.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class Purpose(Enum):
    """What a derived key is for."""

    COOKIE = b"gateway cookie"
    RECORD = b"gateway record"
    CSRF = b"gateway csrf"
    CODE = b"gateway code"
    ASSERTION = b"gateway assertion"
    MAIL = b"gateway mail"
    TOKEN = b"gateway token"


def derive(secret: bytes, info: bytes) -> bytes:
    """32 bytes of HKDF-SHA256 without salt (the secret is uniformly random). Written out: the library's takes three times as long, for every session
    that this process has not seen."""
    return hmac.digest(_extract(secret), info + b"\x01", "sha256")  # RFC 5869 section 2.3, of which one round gives 32 bytes


@lru_cache(maxsize=256)
def _extract(secret: bytes) -> bytes:
    """RFC 5869 section 2.2. Remembered, since every session's key is derived from the same secret."""
    return hmac.digest(bytes(32), secret, "sha256")


@dataclass(frozen=True, slots=True)
class Key:
    """One root secret: 32 bytes, named by 1–16 characters of a-z 0-9 -. `seals` is false for one that only opens."""

    id: str
    secret: bytes = field(repr=False)
    seals: bool = True
    derived: dict[Purpose, bytes] = field(init=False, repr=False, compare=False)
    cookie_cipher: AESGCM = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        derived = {purpose: derive(self.secret, purpose.value) for purpose in Purpose}
        object.__setattr__(self, "derived", derived)
        object.__setattr__(self, "cookie_cipher", AESGCM(derived[Purpose.COOKIE]))

    def __reduce__(self) -> tuple[type[Key], tuple[str, bytes, bool]]:
        """A cipher cannot leave its process: what is derived is derived again."""
        return Key, (self.id, self.secret, self.seals)

    def record_cipher(self, session: bytes) -> AESGCM:
        """The cipher for one session's record; `session` is the SHA-256 of its id."""
        return _record_cipher(self.derived[Purpose.RECORD], session)


@lru_cache(maxsize=4096)
def _record_cipher(root: bytes, session: bytes) -> AESGCM:
    return AESGCM(derive(root, session))


class KeyRing:
    """All configured keys. Raises ValueError when none of them seals or an id stands twice."""

    __slots__ = ("_by_id", "keys", "sealing")

    def __init__(self, keys: Sequence[Key]) -> None:
        self.keys = tuple(keys)
        self._by_id = {key.id: key for key in keys}
        if len(self._by_id) != len(self.keys):
            raise ValueError("two keys have the same id")
        sealing = next((key for key in keys if key.seals), None)
        if sealing is None:
            raise ValueError("no key seals")
        self.sealing = sealing

    def get(self, key_id: str) -> Key | None:
        """The key of that id, None for a foreign one."""
        return self._by_id.get(key_id)

    def derived(self, purpose: Purpose) -> list[bytes]:
        """The keys of one purpose, the sealing one first: make with the first, check with all."""
        rest = [key.derived[purpose] for key in self.keys if key is not self.sealing]
        return [self.sealing.derived[purpose], *rest]
