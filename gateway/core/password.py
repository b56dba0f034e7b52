"""What a new password must be. Existing ones are never judged: policy applies when a password is set.

NIST SP 800-63B section 5.1.1.2: length counts, composition rules do not exist, every character is welcome. Reasons are codes, in the order in which a
person can do something about them.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import StrEnum


class Weakness(StrEnum):
    """Why a password is refused."""

    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """Lengths in code points after normalisation."""

    min_length: int = 8
    max_length: int = 256

    def weakness(self, password: str) -> Weakness | None:
        """The first reason to refuse `password`, None when it is good."""
        length = len(normalized(password))
        if length < self.min_length:
            return Weakness.TOO_SHORT
        if length > self.max_length:
            return Weakness.TOO_LONG
        return None


def normalized(password: str) -> str:
    """The form in which a password is counted and hashed (NFKC), so that every keyboard types the same one."""
    return unicodedata.normalize("NFKC", password)
