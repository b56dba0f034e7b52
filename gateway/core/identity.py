"""Who somebody is, as sessions carry it and upstreams are told it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

#: A group's name (DESIGN 1.8): no separator can occur inside one, so a list of groups cannot be forged by a name.
GROUP_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/-]{0,63}")


class State(StrEnum):
    """The state of an account; only `verified` passes anything that asks for a login."""

    CREATED = "created"
    VERIFIED = "verified"
    EXPIRED = "expired"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Identity:
    """A person's account as of the session's epoch. `user_id` is a lower-case UUID (version 7)."""

    user_id: str
    email: str
    name: str
    groups: tuple[str, ...]
    state: State
