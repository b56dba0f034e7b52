"""Names of identity headers: no standard, hop-by-hop or framing header, and no two that an upstream could take for one another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from gateway.config.errors import Loc
from gateway.config.identity import PRESETS
from gateway.config.model import Settings
from gateway.config.report import Report
from gateway.core.headers import FRAMING, HOP_BY_HOP, fold

#: Names that mean something to every server; setting or stripping them would break more than identity (RFC 9110 section 18.4 and usage).
_STANDARD: Final = frozenset(
    {
        b"accept", b"accept-charset", b"accept-encoding", b"accept-language", b"accept-ranges", b"age", b"allow", b"authorization",
        b"cache-control", b"content-disposition", b"content-encoding", b"content-language", b"content-location", b"content-md5",
        b"content-range", b"content-type", b"cookie", b"date", b"dnt", b"etag", b"expect", b"expires", b"forwarded", b"from", b"host",
        b"if-match", b"if-modified-since", b"if-none-match", b"if-range", b"if-unmodified-since", b"last-modified", b"link", b"location",
        b"max-forwards", b"origin", b"pragma", b"priority", b"range", b"referer", b"retry-after", b"server", b"set-cookie",
        b"strict-transport-security", b"upgrade-insecure-requests", b"user-agent", b"vary", b"via", b"warning", b"www-authenticate",
        b"x-requested-with", b"x-real-ip", b"x-client-ip", b"true-client-ip", b"x-cluster-client-ip", b"x-original-url", b"x-original-uri",
        b"x-original-method", b"x-original-host", b"x-rewrite-url", b"x-http-method-override", b"x-request-id", b"x-forwarded-for",
        b"x-forwarded-host", b"x-forwarded-proto", b"x-forwarded-port", b"x-forwarded-prefix", b"x-forwarded-method", b"x-forwarded-uri",
        b"x-forwarded-server", b"x-forwarded-by", b"x-forwarded-scheme", b"x-forwarded-ssl",
    }
)  # fmt: skip
_STANDARD_PREFIXES: Final = (b"access-control-", b"proxy-", b"sec-", b"if-")


def refusal(name: str) -> str | None:
    """Why a header may carry no identity, None when it may."""
    folded = fold(name.encode("ascii"))
    if folded in FRAMING:
        return "is a framing header"
    if folded in HOP_BY_HOP:
        return "is a hop-by-hop header"
    if folded in _STANDARD or folded.startswith(_STANDARD_PREFIXES):
        return "is a standard header, which has another meaning"
    return None


def check_identity(settings: Settings, report: Report) -> None:
    """The global block, and each route's."""
    block = settings.identity
    assertion = block.assertion
    _check(block.headers, block.preset, assertion.header if assertion.enabled else None, ("identity",), report)
    for index, route in enumerate(settings.routes):
        loc: Loc = ("routes", index, "identity")
        own = route.identity
        if report.given(*loc):
            enabled = assertion.enabled if own.assertion.enabled is None else own.assertion.enabled
            header = (own.assertion.header or assertion.header) if enabled else None
            _check(block.headers if own.headers is None else own.headers, own.preset or block.preset, header, loc, report)
        _check_set_headers(settings, index, report)


def _check(headers: Mapping[str, str], preset: str | None, assertion: str | None, loc: Loc, report: Report) -> None:
    seen: dict[bytes, str] = {}
    for name in headers:
        if (reason := refusal(name)) is not None:
            report.error((*loc, "headers", name), f"{name} {reason}", "choose a name of its own, such as X-User-Email")
        _collide(seen, name, (*loc, "headers", name), report)
    for name in PRESETS.get(preset or "", ()):
        if name not in headers:
            _collide(seen, name, (*loc, "preset"), report)
    if assertion is not None:
        if (reason := refusal(assertion)) is not None:
            report.error((*loc, "assertion", "header"), f"{assertion} {reason}", "choose a name of its own, such as X-Gateway-Jwt-Assertion")
        _collide(seen, assertion, (*loc, "assertion", "header"), report)


def _collide(seen: dict[bytes, str], name: str, loc: Loc, report: Report) -> None:
    """Upstreams cannot tell `X_User_Id` from `X-User-Id` (CVE-2025-64484)."""
    folded = fold(name.encode("ascii"))
    if folded in seen:
        report.error(loc, f"{name} and {seen[folded]} are one header to many applications", "keep one of them")
    seen.setdefault(folded, name)


def _check_set_headers(settings: Settings, index: int, report: Report) -> None:
    route = settings.routes[index]
    identity = {fold(name.encode("ascii")) for name in _identity_names(settings, index)}
    for name in route.set_headers:
        folded = fold(name.encode("ascii"))
        loc: Loc = ("routes", index, "set_headers", name)
        if folded in HOP_BY_HOP or folded in FRAMING or folded in (b"host", b"cookie"):
            report.error(loc, f"{name} is made by the gateway itself", "for the host, use preserve_host" if folded == b"host" else None)
        elif folded in identity:
            report.error(loc, f"{name} tells who somebody is: a fixed value would make everybody that person")
    for name in route.response.set_headers:
        folded = name.lower().encode("ascii")
        if folded in HOP_BY_HOP or folded in FRAMING or folded == b"set-cookie":
            report.error(("routes", index, "response", "set_headers", name), f"{name} is made by the gateway itself")


def _identity_names(settings: Settings, index: int) -> Iterable[str]:
    own = settings.routes[index].identity
    yield from settings.identity.headers if own.headers is None else own.headers
    yield from PRESETS.get(own.preset or settings.identity.preset or "", ())
    yield own.assertion.header or settings.identity.assertion.header
