"""From a request on the wire to facts: that of the reverse proxy, and the one that a proxy asks about.

One pass over the raw headers. What decides is read once, and refused when doubled; what a peer relays is believed only from a trusted proxy
(proxying.md H9, U4–U8). Nothing is repaired.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from gateway.core.facts import Facts
from gateway.core.forwarded import Trust, parse_forwarded
from gateway.core.headers import Header, find_cookies
from gateway.core.languages import LANGUAGE_COOKIE
from gateway.core.urls import DEFAULT_PORTS, Authority, Malformed, parse_authority, parse_target
from gateway.snapshot import Snapshot

#: Headers that the gateway judges by. The value says whether a second one makes the request malformed.
_JUDGED_BY: Final = {
    b"host": True,
    b"cookie": False,
    b"origin": True,
    b"referer": True,
    b"user-agent": False,
    b"accept": False,
    b"accept-language": False,
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
#: What a check is judged by besides: what its proxy relays, each once.
_CHECKS_JUDGED_BY: Final = {
    **_JUDGED_BY,
    b"x-original-url": True,
    b"x-original-method": True,
    b"x-forwarded-method": True,
    b"x-forwarded-uri": True,
    b"sec-websocket-key": False,
    b"sec-websocket-version": False,
}
_METHOD: Final = re.compile(r"[A-Z][A-Z-]{0,31}")
_USUAL_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_X_FORWARDED: Final = frozenset({b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port"})
_RELAYED: Final = _X_FORWARDED | {b"forwarded"}


class _Wanted(NamedTuple):
    """A header that is read: its name in lower case, whether a second one makes the request malformed, and whether only a trusted proxy's counts."""

    name: bytes
    single: bool
    relayed: bool


def _wanted(names: Mapping[bytes, bool]) -> dict[bytes, _Wanted]:
    """By the two spellings that are usual, so that most names need not be made lower case first."""
    found: dict[bytes, _Wanted] = {}
    for name, single in names.items():
        found[name] = found[name.title()] = _Wanted(name, single, name in _RELAYED)
    return found


_READ: Final = _wanted(_JUDGED_BY)
_READ_BY_CHECKS: Final = _wanted(_CHECKS_JUDGED_BY)
_SCHEMES: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_PASSIVE: Final = frozenset({"image", "style", "script", "font"})


class Asked(NamedTuple):
    """The request that a check is about, as its proxy relayed it: a target in origin form, host with or without port."""

    method: str
    scheme: str
    host: str
    target: str


class Check(NamedTuple):
    """A check as it came: its own method, the part of its target below `/check/<dialect>`, and its headers, names in lower case."""

    method: str
    rest: str
    headers: Mapping[bytes, str]


class Untrusted(Exception):
    """A check that came from somebody who is not a trusted proxy."""


def read_facts(method: str, target: str, headers: Sequence[Header], peer: str | None, scheme: str, snapshot: Snapshot) -> Facts:
    """Facts of a request that came from `peer` (None: a unix socket) over `scheme`. Raises core.urls.Malformed."""
    read = _pick(headers, _READ, trusted=snapshot.trust.believes(peer))
    client = _client(snapshot.trust, peer, read)
    scheme = _scheme(read.get(b"x-forwarded-proto", scheme))
    sent = read.get(b"host")
    if not sent:
        raise Malformed("the request names no host")
    authority = parse_authority(sent)
    target = _origin_form(target, authority, scheme)
    relayed_host = read.get(b"x-forwarded-host")
    if relayed_host is not None:
        authority = parse_authority(relayed_host)
    port = authority.port or _relayed_port(read) or DEFAULT_PORTS[scheme]
    upgrade = method == "GET" and _is_websocket(read)
    return _facts(method, scheme, authority.host, port, target, client, upgrade, read, headers, snapshot)


class Recent(NamedTuple):
    """The last request of a connection: what was judged, by which headers and configuration."""

    headers: Sequence[Header]
    snapshot: Snapshot
    facts: Facts


#: Larger heads are not remembered (fields, bytes): there may be ten thousand connections.
_MOST_RECENT: Final = (32, 4096)


def read_facts_again(recent: Recent | None, method: str, target: str, headers: Sequence[Header], snapshot: Snapshot) -> Facts | None:
    """What `read_facts` says of a further request of the same connection, where it brings the very headers of the last one, as those of one page
    mostly do: only its target is read. None where it does not. Raises core.urls.Malformed."""
    if recent is None or recent.snapshot is not snapshot or recent.headers != headers or not target.startswith("/"):
        return None
    last = recent.facts
    if last.method != method:
        return None
    asked = parse_target(target)
    return Facts(
        method,
        last.scheme,
        last.host,
        last.port,
        asked.path,
        asked.readings,
        asked.encoded,
        asked.raw_path,
        asked.query,
        last.client,
        last.cookies,
        last.navigating,
        last.upgrade,
        last.passive,
        last.origin,
        last.referer,
        last.user_agent,
        last.languages,
    )


