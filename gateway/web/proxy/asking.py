"""The head of a request as the upstream gets it.

Order is safety: first what the client sent, cleaned; then what the route sets; then where the request came from; at the very end who it is, so that
nothing can stand in the place of an identity header (proxying.md H3 to H9, H18). Everything is bytes, and values pass unchanged (H13).
"""

from __future__ import annotations

from typing import Final

from gateway.core.facts import Facts
from gateway.core.forwarding import forwarded_target
from gateway.core.headers import Headers, clean_request
from gateway.core.urls import DEFAULT_PORTS, parse_authority
from gateway.services.gatekeeper import Admission
from gateway.snapshot import Snapshot
from gateway.web.exchange import Exchange
from gateway.web.proxy.lane import Lane

#: Last of a handshake's head; the client's own Connection and Upgrade do not pass (W2, W8).
UPGRADE: Final = b"Connection: Upgrade\r\nUpgrade: websocket"


def request_head(headers: Headers, admission: Admission, lane: Lane, snapshot: Snapshot, exchange: Exchange, framing: bytes) -> bytes:
    """The request line and all headers. `framing` is a header line that says how long the body is, or empty. Raises core.urls.Malformed."""
    facts = admission.facts
    route = lane.route
    target = forwarded_target(facts, route.path, strip=route.strip_prefix, add=route.add_prefix)
    host = lane.host or _asked_host(headers, facts)
    lines = [f"{facts.method} {target} HTTP/1.1\r\nHost: ".encode("latin-1") + host]
    lines += map(_line, clean_request(headers, lane.strip_request, snapshot.own_cookies))
    if framing:
        lines.append(framing)
    lines += lane.request_lines
    lines.append(_origin(headers, facts, snapshot, exchange))
    lines += map(_line, admission.introduction.headers)
    lines.append(b"\r\n")
    return b"\r\n".join(lines)


def binds_connection(headers: Headers) -> bool:
    """Whether the request carries credentials that bind the connection instead of the request (CVE-2026-88007; RFC 4559 section 6)."""
    return any(len(name) == 13 and name.lower() == b"authorization" and is_bound_scheme(value) for name, value in headers)


def is_bound_scheme(value: bytes) -> bool:
    """Whether a challenge or credentials are Negotiate's or NTLM's."""
    return value[:9].lower() == b"negotiate" or value[:4].lower() == b"ntlm"


_line: Final = b": ".join


def _origin(headers: Headers, facts: Facts, snapshot: Snapshot, exchange: Exchange) -> bytes:
    """Where the request came from, as our facts have it: a trusted peer's X-Forwarded-For is continued, anybody else's replaced (H8)."""
    hops: list[bytes] = []
    if snapshot.trust.believes(exchange.peer):
        hops = [value for name, value in headers if len(name) == 15 and name.lower() == b"x-forwarded-for"]
    if exchange.peer is not None:
        hops.append(exchange.peer.encode("latin-1"))
    hops_line = b"X-Forwarded-For: %b\r\n" % b", ".join(hops) if hops else b""
    host = _authority(facts)
    rest = f"X-Forwarded-Proto: {facts.scheme}\r\nX-Forwarded-Host: {host}\r\nX-Forwarded-Port: {facts.port}\r\nX-Request-Id: {exchange.request_id}"
    return hops_line + rest.encode("latin-1")


def _asked_host(headers: Headers, facts: Facts) -> bytes:
    """The Host header as it was sent, or the host that was judged where a trusted proxy named another: an upstream that serves several hosts must
    not be asked for one whose rules were not."""
    sent = _sent(headers, b"host")
    if sent == facts.host.encode("ascii") or parse_authority(sent.decode("latin-1")).host == facts.host:
        return sent
    return _authority(facts).encode("ascii")


def _authority(facts: Facts) -> str:
    return facts.host if facts.port == DEFAULT_PORTS[facts.scheme] else f"{facts.host}:{facts.port}"


def _sent(headers: Headers, wanted: bytes) -> bytes:
    """The one Host header (the reading of facts refuses none and several)."""
    for name, value in headers:
        if len(name) == len(wanted) and name.lower() == wanted:
            return value
    return b""
