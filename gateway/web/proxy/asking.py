"""The head of a request as the upstream gets it.

Order is safety: first what the client sent, cleaned; then what the route sets; then where the request came from; at the very end who it is, so that
nothing can stand in the place of an identity header (proxying.md H3 to H9, H18). Everything is bytes, and values pass unchanged (H13).

The client's headers are gone through once, with verdicts that are looked up (names.py). `core.headers.clean_request` is the plain form, and judges
the head wherever a name alone does not decide (tests/unit/web/proxy/test_asking.py).
"""

from __future__ import annotations

from typing import Final

from gateway.core.forwarding import forwarded_target
from gateway.core.headers import Headers, clean_request, cut_cookies
from gateway.services.gatekeeper import Admission
from gateway.snapshot import Snapshot
from gateway.web.exchange import Exchange
from gateway.web.proxy.binding import is_bound_scheme
from gateway.web.proxy.lane import Lane
from gateway.web.proxy.names import Verdict

#: Last of a handshake's head; the client's own Connection and Upgrade do not pass (W2, W8).
UPGRADE: Final = b"Connection: Upgrade\r\nUpgrade: websocket"

_DROP: Final = Verdict.DROP
_COOKIE: Final = Verdict.COOKIE
_CREDENTIALS: Final = Verdict.CREDENTIALS
_HOST: Final = Verdict.HOST
_FRAMING: Final = Verdict.FRAMING
_CONNECTION: Final = Verdict.CONNECTION
_FORWARDED_FOR: Final = Verdict.FORWARDED_FOR
#: Values of Connection that nominate nothing which is not dropped anyhow.
_NOMINATE_NOTHING: Final = frozenset({b"keep-alive", b"close", b""})
_line: Final = b": ".join


#: A client's headers: the lines that may pass, behind an empty one; Host as sent; hops of X-Forwarded-For; whether a body is framed; whether
#: credentials bind the connection.
Sent = tuple[list[bytes], bytes, list[bytes], bool, bool]


def read_sent(headers: Headers, lane: Lane, own_cookies: frozenset[bytes]) -> Sent:
    """Go through a client's headers (the reading of facts refuses no Host and several)."""
    lines = [b""]
    host = b""
    hops: list[bytes] = []
    framed = bound = doubt = False
    names = lane.request_names
    for header in headers:
        verdict = names[header[0]]
        if not verdict:
            lines.append(_line(header))
        elif verdict is _DROP:
            pass
        elif verdict is _COOKIE:
            rest = cut_cookies(header[1], own_cookies)
            if rest:
                lines.append(b"%b: %b" % (header[0], rest))
        elif verdict is _HOST:
            host = header[1]
        elif verdict is _FRAMING:
            framed = True
        elif verdict is _CREDENTIALS:
            bound = bound or is_bound_scheme(header[1])
            lines.append(_line(header))
        elif verdict is _FORWARDED_FOR:
            hops.append(header[1])
        elif verdict is not _CONNECTION or header[1].lower() not in _NOMINATE_NOTHING:
            doubt = True
    if doubt:
        lines = [b"", *map(_line, clean_request(headers, lane.strip_request, own_cookies))]
    return lines, host, hops, framed, bound


def request_head(sent: Sent, admission: Admission, lane: Lane, snapshot: Snapshot, exchange: Exchange, framing: bytes) -> bytes:
    """The request line and all headers; takes the lines of `sent`. `framing` is a header line that says how long the body is, or empty. Raises
    core.urls.Malformed."""
    lines, asked, hops, _, _ = sent
    facts, route, peer = admission.facts, lane.route, exchange.peer
    target = forwarded_target(facts, route.path, strip=route.strip_prefix, add=route.add_prefix)
    host, place = lane.place(asked, facts)
    lines[0] = b"%b %b HTTP/1.1\r\nHost: %b" % (facts.method.encode("latin-1"), target.encode("latin-1"), host)
    if framing:
        lines.append(framing)
    lines += lane.request_lines
    # A trusted peer's X-Forwarded-For is continued, anybody else's replaced (H8).
    if hops and not snapshot.trust.believes(peer):
        hops = []
    if peer is not None:
        hops.append(peer.encode("latin-1"))
    hops_line = b"X-Forwarded-For: %b\r\n" % b", ".join(hops) if hops else b""
    lines.append(b"%b%bX-Request-Id: %b" % (hops_line, place, exchange.request_id.encode("latin-1")))
    lines.append(admission.introduction.lines + b"\r\n")
    return b"\r\n".join(lines)
