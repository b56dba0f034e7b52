"""Set-Cookie lines of our own cookies.

Name, Secure and SameSite are decided once, from `public_url` and the domain, never from a request. The order of the attributes is fixed, because
known clients read it by position: Path, Max-Age, HttpOnly, SameSite, then Secure and Domain (RFC 6265bis section 4.1; `__Host-` and `__Secure-`:
4.1.3).
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.core.urls import covers


@dataclass(frozen=True, slots=True)
class CookieShape:
    """How the session cookie is sent. `persistent`: every session cookie has a Max-Age."""

    name: str
    secure: bool
    same_site: str
    domain: str | None
    persistent: bool = False

    def line(self, value: str, host: str, max_age: int | None = None) -> str:
        """The Set-Cookie value for an answer on `host`; Domain only where it covers the host. `max_age` in seconds."""
        domain = self.domain if self.domain is not None and covers(self.domain, host) else None
        return format_cookie(self.name, value, max_age, secure=self.secure, same_site=self.same_site, domain=domain)

    def expiring(self, host: str) -> str:
        """The line that deletes the cookie, with the attributes that it was set with."""
        return self.line("", host, 0)

    def expiring_variants(self, host: str) -> tuple[str, ...]:
        """Lines that delete every variant of our name on `host`: host-only, and with the domain where there is one (planted cookies)."""
        lines = [format_cookie(self.name, "", 0, secure=self.secure, same_site=self.same_site, domain=None)]
        if self.domain is not None and covers(self.domain, host):
            lines.append(self.expiring(host))
        return tuple(lines)

    def expiring_other(self, host: str) -> str | None:
        """The line that deletes the variant which `line` does not set on `host`, where there is one."""
        if self.domain is not None and covers(self.domain, host):
            return format_cookie(self.name, "", 0, secure=self.secure, same_site=self.same_site, domain=None)
        return None


def format_cookie(name: str, value: str, max_age: int | None, *, secure: bool, same_site: str, domain: str | None) -> str:
    """A Set-Cookie value; without `max_age` (seconds) the cookie ends with the browser."""
    parts = [f"{name}={value}", "Path=/"]
    if max_age is not None:
        parts.append(f"Max-Age={max_age}")
    parts += ["HttpOnly", f"SameSite={same_site.capitalize()}"]
    if secure:
        parts.append("Secure")
    if domain is not None:
        parts.append(f"Domain={domain}")
    return "; ".join(parts)
