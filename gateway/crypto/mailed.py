"""Secrets that travel by mail: a link's token, and a code of six digits for those who cannot follow one.

A token is 32 random bytes, so its hash needs no key; the hash covers the purpose, and a token for one thing does nothing else. A code can be guessed
and its plain hash be searched, so it is kept as an HMAC under the ring's own purpose, bound to the purpose and the user: the sealing key makes it,
every key checks it. OWASP Forgot Password Cheat Sheet.
"""

from __future__ import annotations

import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from typing import Final

from gateway.crypto.keys import KeyRing, Purpose
from gateway.crypto.tokens import random_bytes, sha256

#: Digits of a code.
CODE_DIGITS: Final = 6
_TOKEN_BYTES: Final = 32
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_CODE: Final = re.compile(r"[0-9]{6}")


def new_token() -> str:
    """43 characters that stand in a link."""
    return urlsafe_b64encode(random_bytes(_TOKEN_BYTES)).rstrip(b"=").decode("ascii")


def token_hash(purpose: str, token: str) -> str | None:
    """How a token for `purpose` is found (64 hex digits); None for what cannot be one."""
    if not _TOKEN.fullmatch(token):
        return None
    return sha256(b"gateway token\0" + purpose.encode("ascii") + b"\0" + token.encode("ascii")).hex()


def new_code() -> str:
    """Six digits."""
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"


def spoken(code: str) -> str:
    """A code as people read it: two groups of three."""
    return f"{code[:3]} {code[3:]}"


def typed_code(text: str) -> str | None:
    """The code that somebody typed, white space aside; None for what cannot be one."""
    code = "".join(text.split())
    return code if _CODE.fullmatch(code) else None


def code_macs(ring: KeyRing, purpose: str, user_id: str, code: str) -> list[str]:
    """What is kept of a code (hex), made with every key, the sealing one first."""
    text = b"\0".join(part.encode("ascii") for part in (purpose, user_id, code))
    return [hmac.digest(key, text, "sha256").hex() for key in ring.derived(Purpose.CODE)]
