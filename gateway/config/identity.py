"""Identity headers: what each route sends, and everything that no client may send.

The strip list is the union over all routes, every preset, and the usual names by which applications are told who somebody is, so that a request can
smuggle nothing meant for a neighbour, whatever an upstream listens to (CVE-2025-64484, CVE-2026-33433).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from gateway.config.model import Settings
from gateway.config.model_identity import IdentitySection
from gateway.config.model_routes import RouteSection
from gateway.core.headers import IdentityHeaders, fold

#: What upstreams of other gateways expect. Accounts have no login name, so the address stands in its place. authentik joins groups with a bar.
PRESETS: Final[Mapping[str, Mapping[str, str]]] = {
    "authelia": {"Remote-User": "email", "Remote-Groups": "groups", "Remote-Name": "name", "Remote-Email": "email"},
    "oauth2-proxy": {
        "X-Forwarded-User": "id",
        "X-Forwarded-Email": "email",
        "X-Forwarded-Groups": "groups",
        "X-Forwarded-Preferred-Username": "email",
    },
    "authentik": {
        "X-authentik-username": "email",
        "X-authentik-groups": "groups_by_bar",
        "X-authentik-email": "email",
        "X-authentik-name": "name",
        "X-authentik-uid": "id",
    },
}

_USUAL: Final = (
    "Remote-User", "Remote-Users", "Remote-Email", "Remote-Name", "Remote-Group", "Remote-Groups", "Remote-Uid", "X-Remote-User",
    "X-Remote-Uid", "X-Remote-Email", "X-Remote-Name", "X-Remote-Group", "X-Remote-Groups", "X-Remote-User-Email", "X-Remote-User-Groups",
    "X-User", "X-User-Id", "X-User-Email", "X-User-Name", "X-User-Groups", "X-User-Role", "X-User-Roles", "X-Username", "X-Userid",
    "X-Useremail", "X-Email", "X-Groups", "X-Login", "X-Logged-In-User", "X-Logged-User", "X-Authenticated-User", "X-Authenticated-Userid",
    "X-Authenticated-Email", "X-Authenticated-Groups", "X-Auth-User", "X-Auth-Userid", "X-Auth-Username", "X-Auth-Email", "X-Auth-Name",
    "X-Auth-Groups", "X-Auth-Roles", "X-Auth-Request-User", "X-Auth-Request-Email", "X-Auth-Request-Groups",
    "X-Auth-Request-Preferred-Username", "X-Auth-Request-Access-Token", "X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups",
    "X-Forwarded-Preferred-Username", "X-Forwarded-Access-Token", "X-Webauth-User", "X-Webauth-Email", "X-Webauth-Name", "X-Webauth-Groups",
    "X-Webauth-Role", "X-Proxy-User", "X-Proxy-Email", "X-Proxy-Remote-User", "X-Authentik-Username", "X-Authentik-Groups", "X-Authentik-Email",
    "X-Authentik-Name", "X-Authentik-Uid", "X-Authentik-Jwt", "X-Authentik-Entitlements", "X-Vouch-User", "X-Vouch-Idp-Claims-Email",
    "X-Token-Subject", "X-Token-User-Name", "X-Token-User-Email", "X-Pomerium-Jwt-Assertion", "X-Pomerium-Claim-Email", "X-Pomerium-Claim-User",
    "X-Pomerium-Claim-Groups", "X-Gateway-Jwt-Assertion", "X-Goog-Authenticated-User-Email", "X-Goog-Authenticated-User-Id",
    "X-Goog-Iap-Jwt-Assertion", "Cf-Access-Authenticated-User-Email", "Cf-Access-Jwt-Assertion", "X-Ms-Client-Principal",
    "X-Ms-Client-Principal-Id", "X-Ms-Client-Principal-Name", "X-Amzn-Oidc-Identity", "X-Amzn-Oidc-Data", "X-Consumer-Username",
    "X-Consumer-Id", "X-Credential-Identifier", "X-Ssl-Client-Cn", "X-Ssl-Client-S-Dn", "X-Client-Dn", "X-Client-Cert", "Auth-User",
    "Http-Auth-User", "Sm-User", "Iv-User", "Iv-Groups", "Oidc-Claim-Email", "Oidc-Claim-Sub", "Oidc-Claim-Name", "Oidc-Claim-Groups",
    "Oidc-Claim-Preferred-Username", "Tailscale-User-Login", "Tailscale-User-Name",
)  # fmt: skip


def identity_of(settings: Settings, strip: frozenset[bytes], route: RouteSection | None = None) -> IdentityHeaders:
    """What one route sends; without a route, the global block."""
    block = settings.identity
    assertion = block.assertion
    if route is None:
        return _headers(block.headers, block.preset, assertion.header if assertion.enabled else None, assertion.lifetime, strip)
    own = route.identity
    enabled = assertion.enabled if own.assertion.enabled is None else own.assertion.enabled
    preset = block.preset if own.preset is None else own.preset
    return _headers(
        block.headers if own.headers is None else own.headers,
        preset,
        (own.assertion.header or assertion.header) if enabled else None,
        own.assertion.lifetime or assertion.lifetime,
        strip,
    )


def strip_list(settings: Settings) -> frozenset[bytes]:
    """The folded names that no client may send."""
    names: set[str] = {*_USUAL, *_written(settings.identity)}
    for preset in PRESETS.values():
        names.update(preset)
    for route in settings.routes:
        names.update(route.identity.headers or ())
        if route.identity.assertion.header is not None:
            names.add(route.identity.assertion.header)
    return frozenset(fold(name.encode("ascii")) for name in names)


def _written(block: IdentitySection) -> Iterable[str]:
    return (*block.headers, block.assertion.header)


def _headers(headers: Mapping[str, str], preset: str | None, assertion: str | None, lifetime: float, strip: frozenset[bytes]) -> IdentityHeaders:
    attributes = {**headers, **PRESETS.get(preset or "", {})}
    return IdentityHeaders(tuple(attributes.items()), assertion, lifetime, strip)
