"""Whether a session is still used from where it began: the same network, the same browser (`session.bind`).

Pure. An address counts as the same while it lies in the same network of `ipv4_prefix` or `ipv6_prefix` bits: telephones and providers change
addresses inside of one. IPv4 and IPv6 are different networks. What is no address (a peer on a unix socket) is compared as text. Nothing here says
who somebody is: a stolen cookie is noticed sooner, and no more (OWASP Session Management Cheat Sheet, "Binding the Session ID to Other User
Properties").
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

#: A browser's name is kept and compared this far (characters).
MOST_USER_AGENT = 256


class Bound(StrEnum):
    """What happens to a session that is used from elsewhere."""

    OFF = "off"
    WARN = "warn"
    END = "end"


class Moved(StrEnum):
    """What changed."""

    ADDRESS = "address"
    BROWSER = "browser"


@dataclass(frozen=True, slots=True)
class Binding:
    """`session.bind`; prefixes in bits."""

    ip: Bound = Bound.OFF
    user_agent: Bound = Bound.OFF
    ipv4_prefix: int = 24
    ipv6_prefix: int = 56

    @property
    def loose(self) -> bool:
        """Whether nothing is compared at all."""
        return self.ip is Bound.OFF and self.user_agent is Bound.OFF

    def moves(self, address: str, user_agent: str, client: str, agent: str) -> tuple[tuple[Moved, Bound], ...]:
        """What is not as it was: a session that began at `address` with `user_agent` is used from `client` with `agent`."""
        found = []
        if self.ip is not Bound.OFF and client != address and self._network(client) != self._network(address):
            found.append((Moved.ADDRESS, self.ip))
        if self.user_agent is not Bound.OFF and agent[:MOST_USER_AGENT] != user_agent:
            found.append((Moved.BROWSER, self.user_agent))
        return tuple(found)

    def _network(self, text: str) -> str:
        return _network(text, self.ipv4_prefix, self.ipv6_prefix)


@lru_cache(maxsize=4096)
def _network(text: str, ipv4_prefix: int, ipv6_prefix: int) -> str:
    try:
        address = ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return text
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    spare = address.max_prefixlen - (ipv4_prefix if address.version == 4 else ipv6_prefix)
    return f"{address.version}/{int(address) >> spare}"
