"""Keys as text: base64url of 32 random bytes, 43 characters, as `gateway keys generate` prints them; and which are too weak to seal anything."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from hashlib import sha256
from itertools import pairwise
from typing import Final

KEY_BYTES: Final = 32
#: Fewer different bytes than this among 32 do not occur in practice by chance (one in 10¹³).
_FEWEST_DIFFERENT: Final = 20
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]{43}=?")
#: SHA-256 of keys that documentation shows; nobody may use them.
_SAMPLES: Final = frozenset({"281b322af9369a184834f59ed1ed399b7d58e8970a9817b3b33241e9ba752447"})


def encode_key(secret: bytes) -> str:
    """32 bytes as they stand in a configuration."""
    return urlsafe_b64encode(secret).decode("ascii").rstrip("=")


def decode_key(text: str) -> bytes:
    """The 32 bytes of a key. Raises ValueError, whose text quotes nothing, when it is malformed or weak."""
    if not _BASE64URL.fullmatch(text):
        raise ValueError("is no key: 43 characters as `gateway keys generate` prints them")
    try:
        secret = urlsafe_b64decode(text.rstrip("=") + "=")
    except (ValueError, Error):
        raise ValueError("is no key: 43 characters as `gateway keys generate` prints them") from None
    if sha256(secret).hexdigest() in _SAMPLES:
        raise ValueError("is the sample of the documentation, which everybody knows")
    if _weak(secret):
        raise ValueError("is a weak key: it is not random")
    return secret


def _weak(secret: bytes) -> bool:
    steps = {(after - before) % 256 for before, after in pairwise(secret)}
    readable = all(0x20 <= byte < 0x7F for byte in secret)
    return len(set(secret)) < _FEWEST_DIFFERENT or len(steps) < 4 or readable
