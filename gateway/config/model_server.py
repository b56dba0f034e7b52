"""The sections `server`, `log` and `keys`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr, WithJsonSchema

from gateway.config.quantities import Duration, Pause, Size
from gateway.config.section import Section, required, setting
from gateway.config.words import WORD_OR_WORDS, KeyId, Listen, OneOrMore, Prefix, PublicUrl, Text, TrustedPeer


def _workers(value: object) -> object:
    if value == "auto" or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return value
    raise ValueError("must be a number of processes, or auto")


class Tls(Section):
    """The certificate of the public listeners."""

    certificate_file: Text = required("The certificate chain, PEM. Read again when it changes.", shown="/etc/gateway/tls.crt", path=True)
    key_file: Text = required("The private key, PEM.", shown="/etc/gateway/tls.key", path=True)


class LimitsSection(Section):
    """What a client may send, and how slowly."""

    url: Size = setting(8 << 10, "The longest request target; longer ones get 414.")
    headers: Size = setting(64 << 10, "All headers of a request together; more get 431.")
    header_timeout: Duration = setting(10.0, "How long a client may take to send its headers.")
    body_idle: Duration = setting(60.0, "The longest pause inside a request body.")
    keepalive: Duration = setting(75.0, "How long an idle client connection stays open.")
    connections: Annotated[int, Field(ge=1, le=1_000_000)] = setting(10_000, "Client connections at a time, over all listeners; of each worker.")


class Server(Section):
    """The process: where it listens and how browsers reach it."""

    listen: Annotated[list[Listen], OneOrMore, Field(min_length=1), WORD_OR_WORDS] = setting(
        ["127.0.0.1:8080"], 'Where the gateway listens: host:port, "[v6]:port" or unix:/path; a list is allowed.'
    )
    admin_listen: Listen | None = setting("127.0.0.1:9090", "Where /healthz, /readyz and /metrics are; never on the public listener. null: nowhere.")
    public_url: PublicUrl | None = setting(
        None,
        "Where browsers reach the gateway; required by serve. Links in mail, absolute redirects and the issuer of assertions are made of it.",
        shown="https://auth.example.com",
    )
    prefix: Prefix = setting("/_auth", "The path below which the gateway's own pages are.")
    workers: Annotated[
        int | Literal["auto"], BeforeValidator(_workers), WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"const": "auto"}]})
    ] = setting(1, "Processes on one port; auto: one for each core. More than 1 needs a shared store.")
    trusted_proxies: list[TrustedPeer] = setting(
        [],
        "Networks whose X-Forwarded-*, X-Original-* and Forwarded headers are believed, and `unix:` for peers on unix sockets; nothing else ever is.",
    )
    tls: Tls | None = setting(None, "Serve https. null: plain http, with a proxy in front that speaks TLS.")
    shutdown_delay: Pause = setting(0.0, "At shutdown: not ready, still accepting; what a load balancer needs to notice.")
    shutdown_grace: Pause = setting(20.0, "At shutdown: how long requests under way may take.")
    limits: LimitsSection = setting(LimitsSection, "What a client may send, and how slowly.")


class Log(Section):
    """The log on standard error."""

    format: Literal["text", "json"] = setting("text", "json for machines; text is for people.")
    level: Literal["debug", "info", "warning", "error"] = setting("info", "The least that is written: debug, info, warning or error.")


class KeySection(Section):
    """A secret that seals cookies and records."""

    id: KeyId = required("Names the key in what it sealed: 1–16 of a-z 0-9 -.", shown="2026a")
    secret: SecretStr = required("32 random bytes as `gateway keys generate` prints them.", secret=True, shown="${GATEWAY_KEY}")
    seal: bool = setting(True, "false: opens only. A new key is put on all replicas with false first; then it moves up and loses it.")
