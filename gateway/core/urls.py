"""Hosts, origins, request targets, and the canonical path that is judged.

Refuse, do not repair: what two programs could read in two ways is malformed. A path that is not its own canonical form (dot segments, `//`, encoded
slashes, `;` tricks) is marked, and refused unless its route says `encoded_paths: keep`; the path that was judged is the path that is forwarded.
Rules: RFC 3986 sections 2.1, 5.2.4 and 6.2.2, RFC 9110 section 4.2, RFC 9112 section 3.2. Attacks: proxying.md U1–U10, advisories.md corpus P.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes


class Malformed(ValueError):
    """A request that cannot be understood in only one way. The text is for people and quotes nothing from the request."""


class Authority(NamedTuple):
    """A host as it is matched, and the port where one was given."""

    host: str
    port: int | None


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port (RFC 6454)."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        default = DEFAULT_PORTS.get(self.scheme)
        return f"{self.scheme}://{self.host}" if self.port == default else f"{self.scheme}://{self.host}:{self.port}"


DEFAULT_PORTS: Final = {"http": 80, "https": 443}

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_AUTHORITY: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:\[\]@/?#\\\s]+)(?::(?P<port>[0-9]{1,5}))?")


@lru_cache(maxsize=1024)
def parse_authority(text: str) -> Authority:
    """A Host header or the authority of an URL: lower case, trailing dot dropped (CVE-2022-23632). Raises Malformed."""
    found = _AUTHORITY.fullmatch(text)
    if found is None:
        raise Malformed("the host is not valid")
    host, port = found["host"], found["port"]
    if port is not None and not 0 < int(port) < 65536:
        raise Malformed("the port is not valid")
    return Authority(canonical_host(host), int(port) if port else None)


def canonical_host(host: str) -> str:
    """`host` without port as it is matched: lower case, no trailing dot, IPv6 in its shortest form. Raises Malformed."""
    if host.startswith("["):
        try:
            return f"[{IPv6Address(host[1:-1]).compressed}]"
        except ValueError:
            raise Malformed("the host is not valid") from None
    if len(host) > 254 or not _NAME.fullmatch(host):
        raise Malformed("the host is not valid")
    return host.lower().removesuffix(".")


def covers(domain: str, host: str) -> bool:
    """Whether a cookie domain covers a host, on label borders (CVE-2021-21291: `badexample.com` is not below `example.com`)."""
    return host == domain or host.endswith("." + domain)


class Target(NamedTuple):
    """A request target in origin form; see `facts.Facts` for what each part means."""

    raw_path: str
    query: str | None
    path: str
    readings: tuple[str, ...]
    encoded: bool


#: A path that every program reads in the same way. Most paths are like this, and cost one match.
_PLAIN: Final = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~!$&'()*+,=:@-]+)*/?")
#: RFC 3986 section 3.3 and 3.4, with the characters that browsers leave bare in paths and queries.
_TARGET: Final = re.compile(r"/[!$-;=?-~]*")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ENCODED_SEPARATOR: Final = re.compile(r"%(?:2f|5c|2e|25(?:25)*(?:2f|5c|2e|3b|00))", re.IGNORECASE)
_QUERY_OR_FRAGMENT: Final = re.compile(r"[?#]")
#: Lead bytes that occur only in overlong UTF-8, by which `.` and `/` have been smuggled.
_OVERLONG: Final = re.compile(rb"[\xc0\xc1]|\xe0[\x80-\x9f]|\xf0[\x80-\x8f]")


def parse_target(text: str) -> Target:
    """A request target, or the path and query that a proxy relayed, in origin form. Raises Malformed."""
    if text and _PLAIN.fullmatch(text):
        return Target(text, None, text, readings=(), encoded=False)
    if "#" in text or not _TARGET.fullmatch(text):
        # A fragment never belongs in a request (CVE-2023-47106); a target that does not begin with a slash poisons URLs (CVE-2026-54282).
        raise Malformed("the address is not valid")
    raw_path, mark, query = text.partition("?")
    asked = query if mark else None
    if _PLAIN.fullmatch(raw_path):
        return Target(raw_path, asked, raw_path, readings=(), encoded=False)
    if _BAD_ESCAPE.search(raw_path):
        raise Malformed("the address has an incomplete percent-escape")
    decoded = _decode(raw_path)
    path = remove_dots(decoded.replace("\\", "/"))
    encoded = path != decoded or _ENCODED_SEPARATOR.search(raw_path) is not None or _looks_dotted(decoded)
    readings = _readings({decoded, raw_path} if encoded else {decoded})
    return Target(raw_path, asked, path, tuple(sorted(readings - {path})), encoded)


def remove_dots(path: str) -> str:
    """`path` without dot segments (RFC 3986 section 5.2.4) and without empty segments in its midst."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            if kept:
                kept.pop()
        elif segment not in ("", "."):
            kept.append(segment)
    trailing = segments[-1] in ("", ".", "..") and kept
    return "/" + "/".join(kept) + ("/" if trailing else "")


def _decode(text: str) -> str:
    data = unquote_to_bytes(text)
    if _OVERLONG.search(data):
        raise Malformed("the address is not valid UTF-8")
    if any(byte < 0x20 or byte == 0x7F for byte in data):
        raise Malformed("the address has a control character")
    return data.decode("utf-8", "surrogateescape")


def _looks_dotted(decoded: str) -> bool:
    """A segment that some program takes for `.` or `..`: with a parameter behind it (`..;x`), or spelled in compatibility characters."""
    if any(segment.partition(";")[0] in ("", ".", "..") and ";" in segment for segment in decoded.split("/")):
        return True
    folded = unicodedata.normalize("NFKC", decoded) if not decoded.isascii() else decoded
    return folded.count("/") != decoded.count("/") or "\\" in folded or remove_dots(folded) != folded


def _readings(readings: set[str]) -> set[str]:
    """`readings`, and every path that a lenient upstream makes of them: one that decodes again, that cuts path parameters (Java's) or what follows a
    decoded `?` or `#`, that reads compatibility characters or `\\` as what they look like, and then resolves dots."""
    for _ in range(3):
        readings |= {_decode_again(reading) for reading in readings if "%" in reading}
        readings |= {unicodedata.normalize("NFKC", reading) for reading in readings if not reading.isascii()}
    readings |= {reading.replace("\\", "/") for reading in readings}  # before parameters are cut: `..;\..;/` climbs twice
    for _ in range(2):
        readings |= {_QUERY_OR_FRAGMENT.split(reading, maxsplit=1)[0] or "/" for reading in readings}
        readings |= {"/".join(segment.partition(";")[0] for segment in reading.split("/")) for reading in readings if ";" in reading}
    return readings | {remove_dots(reading) for reading in readings}


def _decode_again(text: str) -> str:
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")
