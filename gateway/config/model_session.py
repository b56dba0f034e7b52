"""The section `session`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr, StringConstraints, WithJsonSchema

from gateway.config.quantities import Duration, Pause, Size
from gateway.config.section import Section, setting
from gateway.config.words import CookieDomain, CookieName, StoreUrl


def _secure(value: object) -> object:
    if value in ("auto", True, False):
        return value
    raise ValueError("must be auto, true or false")


class Cookie(Section):
    """The session cookie."""

    name: CookieName = setting("auto", "auto: __Host-gw on https, __Secure-gw with a domain, gw on plain http.")
    domain: CookieDomain | None = setting(
        None,
        "One login for all hosts under this domain, which has to cover public_url. null: every host has sessions of its own.",
        shown="example.com",
    )
    same_site: Literal["lax", "strict", "none"] = setting("lax", "When browsers send it with requests that come from other sites.")
    secure: Annotated[bool | Literal["auto"], BeforeValidator(_secure), WithJsonSchema({"enum": ["auto", True, False]})] = setting(
        "auto", "auto: sent over https only, unless public_url is plain http on loopback. false is needed for plain http elsewhere."
    )
    persistent: bool = setting(False, "Every session cookie has a Max-Age, the time left; otherwise only those with remember have.")


class BindPrefix(Section):
    """How much of an address has to stay the same."""

    v4: Annotated[int, Field(ge=1, le=32)] = setting(24, "Bits of an IPv4 address.")
    v6: Annotated[int, Field(ge=1, le=128)] = setting(56, "Bits of an IPv6 address.")


class Bind(Section):
    """Ties a session to where it began."""

    ip: Literal["off", "warn", "end"] = setting(
        "off", "What happens when the client's network changes: nothing, an audit event, or the session ends."
    )
    user_agent: Literal["off", "warn", "end"] = setting("off", "The same when the browser's name changes, which each of its updates does.")
    ip_prefix: BindPrefix = setting(BindPrefix, "What counts as the same network.")


class SessionData(Section):
    """What applications may keep with a session."""

    enabled: bool = setting(False, "Front ends may keep data with the session, through <prefix>/api/session/data.")
    max: Size = setting(16 << 10, "The most that one session holds, written as JSON without spaces.")


class SessionSection(Section):
    """Sessions: where they are kept, and how long."""

    store: StoreUrl = setting(
        "redis://127.0.0.1:6379/0",
        "memory:// (one process, lost at a restart), redis://, rediss://, unix:///path of a Redis socket, redis+sentinel:// or redis+cluster://.",
        repr=False,
    )
    store_password: SecretStr | None = setting(None, "The store's password, instead of one in the URL.", secret=True)
    key_prefix: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9:._-]{0,64}$")] = setting("gw:", "What the store's keys begin with.")
    cookie: Cookie = setting(Cookie, "The session cookie.")
    idle: Duration = setting(1800.0, "No use for so long ends a session; a remembered one has no idle limit.")
    absolute: Duration = setting(43200.0, "Nothing extends a session past this.")
    remember: Duration = setting(2592000.0, 'The absolute limit of a session whose owner asked to be remembered ("remember me").')
    rotate_every: Duration = setting(3600.0, "The cookie's secret is replaced this often.")
    rotate_grace: Duration = setting(60.0, "How long the replaced secret works after its successor was first presented.")
    touch_every: Duration = setting(30.0, "At most one renewal write per session in this time, but for the first after a pause.")
    cache: Literal["off", "tracked"] = setting(
        "tracked", "tracked: copies in each process, which Redis tells of every change; off: every request reads the store."
    )
    cache_lease: Pause = setting(0.5, "A copy is good only this long after sending the last PING that was answered.")
    max_per_user: Annotated[int, Field(ge=1, le=100_000)] = setting(
        100, "Sessions of one user at a time; the oldest one ends when there would be more."
    )
    exclusive_login: bool = setting(False, "A login ends the user's other sessions.")
    bind: Bind = setting(Bind, "Ties a session to the address or browser it began with.")
    data: SessionData = setting(SessionData, "What applications may keep with a session.")
