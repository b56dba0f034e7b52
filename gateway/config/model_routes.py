"""The section `routes`: what is protected, by which rules, and where it leads."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from gateway.config.model_identity import RouteIdentity
from gateway.config.model_rules import OrWord, RuleItem, read_access
from gateway.config.quantities import Duration, Size
from gateway.config.section import Section, required, setting
from gateway.config.words import (
    WORD_OR_WORDS,
    HeaderName,
    HeaderValue,
    HostPattern,
    HostValue,
    OneOrMore,
    OriginText,
    RouteName,
    RoutePath,
    Text,
    UpstreamText,
    read_host,
)


def _preserve_host(value: object) -> object:
    if isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise ValueError("must be true, false or a fixed host")
    return read_host(value)


class TimeoutsSection(Section):
    """How long an upstream may take."""

    connect: Duration = setting(5.0, "To accept a connection.")
    response: Duration = setting(60.0, "To send the head of its answer.")
    idle: Duration = setting(300.0, "Between two pieces of a body; not for text/event-stream and tunnels.")


class Health(Section):
    """Asking upstreams whether they live."""

    path: RoutePath = setting("/", "What is asked for.", built=False)
    interval: Duration = setting(10.0, "How often.", built=False)
    rise: int = setting(2, "Good answers until an upstream is used again.", built=False)
    fall: int = setting(3, "Bad answers until it is not.", built=False)


class RouteTls(Section):
    """How an https upstream is verified."""

    ca_file: Text | None = setting(None, "Certificates that are trusted instead of the system's, PEM.", path=True)
    certificate_file: Text | None = setting(None, "The gateway's own certificate for the upstream, PEM.", path=True, built=False)
    key_file: Text | None = setting(None, "Its private key, PEM.", path=True, built=False)
    server_name: HostValue | None = setting(None, "The name in the upstream's certificate, where it is not its host.")
    verify: bool = setting(True, "false: trust any certificate.")


class ResponseHeaders(Section):
    """Headers of the upstream's answers."""

    set_headers: dict[HeaderName, HeaderValue] = setting({}, "Headers that are set, replacing the upstream's.", shown={"X-Frame-Options": "DENY"})
    remove_headers: list[HeaderName] = setting([], "Headers that are removed.", shown=["X-Powered-By"])


class RouteSection(Section):
    """A part of a host's URL space. Only the routes of the best host are tried (exact, then the longest wildcard, then *), by longest path."""

    name: RouteName = required("Its name in logs and metrics, and the audience of its assertion.", shown="wiki")
    host: Annotated[list[HostPattern], OneOrMore, Field(min_length=1), WORD_OR_WORDS] = required(
        'An exact host, "*.example.com" (any depth, not example.com itself), or a list; "*" is any host that no other route names.',
        shown="wiki.example.com",
    )
    path: RoutePath = setting("/", "The paths below it, on segment borders.")
    upstream: Annotated[list[UpstreamText], OneOrMore, Field(min_length=1), WORD_OR_WORDS] | None = setting(
        None, "http://host:port, https://host:port or unix:/path. null: for forward-auth only.", shown="http://127.0.0.1:3000"
    )
    access: Annotated[list[RuleItem], BeforeValidator(read_access), Field(min_length=1), OrWord()] = required(
        "public, optional, login, deny, or a list of rules that are tried in order; no match is deny.", shown="login"
    )
    preserve_host: Annotated[bool | str, BeforeValidator(_preserve_host), WithJsonSchema({"type": ["boolean", "string"]})] = setting(
        True, "The Host that the upstream gets: true the client's, false the upstream's, or a fixed one."
    )
    strip_prefix: bool = setting(False, "Take the route's path off before forwarding.")
    add_prefix: RoutePath | None = setting(None, "Put this in front of the path before forwarding.")
    timeouts: TimeoutsSection = setting(TimeoutsSection, "How long the upstream may take.")
    max_body: Size | None = setting(None, "The largest request body; larger ones get 413. null: no limit.", shown="10MiB")
    websocket: bool = setting(True, "Pass WebSockets.")
    origins: list[OriginText] = setting([], "Further origins that may open WebSockets.", shown=["https://app.example.com"])
    balance: Literal["round_robin", "least_connections", "hash"] = setting("round_robin", "How requests spread over several upstreams.", built=False)
    health: Health | None = setting(None, "Ask upstreams whether they live.", built=False)
    max_connections: int | None = setting(None, "The most connections to the upstream at a time.", built=False)
    tls: RouteTls = setting(RouteTls, "How an https upstream is verified.")
    set_headers: dict[HeaderName, HeaderValue] = setting(
        {}, "Headers that are set on requests, replacing the client's.", shown={"X-Environment": "production"}
    )
    remove_headers: list[HeaderName] = setting([], "Headers that are removed from requests.", shown=["X-Debug"])
    response: ResponseHeaders = setting(ResponseHeaders, "Headers of the upstream's answers.")
    encoded_paths: Literal["reject", "keep"] = setting(
        "reject",
        "What happens with paths that applications read differently (dot segments, encoded slashes): reject them, or keep those whose readings all "
        "select one rule.",
    )
    forwarded: bool = setting(False, "Send Forwarded (RFC 7239).", built=False)
    via: bool = setting(False, "Send Via.", built=False)
    rewrite_redirects: bool = setting(False, "Rewrite redirects that name the upstream.", built=False)
    cookie_domain: Text | None = setting(None, "Rewrite the domain of the upstream's cookies.", built=False)
    cookie_path: RoutePath | None = setting(None, "Rewrite the path of the upstream's cookies.", built=False)
    identity: RouteIdentity = setting(RouteIdentity, "What differs from the section identity.")
