"""The section `identity`, and how routes override it."""

from __future__ import annotations

from typing import Literal

from gateway.config.quantities import Duration
from gateway.config.section import Section, setting
from gateway.config.words import HeaderName

Attribute = Literal["id", "email", "name", "groups"]
Preset = Literal["authelia", "oauth2-proxy", "authentik"]

DEFAULT_HEADERS: dict[str, Attribute] = {"X-User-Id": "id", "X-User-Email": "email", "X-User-Name": "name", "X-User-Groups": "groups"}


class Assertion(Section):
    """A signed token (EdDSA JWT) that says who somebody is."""

    enabled: bool = setting(True, "Send it.")
    header: HeaderName = setting("X-Gateway-Jwt-Assertion", "The header it stands in.")
    lifetime: Duration = setting(300.0, "How long it is good for.")


class IdentitySection(Section):
    """How upstreams are told who somebody is."""

    headers: dict[HeaderName, Attribute] = setting(DEFAULT_HEADERS, "Header names, and what each holds: id, email, name or groups.")
    preset: Preset | None = setting(None, "Adds the headers that upstreams of another gateway expect: authelia, oauth2-proxy or authentik.")
    assertion: Assertion = setting(Assertion, "A signed token beside the headers.")


class RouteAssertion(Section):
    """What differs for one route; null: as in identity.assertion."""

    enabled: bool | None = setting(None, "Send it.")
    header: HeaderName | None = setting(None, "The header it stands in.")
    lifetime: Duration | None = setting(None, "How long it is good for.")


class RouteIdentity(Section):
    """What differs for one route; null: as in identity."""

    headers: dict[HeaderName, Attribute] | None = setting(None, "Replaces identity.headers.")
    preset: Literal["authelia", "oauth2-proxy", "authentik", "none"] | None = setting(None, "Replaces identity.preset; none: no preset here.")
    assertion: RouteAssertion = setting(RouteAssertion, "A signed token beside the headers.")
