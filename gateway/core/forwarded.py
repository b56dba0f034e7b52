"""Whose word counts: which peers may say where a request came from.

A header that names the client, scheme, host or path is believed only from a peer in `server.trusted_proxies`; from anybody else it does not exist
(CVE-2023-36456, CVE-2024-21494, CVE-2026-33495). The client is the rightmost hop of X-Forwarded-For that is not a trusted proxy itself, never the
leftmost, which anybody can write.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

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
        for hop in reversed(forwarded_for.split(",")):
            address = parse_hop(hop)
            if address is None:
                return last
            last = address
            if not self.believes(address):
                return last
        return last

    def _contains(self, peer: str) -> bool:
        try:
            address = _address(peer)
        except ValueError:
            return False
        return any(address.version == network.version and address in network for network in self.networks)


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
