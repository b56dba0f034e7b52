"""From a request on the wire to facts: the dialect of the reverse proxy.

One pass over the raw headers. What decides is read once, and refused when doubled; what a peer relays is believed only from a trusted proxy
(proxying.md H9, U4–U8). Nothing is repaired.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.core.facts import Facts
from gateway.core.forwarded import Trust, parse_forwarded
from gateway.core.headers import Header, find_cookies
from gateway.core.urls import DEFAULT_PORTS, Malformed, parse_authority, parse_target
from gateway.snapshot import Snapshot

#: Headers that the gateway judges by. The value says whether a second one makes the request malformed.
_READ: Final = {
    b"host": True,
    b"cookie": False,
    b"origin": True,
    b"referer": True,
    b"user-agent": False,
    b"accept": False,
    b"sec-fetch-mode": True,
    b"sec-fetch-dest": True,
    b"x-requested-with": False,
    b"upgrade": False,
    b"connection": False,
    b"forwarded": False,
    b"x-forwarded-for": False,
    b"x-forwarded-proto": True,
    b"x-forwarded-host": True,
    b"x-forwarded-port": True,
}
_X_FORWARDED: Final = frozenset({b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port"})
_RELAYED: Final = _X_FORWARDED | {b"forwarded"}
_SCHEMES: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_PASSIVE: Final = frozenset({"image", "style", "script", "font"})


def read_facts(method: str, target: str, headers: Sequence[Header], peer: str | None, scheme: str, snapshot: Snapshot) -> Facts:
    """Facts of a request that came from `peer` (None: a unix socket) over `scheme`. Raises core.urls.Malformed."""
    read = _pick(headers, snapshot.trust.believes(peer))
    client = _client(snapshot.trust, peer, read)
    relayed_scheme = read.get(b"x-forwarded-proto")
    if relayed_scheme is not None:
        known = _SCHEMES.get(relayed_scheme.lower())
        if known is None:
            raise Malformed("the relayed scheme is not valid")
        scheme = known
    sent = read.get(b"host")
    if not sent:
        raise Malformed("the request names no host")
    host, port = parse_authority(sent)
    target = _origin_form(target, sent, scheme)
    relayed_host = read.get(b"x-forwarded-host")
    if relayed_host is not None:
        host, port = parse_authority(relayed_host)
    relayed_port = read.get(b"x-forwarded-port")
    if relayed_port is not None:
        if not relayed_port.isascii() or not relayed_port.isdecimal() or not 0 < int(relayed_port[:6]) < 65536:
            raise Malformed("the relayed port is not valid")
        port = port or int(relayed_port)
    asked = parse_target(target)
    upgrade = method == "GET" and _is_websocket(read)
    return Facts(
        method=method,
        scheme=scheme,
        host=host,
        port=port or DEFAULT_PORTS[scheme],
        path=asked.path,
        readings=asked.readings,
        encoded=asked.encoded,
        raw_path=asked.raw_path,
        query=asked.query,
        client=client,
        cookies=find_cookies(headers, snapshot.cookie.name.encode("ascii")) if b"cookie" in read else (),
        navigating=is_navigating(method, read),
        upgrade=upgrade,
        passive=upgrade or read.get(b"sec-fetch-dest") in _PASSIVE,
        origin=read.get(b"origin"),
        referer=read.get(b"referer"),
        user_agent=read.get(b"user-agent", ""),
    )


def read_little(method: str, headers: Sequence[Header], snapshot: Snapshot) -> Facts:
    """What may be said of a request that read_facts refused: whether a person is looking, and nothing that it claims of itself."""
    read = {name.lower(): value.decode("latin-1") for name, value in headers}
    public = snapshot.places.public
    return Facts(
        method=method,
        scheme=public.scheme,
        host=public.host,
        port=public.port,
        path="/",
        readings=(),
        encoded=False,
        raw_path="/",
        query=None,
        client="-",
        cookies=(),
        navigating=is_navigating(method, read),
        upgrade=False,
        passive=True,
        origin=None,
        referer=None,
        user_agent="",
    )


def is_navigating(method: str, read: dict[bytes, str]) -> bool:
    """A person is looking (DESIGN 1.5): the browser says so, or is too old to say and asks for HTML."""
    mode = read.get(b"sec-fetch-mode")
    if mode is not None:
        return mode == "navigate"
    return method in ("GET", "HEAD") and "text/html" in read.get(b"accept", "") and b"x-requested-with" not in read


def _pick(headers: Sequence[Header], trusted: bool) -> dict[bytes, str]:
    read: dict[bytes, str] = {}
    for name, value in headers:
        key = name if name in _READ else name.lower()
        single = _READ.get(key)
        if single is None or (key in _RELAYED and not trusted):
            continue
        text = value.decode("latin-1")
        if key in read:
            if single:
                raise Malformed(f"the header {key.decode('ascii')} is sent twice")
            text = f"{read[key]},{text}"
        read[key] = text
    return read


def _origin_form(target: str, host: str, scheme: str) -> str:
    """The target in origin form (RFC 9112 section 3.2.1); an absolute one must name the same host as the Host header (section 3.2.2)."""
    if target.startswith("/"):
        return target
    for prefix in ("http://", "https://"):
        if target[: len(prefix)].lower() == prefix:
            authority, slash, rest = target[len(prefix) :].partition("/")
            authority, mark, query = authority.partition("?")
            default = DEFAULT_PORTS[scheme]
            named, sent = parse_authority(authority), parse_authority(host)
            if (named.host, named.port or default) != (sent.host, sent.port or default):
                raise Malformed("the address and the Host header name different hosts")
            return f"/{rest}" if slash else f"/{mark}{query}"
    raise Malformed("the address is not valid")


def _is_websocket(read: dict[bytes, str]) -> bool:
    """RFC 6455 section 4.2.1. Any other upgrade is dropped and the request goes on as plain HTTP."""
    upgrade = read.get(b"upgrade")
    if upgrade is None or upgrade.strip().lower() != "websocket":
        return False
    return any(token.strip().lower() == "upgrade" for token in read.get(b"connection", "").split(","))


def _client(trust: Trust, peer: str | None, read: dict[bytes, str]) -> str:
    """The client's address. `Forwarded` counts only where there is no X-Forwarded-* at all: most proxies set the latter and pass the former on as the
    client wrote it. What it says of scheme and host is entered as if it had come in the other headers."""
    if b"forwarded" not in read or not _X_FORWARDED.isdisjoint(read):
        return trust.client(peer, read.get(b"x-forwarded-for"))
    try:
        client, said = trust.relayed(peer, parse_forwarded(read[b"forwarded"]))
    except ValueError as error:
        raise Malformed(str(error)) from None
    if said is not None and said.scheme is not None:
        read[b"x-forwarded-proto"] = said.scheme
    if said is not None and said.host is not None:
        read[b"x-forwarded-host"] = said.host
    return client
