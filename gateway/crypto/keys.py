"""The key ring: operators' 32-byte secrets as roots of one key per purpose.

HKDF-SHA256 (RFC 5869) separates the purposes, so that what was made for one is worth nothing for another (CVE-2024-47616); the record key is
derived once more for each session. The first key that seals does; all of them open, so a key is replaced without logging anybody out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class Purpose(Enum):
    """What a derived key is for."""

    COOKIE = b"gateway cookie"
    RECORD = b"gateway record"
    CSRF = b"gateway csrf"
    CODE = b"gateway code"
    ASSERTION = b"gateway assertion"


def derive(secret: bytes, info: bytes) -> bytes:
    """32 bytes of HKDF-SHA256 without salt (the secret is uniformly random)."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secret)


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
