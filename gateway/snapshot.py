"""The immutable configuration that one request sees.

Made by config/ from YAML, replaced as a whole at a reload. A request takes `Live.snapshot` once and keeps it, so it never sees half of a change.
What only a restart can change (listeners, stores, workers) is in `Fixed`. Both are plain values without a trace of YAML or
its model, so that another process can read them for this one (server/reading.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from enum import Enum
from pathlib import Path
from typing import Any, Literal

from gateway.core.api import ApiPlace
from gateway.core.binding import Binding
from gateway.core.cookies import CookieShape
from gateway.core.forwarded import Trust
from gateway.core.headers import IdentityHeaders
from gateway.core.languages import OWN
from gateway.core.password import Argon2Cost, PasswordPolicy
from gateway.core.places import Places
from gateway.core.routes import RouteTable
from gateway.core.session import Life
from gateway.crypto.keys import KeyRing


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    url: int = 8192
    headers: int = 65536
    header_timeout: float = 10.0
    body_idle: float = 60.0
    keepalive: float = 75.0
    connections: int = 10000


@dataclass(frozen=True, slots=True)
class ThrottleLimits:
    """How fast logins may be tried: `per_ip` attempts in `per_ip_window` seconds; from `delay_after` failures of an account on, a delay of 2ⁿ
    seconds up to `max_delay`; after `stop_after` failures in a row no more until a reset."""

    per_ip: int = 20
    per_ip_window: float = 60.0
    delay_after: int = 5
    max_delay: float = 900.0
    stop_after: int = 100


@dataclass(frozen=True, slots=True)
class SignUpRules:
    """Whether people make their accounts themselves, with addresses of which `domains` (lower case, IDNA; empty: any), and whether they have to prove
    that an address is theirs."""

    enabled: bool = False
    domains: frozenset[str] = frozenset()
    require_verification: bool = True


@dataclass(frozen=True, slots=True)
class Mark:
    """The operator's mark on pages: a title, a logo (its bytes and media type), an accent colour `#rrggbb`, footer links (text, URL)."""

    title: str | None = None
    logo: bytes | None = None
    logo_type: str = "image/svg+xml"
    accent: str | None = None
    links: tuple[tuple[str, str], ...] = ()


class MailWay(Enum):
    """How mail leaves the gateway."""

    SMTP = "smtp"
    SPOOL = "spool"
    CONSOLE = "console"


class MailSafety(Enum):
    """How the way to the mail server is encrypted."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class MailSettings:
    """Where mail goes and who it is from. Host, port, safety and credentials are SMTP's, `folder` the spool's."""

    way: MailWay
    sender: str
    sender_name: str = ""
    host: str = ""
    port: int = 0
    safety: MailSafety = MailSafety.STARTTLS
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    folder: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """See each part. `identity` is the global block: what own answers and `/check` use where no route says otherwise."""

    places: Places
    trust: Trust
    keys: KeyRing
    cookie: CookieShape
    life: Life = Life()
    limits: Limits = Limits()
    throttle: ThrottleLimits = ThrottleLimits()
    password: PasswordPolicy = PasswordPolicy()
    signup: SignUpRules = SignUpRules()
    notify_unknown: bool = False
    """Who asks for a new password with an address that has no account is told so by mail."""
    identity: IdentityHeaders = field(default_factory=IdentityHeaders)
    mark: Mark = Mark()
    mail: MailSettings | None = None
    """None: mail cannot be sent."""
    audit_retention: float = 90 * 86_400.0
    max_sessions_per_user: int = 100
    exclusive_login: bool = False
    binding: Binding = Binding()
    session_data: int | None = None
    """The most bytes of data that applications may keep with one session; None: they may not."""
    api: ApiPlace | None = None
    admin_group: str = "admins"
    languages: tuple[str, ...] = OWN
    """Those that pages and letters are written in; the first is for people who want none of them."""
    own_cookies: frozenset[bytes] = frozenset()
    """Names that are cut out of what upstreams get and may set: session, form and language cookies, every variant."""

    @property
    def routes(self) -> RouteTable:
        """All routes; `places` holds them, because where things are follows from them."""
        return self.places.routes


class Live:
    """Holds the snapshot that new requests take. The only mutable part of the configuration."""

    __slots__ = ("snapshot",)

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot


def _of(key: str, *, secret: bool = False) -> Any:
    """A field whose value stands at `key` of the configuration."""
    return field(metadata={"key": key}, repr=not secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """What only a restart changes. Times in seconds; listeners as they stand in the configuration."""

    listen: tuple[str, ...] = _of("server.listen")
    admin_listen: str | None = _of("server.admin_listen")
    workers: int | None = _of("server.workers")
    """None: one a core."""
    tls: tuple[Path, Path] | None = _of("server.tls")
    """Certificate and key."""
    shutdown_delay: float = _of("server.shutdown_delay")
    shutdown_grace: float = _of("server.shutdown_grace")
    log_format: Literal["text", "json"] = _of("log.format")
    log_level: str = _of("log.level")
    templates: Path | None = _of("templates.folder")
    store: str = _of("session.store", secret=True)
    store_password: str | None = _of("session.store_password", secret=True)
    tracked: bool = _of("session.cache")
    cache_lease: float = _of("session.cache_lease")
    key_prefix: str = _of("session.key_prefix")
    database: str = _of("users.database", secret=True)
    database_password: str | None = _of("users.database_password", secret=True)
    argon2: Argon2Cost = _of("users.password.argon2")
    pool: int = _of("users.password.pool")

    def changed(self, other: Fixed) -> list[str]:
        """The keys that `other` has other values for."""
        return sorted(one.metadata["key"] for one in fields(self) if getattr(self, one.name) != getattr(other, one.name))


@dataclass(frozen=True, slots=True)
class Fresh:
    """A configuration that was read: what requests see of it, what only a restart changes, the files it stands in, and sentences to warn of."""

    snapshot: Snapshot
    fixed: Fixed
    files: tuple[Path, ...]
    warnings: Sequence[str] = ()
