"""What proves that a form came from our own page in this very browser: the form cookie and the field in the form (DESIGN 1.5, "Forms").

The cookie is `random ‖ time of the last login ‖ MAC`; the field is `time ‖ MAC` over the cookie's random, the session it was made for (or none) and
that time. A field is worth nothing beside another browser's cookie, for another session, or after four hours (OWASP CSRF Prevention Cheat Sheet,
signed double submit; CVE-2017-1000069). Keys are derived for this purpose alone: the first one makes, all of them check. No exception ever: what
does not fit is the client's input.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass, field, replace
from typing import Final

from gateway.crypto.keys import KeyRing, Purpose
from gateway.crypto.tokens import random_bytes

#: How long a form may lie open (seconds).
FIELD_LIFE: Final = 4 * 3600
#: How far the clocks of two processes may be apart: a field from this far in the future is good (seconds).
_CLOCK_SKEW: Final = 60
_RANDOM: Final = 16
_TIME: Final = 8
_MAC: Final = 32


@dataclass(frozen=True, slots=True)
class FormCookie:
    """A browser, as far as forms are concerned. `login` is when somebody last logged in with it (seconds since 1970), 0 for never or logged out."""

    random: bytes = field(repr=False)
    login: int = 0

    def marked(self, now: float) -> FormCookie:
        """The same browser after a login at `now`; 0 takes the mark away."""
        return replace(self, login=int(now))


def new_form_cookie() -> FormCookie:
    """A browser that was not seen before."""
    return FormCookie(random_bytes(_RANDOM))


def write_form_cookie(ring: KeyRing, cookie: FormCookie) -> str:
    """The value to set."""
    inside = cookie.random + cookie.login.to_bytes(_TIME, "big")
    return _text(inside + _mac(ring.derived(Purpose.CSRF)[0], b"form cookie", inside))


def read_form_cookie(ring: KeyRing, value: str) -> FormCookie | None:
    """The cookie of that value; None for anything that this ring did not make."""
    data = _bytes(value, _RANDOM + _TIME + _MAC)
    if data is None:
        return None
    inside, mac = data[:-_MAC], data[-_MAC:]
    if not _made(ring, mac, b"form cookie", inside):
        return None
    return FormCookie(inside[:_RANDOM], int.from_bytes(inside[_RANDOM:], "big"))


def make_field(ring: KeyRing, cookie: FormCookie, session: str | None, now: float) -> str:
    """The value of a form's hidden field. `session` is the member (hash) of the session presented, None when there is none."""
    time = int(now).to_bytes(_TIME, "big")
    return _text(time + _mac(ring.derived(Purpose.CSRF)[0], b"form field", cookie.random, _session(session), time))


def check_field(ring: KeyRing, cookie: FormCookie, session: str | None, value: str, now: float) -> bool:
    """Whether `value` was made for this browser and session, and not more than four hours before `now`."""
    data = _bytes(value, _TIME + _MAC)
    if data is None:
        return False
    time, mac = data[:_TIME], data[_TIME:]
    if not _made(ring, mac, b"form field", cookie.random, _session(session), time):
        return False
    return -_CLOCK_SKEW <= now - int.from_bytes(time, "big") < FIELD_LIFE


def _session(member: str | None) -> bytes:
    return b"none" if member is None else b"session " + member.encode("ascii")


def _mac(key: bytes, *parts: bytes) -> bytes:
    """HMAC-SHA256 over the parts, each with its length in front, so that no two lists of parts look alike."""
    return hmac.digest(key, b"".join(len(part).to_bytes(2, "big") + part for part in parts), "sha256")


def _made(ring: KeyRing, mac: bytes, *parts: bytes) -> bool:
    return any(hmac.compare_digest(mac, _mac(key, *parts)) for key in ring.derived(Purpose.CSRF))


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _bytes(value: str, size: int) -> bytes | None:
    """Exactly `size` bytes from base64url in its one canonical spelling, else None."""
    if len(value) != (size * 4 + 2) // 3 or not value.isascii():
        return None
    try:
        data = urlsafe_b64decode(value + "=" * (-len(value) % 4))
    except NotBase64:
        return None
    return data if len(data) == size and _text(data) == value else None