def to_remember(headers: Sequence[Header], snapshot: Snapshot, facts: Facts) -> Recent | None:
    """What a connection may keep of a request, None where that is too much."""
    fields, size = _MOST_RECENT
    if len(headers) > fields or sum(len(name) + len(value) for name, value in headers) > size:
        return None
    return Recent(headers, snapshot, facts)


def read_check(ask: Callable[[Check], Asked], method: str, rest: str, headers: Sequence[Header], peer: str | None, snapshot: Snapshot) -> Facts:
    """Facts of the request that a proxy asks about; `rest` is the check's target below `/check/<dialect>`. Raises Untrusted and
    core.urls.Malformed."""
    if not snapshot.trust.believes(peer):
        raise Untrusted("checks are answered to trusted proxies only")
    read = _pick(headers, _READ_BY_CHECKS, trusted=True)
    asked = ask(Check(method, rest, read))
    if asked.method not in _USUAL_METHODS and not _METHOD.fullmatch(asked.method):
        raise Malformed("the relayed method is not valid")
    scheme = _scheme(asked.scheme)
    authority = parse_authority(asked.host)
    port = authority.port or DEFAULT_PORTS[scheme]  # X-Forwarded-Port is not read: only Traefik replaces a client's (CVE-2026-54764)
    # Proxies drop Upgrade on the way to a check, but not these. Over HTTP/2 a handshake is a CONNECT without a key (RFC 8441 section 5), which some
    # proxies make a GET of before they ask and others afterwards.
    shaking = b"sec-websocket-key" in read or b"sec-websocket-version" in read or asked.scheme.lower() in ("ws", "wss")
    upgrade = shaking and asked.method in ("GET", "CONNECT")
    client = snapshot.trust.client(peer, read.get(b"x-forwarded-for"))
    return _facts(asked.method, scheme, authority.host, port, asked.target, client, upgrade, read, headers, snapshot)


def _facts(
    method: str,
    scheme: str,
    host: str,
    port: int,
    target: str,
    client: str,
    upgrade: bool,
    read: dict[bytes, str],
    headers: Sequence[Header],
    snapshot: Snapshot,
) -> Facts:
    """What was found out, trust applied, with the target parsed. By position, since names would cost half as much again for every request."""
    asked = parse_target(target)
    return Facts(
        method,
        scheme,
        host,
        port,
        asked.path,
        asked.readings,
        asked.encoded,
        asked.raw_path,
        asked.query,
        client,
        find_cookies(headers, snapshot.cookie.name.encode("ascii")) if b"cookie" in read else (),
        is_navigating(method, read),
        upgrade,
        upgrade or read.get(b"sec-fetch-dest") in _PASSIVE,
        read.get(b"origin"),
        read.get(b"referer"),
        read.get(b"user-agent", ""),
        _languages(headers, read),
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
        languages=_languages(headers, read),
    )


def _languages(headers: Sequence[Header], read: dict[bytes, str]) -> str:
    asked = read.get(b"accept-language", "")
    if LANGUAGE_COOKIE not in read.get(b"cookie", ""):
        return asked
    chosen = find_cookies(headers, LANGUAGE_COOKIE.encode("ascii"), 1)
    return f"{chosen[0]},{asked}" if chosen else asked


def is_navigating(method: str, read: dict[bytes, str]) -> bool:
    """A person is looking (DESIGN 1.5): the browser says so, or is too old to say and asks for HTML."""
    mode = read.get(b"sec-fetch-mode")
    if mode is not None:
        return mode == "navigate"
    return method in ("GET", "HEAD") and "text/html" in read.get(b"accept", "") and b"x-requested-with" not in read


def _pick(headers: Sequence[Header], wanted: Mapping[bytes, _Wanted], *, trusted: bool) -> dict[bytes, str]:
    read: dict[bytes, str] = {}
    for name, value in headers:
        found = wanted.get(name) or wanted.get(name.lower())
        if found is None:
            continue
        key, single, relayed = found
        if relayed and not trusted:
            continue
        if key not in read:
            read[key] = value.decode("latin-1")
        elif single:
            raise Malformed(f"the header {key.decode('ascii')} is sent twice")
        else:
            read[key] += "," + value.decode("latin-1")
    return read


def _scheme(text: str) -> str:
    scheme = _SCHEMES.get(text.lower())
    if scheme is None:
        raise Malformed("the relayed scheme is not valid")
    return scheme


def _relayed_port(read: dict[bytes, str]) -> int | None:
    text = read.get(b"x-forwarded-port")
    if text is None:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 5 or not 0 < int(text) < 65536:
        raise Malformed("the relayed port is not valid")
    return int(text)


def _origin_form(target: str, sent: Authority, scheme: str) -> str:
    """The target in origin form (RFC 9112 section 3.2.1); an absolute one must name the same host as the Host header (section 3.2.2)."""
    if target.startswith("/"):
        return target
    for prefix in ("http://", "https://"):
        if target[: len(prefix)].lower() == prefix:
            authority, slash, rest = target[len(prefix) :].partition("/")
            authority, mark, query = authority.partition("?")
            default = DEFAULT_PORTS[scheme]
            named = parse_authority(authority)
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
