"""Header hygiene: what may pass between client, gateway and upstream. All of it, for both directions, in this one file.

Strip, then inject. Stripping comes first so that a client's `Connection: X-User-Id` cannot take away what we set afterwards (proxying.md H3;
CVE-2021-32813, CVE-2024-45410, GHSA-w9mr-28mw-j8hg). Names are compared *folded*: lower case, and all that is neither letter nor digit read as `-`,
because CGI, WSGI, PHP and FastCGI upstreams cannot tell `X_User_Id` from `X-User-Id` (CVE-2025-64484, CVE-2026-52845, CVE-2026-39858), and some not
even `X+User+Id`. What is stripped is derived from what we may emit, so the two cannot drift apart. Everything is bytes: values pass unchanged,
0x80–0xFF included (RFC 9110 section 5.5).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.core.identity import Identity

Header = tuple[bytes, bytes]
Headers = Sequence[Header]

#: RFC 9110 section 7.6.1, and the older names that mean the same. HTTP2-Settings belongs to `Upgrade: h2c`, which is never passed on.
HOP_BY_HOP: Final = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"http2-settings",
    }
)

#: Framing is made anew on each side, never copied.
FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})

#: What tells an upstream where a request came from, or which path or method was meant. A client's copies never pass; ours are set anew (H8, H9).
_RELAYED: Final = frozenset(
    {
        b"forwarded",
        b"x-real-ip",
        b"x-client-ip",
        b"true-client-ip",
        b"x-cluster-client-ip",
        b"x-original-url",
        b"x-original-uri",
        b"x-original-method",
        b"x-original-host",
        b"x-rewrite-url",
        b"x-override-url",
        b"x-http-method",
        b"x-http-method-override",
        b"x-method-override",
    }
)
_RELAYED_PREFIX: Final = b"x-forwarded-"

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FOLDED: Final = bytes(byte if 0x30 <= byte <= 0x39 or 0x61 <= byte <= 0x7A else 0x2D for byte in bytes(range(256)).lower())
_UNSAFE: Final = re.compile(r"[^\x20-\x24\x26-\x7e]+")


def is_token(name: str) -> bool:
    """Whether `name` may be a header's name (RFC 9110 section 5.6.2)."""
    return _TOKEN.fullmatch(name) is not None


def fold(name: bytes) -> bytes:
    """The spelling by which names are compared. Not remembered: clients choose names of up to a whole head, and folding is faster than looking up."""
    return name.translate(_FOLDED)


def encode_value(text: str) -> bytes:
    """`text` as a header value: what is not printable ASCII, and `%`, as percent-encoded UTF-8 (DESIGN 1.8). Cannot contain CR, LF or NUL."""
    return _UNSAFE.sub(lambda found: "".join(f"%{byte:02X}" for byte in found.group().encode("utf-8", "replace")), text).encode("ascii")


@dataclass(frozen=True, slots=True)
class IdentityHeaders:
    """Which headers tell an upstream who somebody is.

    `attributes` are pairs of header name and one of `id email name groups groups_by_bar`; `assertion` names the header of the signed assertion,
    None turns it off; `assertion_lifetime` is in seconds; `strip` are the folded names that no client may send: those of every route together, so
    that a request can smuggle no header meant for a neighbour.
    """

    attributes: tuple[tuple[str, str], ...] = ()
    assertion: str | None = None
    assertion_lifetime: float = 300.0
    strip: frozenset[bytes] = frozenset()

    def values(self, identity: Identity | None) -> list[Header]:
        """Every identity header, with an empty value for nobody: an omitted header would be the client's to set (CVE-2026-30851)."""
        if identity is None:
            return [(name.encode("ascii"), b"") for name, _ in self.attributes]
        return [(name.encode("ascii"), encode_value(_attribute(identity, attribute))) for name, attribute in self.attributes]


def _attribute(identity: Identity, attribute: str) -> str:
    match attribute:
        case "id":
            return identity.user_id
        case "email":
            return identity.email
        case "name":
            return identity.name
        case "groups":
            return ",".join(identity.groups)
        case "groups_by_bar":  # how authentik tells them; no group's name can hold either separator
            return "|".join(identity.groups)
    raise ValueError(f"no such identity attribute: {attribute}")


