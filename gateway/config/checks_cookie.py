"""The session cookie against public_url: what browsers would refuse, and what would send sessions in clear (RFC 6265bis section 4.1.3)."""

from __future__ import annotations

from gateway.config.addresses import is_loopback, parse_public_url
from gateway.config.model import Settings
from gateway.config.report import Report
from gateway.core.urls import Origin, covers

_COOKIE = ("session", "cookie")
_TAKEN = ("gw-csrf", "gw-lang")


def check_cookie(settings: Settings, report: Report) -> None:
    """Domain, Secure, SameSite and name fit each other and public_url."""
    cookie = settings.session.cookie
    public = parse_public_url(settings.server.public_url) if settings.server.public_url is not None else None
    secure = True if public is None else public.scheme == "https"
    if public is not None:
        _check_origin(settings, public, report)
        secure = public.scheme == "https" if cookie.secure == "auto" else bool(cookie.secure)
    if cookie.same_site == "none" and not secure:
        report.error((*_COOKIE, "same_site"), "`none` needs a secure cookie, so browsers would refuse it on plain http", "write lax")
    _check_name(settings, report, secure=secure)


def _check_origin(settings: Settings, public: Origin, report: Report) -> None:
    cookie = settings.session.cookie
    if cookie.domain is not None and not covers(cookie.domain, public.host):
        report.error(
            (*_COOKIE, "domain"), f"does not cover public_url's host {public.host}, so nobody could log in there", _wider(cookie.domain, public.host)
        )
    if public.scheme == "https" and cookie.secure is False:
        report.error((*_COOKIE, "secure"), "public_url is https: false would send sessions in clear", "write auto")
    if public.scheme == "http" and cookie.secure is True:
        report.error((*_COOKIE, "secure"), "public_url is plain http: browsers would refuse the cookie", "make public_url https")
    if public.scheme == "http" and not is_loopback(public.host) and cookie.secure == "auto":
        report.error(
            ("server", "public_url"),
            "is plain http: passwords and sessions would travel in clear",
            "make it https, or say session.cookie.secure: false if that is meant",
        )


def _wider(domain: str, host: str) -> str:
    common: list[str] = []
    for left, right in zip(reversed(domain.split(".")), reversed(host.split(".")), strict=False):
        if left != right:
            break
        common.insert(0, left)
    if len(common) > 1:
        return f"write {'.'.join(common)}"
    parent = host.partition(".")[2]
    return f"write {parent}, or remove it" if "." in parent and not parent.replace(".", "").isdigit() else "remove it"


def _check_name(settings: Settings, report: Report, *, secure: bool) -> None:
    cookie = settings.session.cookie
    loc = (*_COOKIE, "name")
    if cookie.name.lower().startswith("__host-") and (not secure or cookie.domain is not None):
        report.error(loc, "browsers accept __Host- names only over https and without a domain", "write auto")
    elif cookie.name.lower().startswith("__secure-") and not secure:
        report.error(loc, "browsers accept __Secure- names only over https", "write auto")
    elif cookie.name.removeprefix("__Host-").removeprefix("__Secure-") in _TAKEN:
        report.error(loc, "is the name of another cookie of the gateway", "write auto")
