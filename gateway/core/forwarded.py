"""Whose word counts: which peers may say where a request came from.

A header that names the client, scheme, host or path is believed only from a peer in `server.trusted_proxies`; from anybody else it does not exist
(CVE-2023-36456, CVE-2024-21494, CVE-2026-33495). The client is the rightmost hop of X-Forwarded-For that is not a trusted proxy itself, never the
leftmost, which anybody can write.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, NamedTuple

#: Peers judged once are remembered; the bound keeps a flood of addresses from growing it.
_MOST_JUDGED = 4096


class Trust:
    """The trusted proxies: networks, and whether peers on unix sockets are among them. Immutable but for a bounded memory of answers."""

    __slots__ = ("_judged", "networks", "unix")

    def __init__(self, networks: Iterable[IPv4Network | IPv6Network] = (), *, unix: bool = False) -> None:
        self.networks = tuple(networks)
        self.unix = unix
        self._judged: dict[str, bool] = {}

    def believes(self, peer: str | None) -> bool:
        """Whether what `peer` (an address; None is a unix socket) relays is believed."""
        if peer is None:
            return self.unix
        known = self._judged.get(peer)
        if known is None:
            if len(self._judged) >= _MOST_JUDGED:
                self._judged.clear()
            known = self._judged[peer] = self._contains(peer)
        return known

    def client(self, peer: str | None, forwarded_for: str | None) -> str:
        """The client's address, given all X-Forwarded-For values joined by commas in the order received; an unix peer without one is `unix`.

        Hops are judged from the right and the first that is not a trusted proxy is the client. A hop that is no address ends the search: what stands
        left of it cannot be attributed, so the last good hop counts.
        """
        last = peer or "unix"
        if not forwarded_for or not self.believes(peer):
            return last
        return self._rightmost(last, forwarded_for.split(","))[0]

    def relayed(self, peer: str | None, elements: Sequence[Relayed]) -> tuple[str, Relayed | None]:
        """The same from a believed peer's `Forwarded`: the client, and what the outermost trusted proxy said of its request."""
        client, depth = self._rightmost(peer or "unix", [element.hop or "unknown" for element in elements])
        return client, elements[-depth] if depth else None

    def _rightmost(self, last: str, hops: Sequence[str]) -> tuple[str, int]:
        """The client, and how many hops from the right it took to find it."""
        for depth, hop in enumerate(reversed(hops), start=1):
            address = parse_hop(hop)
            if address is None:
                return last, depth
            last = address
            if not self.believes(address):
                return last, depth
        return last, len(hops)

    def _contains(self, peer: str) -> bool:
        try:
            address = _address(peer)
        except ValueError:
            return False
        return any(address.version == network.version and address in network for network in self.networks)


class Relayed(NamedTuple):
    """What one proxy said of the request that it received: raw values, None where it said nothing."""

    hop: str | None
    scheme: str | None
    host: str | None


def parse_forwarded(text: str) -> list[Relayed]:
    """The elements of `Forwarded` (RFC 7239 section 4), all lines joined by commas, in the order sent. Raises ValueError for anything else."""
    elements: list[Relayed] = []
    for element in _split_quoted(text, ","):
        pairs: dict[str, str] = {}
        for part in _split_quoted(element, ";"):
            found = _PAIR.fullmatch(part.strip())
            if found is None or found["name"].lower() in pairs:
                raise ValueError("the header Forwarded is not valid")
            pairs[found["name"].lower()] = found["token"] or _QUOTED_PAIR.sub(r"\1", found["quoted"])
        elements.append(Relayed(pairs.get("for"), pairs.get("proto"), pairs.get("host")))
    return elements


_PAIR: Final = re.compile(r"""(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:(?P<token>[!#$%&'*+.^_`|~0-9A-Za-z-]+)|"(?P<quoted>(?:[^"\\]|\\.)*)")""")
_QUOTED_PAIR: Final = re.compile(r"\\(.)")


def _split_quoted(text: str, separator: str) -> list[str]:
    """`text` cut at `separator` outside quotes."""
    parts, start, quoted, position = [], 0, False, 0
    while position < len(text):
        character = text[position]
        if character == "\\" and quoted:
            position += 1
        elif character == '"':
            quoted = not quoted
        elif character == separator and not quoted:
            parts.append(text[start:position])
            start = position + 1
        position += 1
    return [*parts, text[start:]]


def parse_hop(text: str) -> str | None:
    """One entry of X-Forwarded-For as an address in its shortest form, port and brackets dropped; None if it is no address."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(_address(text))
    except ValueError:
        return None


def _address(text: str) -> IPv4Address | IPv6Address:
    """An address; an IPv4 address in IPv6 clothes is the IPv4 one, so that a dual-stack listener changes nothing."""
    address = ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
