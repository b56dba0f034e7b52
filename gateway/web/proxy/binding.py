"""Logins that bind a connection instead of a request: after Negotiate or NTLM every request on the connection is that person's (RFC 4559 section 6).

Such a connection never serves another request (CVE-2026-88007; proxying.md C15).
"""

from __future__ import annotations

from gateway.core.headers import Headers


def is_bound_scheme(value: bytes) -> bool:
    """Whether a challenge or credentials are Negotiate's or NTLM's."""
    return value[:9].lower() == b"negotiate" or value[:4].lower() == b"ntlm"


def challenges(headers: Headers) -> bool:
    """Whether an answer asks for such a login."""
    return any(len(name) == 16 and name.lower() == b"www-authenticate" and is_bound_scheme(value) for name, value in headers)
