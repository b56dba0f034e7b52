"""A session's life: what is kept of it, when it ends, and what a presented secret means.

Pure: time is an argument (seconds since 1970), secrets are hashes here. The session *id* is stable for the session's life; its *secret* is replaced
every `rotate_every`. While a successor is unconfirmed (nobody has presented it yet) the replaced secret still works and is answered with the
successor's cookie, so that a lost answer is repaired however late; `rotate_grace` after the successor was first presented, the replaced secret is
retired, and presenting it is theft. Sources: DESIGN 1.7, OWASP Session Management Cheat Sheet (renewal, absolute timeout), NIST SP 800-63B section
7.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from gateway.core.identity import Identity, State

#: Added to a record's time to live in the store, so that clocks that differ a little delete nothing that is alive (seconds).
TTL_SLACK = 60.0


@dataclass(frozen=True, slots=True)
class Life:
    """How long sessions live, in seconds."""

    idle: float = 1800.0
    absolute: float = 43200.0
    remember: float = 2592000.0
    rotate_every: float = 3600.0
    rotate_grace: float = 60.0
    touch_every: float = 30.0

    @property
    def touch_window(self) -> float:
        """Never longer than a quarter of the idle limit, so that coalesced renewal cannot end a session in use."""
        return min(self.touch_every, self.idle / 4)


@dataclass(frozen=True, slots=True)
class Session:
    """What the store keeps of a session. `confirmed` is 0.0 while nobody has presented the present secret; `replaced` is empty when there is none."""

    identity: Identity
    epoch: int
    created: float
    authenticated: float
    last_seen: float
    rotated: float
    confirmed: float
    secret: bytes = field(repr=False)
    replaced: bytes = field(repr=False)
    cookie: str = field(repr=False)
    address: str
    user_agent: str
    remember: bool

    def absolute_end(self, life: Life) -> float:
        """When the session ends whatever happens."""
        return self.created + (life.remember if self.remember else life.absolute)

    def end(self, life: Life) -> float:
        """When the session ends unless it is used. A remembered session has no idle limit."""
        absolute = self.absolute_end(life)
        return absolute if self.remember else min(absolute, self.last_seen + life.idle)

    def ttl(self, life: Life, now: float) -> float:
        """Seconds that the store is to keep the record."""
        return max(self.end(life) - now, 0.0) + TTL_SLACK


class Standing(Enum):
    """What a presented secret is, by the record that was just read."""

    PRESENT = "present"
    """The present secret."""
    UNCONFIRMED = "unconfirmed"
    """The present secret, presented for the first time: confirm it."""
    REPLACED = "replaced"
    """The one before it, still within grace: answer with the present cookie."""
    RETIRED = "retired"
    """A secret that must not be in use any more: theft."""
    IDLE = "idle"
    """The session's idle limit has passed."""
    OVER = "over"
    """The session's absolute limit has passed."""


def judge(session: Session, secrets: tuple[bytes, ...], life: Life, now: float, last_used: float = 0.0) -> Standing:
    """What the hashes `secrets` (all presented for this session) mean at `now`.

    The present secret counts, then the replaced one; theft only if none is good. `last_used` is a use that this process knows of and has not
    written yet.
    """
    if now >= session.absolute_end(life):
        return Standing.OVER
    if not session.remember and now >= max(session.last_seen, last_used) + life.idle:
        return Standing.IDLE
    if _among(session.secret, secrets):
        return Standing.PRESENT if session.confirmed else Standing.UNCONFIRMED
    if session.replaced and _among(session.replaced, secrets) and (not session.confirmed or now < session.confirmed + life.rotate_grace):
        return Standing.REPLACED
    return Standing.RETIRED


def rotation_due(session: Session, life: Life, now: float) -> bool:
    """Whether the secret is old enough to be replaced; never while its own arrival is unconfirmed, nor in its predecessor's grace, which would be cut
    short."""
    if not session.confirmed or now < session.rotated + life.rotate_every:
        return False
    return not session.replaced or now >= session.confirmed + life.rotate_grace


def touched(session: Session, now: float) -> Session:
    """`session`, used at `now`."""
    return replace(session, last_seen=max(session.last_seen, now))


def confirmed(session: Session, now: float) -> Session:
    """`session`, its present secret having been presented at `now`."""
    return replace(session, confirmed=now, last_seen=max(session.last_seen, now))


def rotated(session: Session, secret: bytes, cookie: str, now: float) -> Session:
    """`session` with a new secret (its hash) and cookie, the present one becoming the replaced one."""
    return replace(session, secret=secret, replaced=session.secret, cookie=cookie, rotated=now, confirmed=0.0, last_seen=max(session.last_seen, now))


def refreshed(session: Session, identity: Identity, epoch: int) -> Session:
    """`session` with the identity of a newer epoch. Rotation becomes due, with the ordinary grace."""
    return replace(session, identity=identity, epoch=epoch, rotated=0.0)


def _among(secret: bytes, presented: tuple[bytes, ...]) -> bool:
    if len(presented) == 1:
        return hmac.compare_digest(secret, presented[0])
    return any(hmac.compare_digest(secret, one) for one in presented)


def encode(session: Session) -> bytes:
    """The inside of a record; sealed before it is stored."""
    who = session.identity
    fields = {
        "user": [who.user_id, who.email, who.name, list(who.groups), who.state.value],
        "epoch": session.epoch,
        "created": session.created,
        "authenticated": session.authenticated,
        "last_seen": session.last_seen,
        "rotated": session.rotated,
        "confirmed": session.confirmed,
        "secret": session.secret.hex(),
        "replaced": session.replaced.hex(),
        "cookie": session.cookie,
        "address": session.address,
        "user_agent": session.user_agent,
        "remember": session.remember,
    }
    return json.dumps(fields, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def decode(data: bytes) -> Session:
    """The session that `encode` made `data` of. Raises ValueError, KeyError or TypeError for anything else."""
    fields: dict[str, Any] = json.loads(data)
    user_id, email, name, groups, state = fields["user"]
    return Session(
        identity=Identity(user_id, email, name, tuple(groups), State(state)),
        epoch=fields["epoch"],
        created=fields["created"],
        authenticated=fields["authenticated"],
        last_seen=fields["last_seen"],
        rotated=fields["rotated"],
        confirmed=fields["confirmed"],
        secret=bytes.fromhex(fields["secret"]),
        replaced=bytes.fromhex(fields["replaced"]),
        cookie=fields["cookie"],
        address=fields["address"],
        user_agent=fields["user_agent"],
        remember=fields["remember"],
    )
