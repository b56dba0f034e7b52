"""Randomness: ids and secrets (`secrets`, never `random`: CVE-2024-21495), and their hashes."""

from __future__ import annotations

import hashlib
import os
import secrets
from binascii import hexlify

SESSION_ID_BYTES = 16
SESSION_SECRET_BYTES = 32


def random_bytes(size: int) -> bytes:
    """`size` unpredictable bytes."""
    return secrets.token_bytes(size)


def sha256(data: bytes) -> bytes:
    """SHA-256 of `data`; enough for tokens of 32 random bytes, which need no key and no salt."""
    return hashlib.sha256(data).digest()


def new_request_id() -> str:
    """32 hex digits, to find a request in every log."""
    return hexlify(os.urandom(16)).decode("ascii")


class RequestIds:
    """The same for every request: drawn from the system many at a time, since a system call for each would cost more than the rest. Not for secrets.

    Belongs to one process: after a fork both would give out the same.
    """

    __slots__ = ("_drawn", "_used")

    def __init__(self) -> None:
        self._drawn = ""
        self._used = 0

    def next(self) -> str:
        """32 hex digits that were not given out before."""
        start = self._used
        if start == len(self._drawn):
            self._drawn, start = os.urandom(16 * 256).hex(), 0
        self._used = start + 32
        return self._drawn[start : self._used]


def new_user_id(now: float) -> str:
    """A lower-case UUID of version 7 (RFC 9562 section 5.7); `now` in seconds since 1970."""
    value = (int(now * 1000) & (1 << 48) - 1) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
