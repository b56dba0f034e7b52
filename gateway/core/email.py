"""When two spellings of an e-mail address are one account.

The key decides uniqueness and look-ups; what is shown, mailed and sent to upstreams is the address as it was entered. RFC 5321 section 2.4 allows
local parts that differ in case only; nobody's mailbox does, and two accounts that look alike would be an attack (Unicode TR 36 section 2).
"""

from __future__ import annotations

import unicodedata
from typing import Final

#: RFC 5321 section 4.5.3.1.3, less the angle brackets (characters).
MOST_ADDRESS: Final = 254


def address_key(address: str) -> str:
    """What two addresses share when they are the same account."""
    return folded(address)


def folded(text: str) -> str:
    """`text` with compatibility characters and case folded: what is compared where neither matters."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
