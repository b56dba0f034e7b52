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
    name.encode("ascii")
    for name in (
        "accept accept-charset accept-encoding accept-language accept-ranges age allow authorization cache-control content-disposition content-encoding "
        "content-language content-location content-md5 content-range content-type cookie date dnt etag expect expires forwarded from host if-match "
        "if-modified-since if-none-match if-range if-unmodified-since last-modified link location max-forwards origin pragma priority range referer "
        "retry-after server set-cookie strict-transport-security upgrade-insecure-requests user-agent vary via warning www-authenticate "
        "x-requested-with x-real-ip x-client-ip true-client-ip x-cluster-client-ip x-original-url x-original-uri x-original-method x-original-host "
        "x-rewrite-url x-http-method-override x-request-id x-forwarded-for x-forwarded-host x-forwarded-proto x-forwarded-port x-forwarded-prefix "
        "x-forwarded-method x-forwarded-uri x-forwarded-server x-forwarded-by x-forwarded-scheme x-forwarded-ssl"
    ).split()
)
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