def nominated(headers: Headers) -> frozenset[bytes]:
    """The folded names that `Connection` declares to be hop-by-hop (RFC 9110 section 7.6.1)."""
    names: set[bytes] = set()
    for name, value in headers:
        if len(name) == 10 and name.lower() == b"connection":
            names.update(fold(token.strip()) for token in value.split(b","))
    return frozenset(names)


def clean_request(headers: Headers, identity_strip: frozenset[bytes], own_cookies: frozenset[bytes]) -> list[Header]:
    """What of a client's headers may reach an upstream: no hop-by-hop, framing, Host, Expect, relayed or identity header, and no cookie of ours.

    The order and the bytes of the rest stay, doubled headers stay doubled (H12).
    """
    named = nominated(headers)
    kept: list[Header] = []
    for header in headers:
        name = fold(header[0])
        if (
            name in HOP_BY_HOP
            or name in identity_strip
            or name in _RELAYED
            or name in named
            or name in _SET_BY_US
            or name.startswith(_RELAYED_PREFIX)
        ):
            continue
        if name == b"cookie":
            rest = cut_cookies(header[1], own_cookies)
            if rest:
                kept.append((header[0], rest))
            continue
        kept.append(header)
    return kept


_SET_BY_US: Final = frozenset({b"host", b"content-length", b"expect"})


def clean_response(headers: Headers, identity_strip: frozenset[bytes], own_cookies: frozenset[bytes]) -> list[Header]:
    """What of an upstream's headers may reach a client: no hop-by-hop, no framing, no identity header (H17), no cookie of our names (H16)."""
    named = nominated(headers)
    kept: list[Header] = []
    for header in headers:
        name = header[0].lower()
        if name in HOP_BY_HOP or name in named or name == b"content-length" or fold(name) in identity_strip:
            continue
        if name == b"set-cookie" and _cookie_name(header[1]) in own_cookies:
            continue
        kept.append(header)
    return kept


def _cookie_name(line: bytes) -> bytes:
    """The name that a Set-Cookie line gives back in Cookie: one without a name, `=gw=x`, comes back as `gw=x` (RFC 6265bis section 5.7)."""
    return line.lstrip(b" \t=").partition(b"=")[0].strip()


def cut_cookies(value: bytes, own: frozenset[bytes]) -> bytes:
    """A Cookie header's value without our cookies; the others keep their order and bytes (H6). Empty when nothing is left."""
    parts = value.split(b";")
    kept = [part for part in parts if part.partition(b"=")[0].strip() not in own]
    return value if len(kept) == len(parts) else b";".join(kept).strip()


def find_cookies(headers: Headers, name: bytes, most: int = 4) -> tuple[str, ...]:
    """The first `most` values of the cookie `name`, found in the raw headers (request.cookies would cost ten times as much)."""
    found: list[str] = []
    for header, value in headers:
        if len(header) != 6 or name not in value or header.lower() != b"cookie":
            continue
        for part in value.split(b";"):
            key, _, content = part.partition(b"=")
            if key.strip() == name:
                found.append(content.strip().decode("latin-1"))
                if len(found) == most:
                    return tuple(found)
    return tuple(found)


_SHARED_DIRECTIVES: Final = (b"public", b"s-maxage")
_SHARED_CACHES: Final = frozenset({b"cdn-cache-control", b"surrogate-control"})


def keep_private(headers: Iterable[Header]) -> list[Header]:
    """`headers` of an answer that is to carry our Set-Cookie: no shared cache may store it (DESIGN 1.7; RFC 9111 section 5.2.2.7)."""
    kept: list[Header] = []
    directives: list[bytes] = []
    for header in headers:
        name = header[0].lower()
        if name in _SHARED_CACHES:
            continue
        if name == b"cache-control":
            directives.extend(part.strip() for part in header[1].split(b",") if part.strip())
            continue
        kept.append(header)
    directives = [part for part in directives if part.partition(b"=")[0].strip().lower() not in _SHARED_DIRECTIVES]
    if not any(part.lower() in (b"private", b"no-store") for part in directives):  # `private="name"` speaks of that header only
        directives.append(b"private")
    kept.append((b"Cache-Control", b", ".join(directives)))
    return kept
