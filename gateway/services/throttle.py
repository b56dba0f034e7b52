"""How fast logins may be tried: by address, and by account.

Every attempt counts before anything is hashed, and counts the same for accounts that do not exist. Delays are kept with the sessions; how many failed
in a row, which stops further attempts until a reset, is kept with the accounts, since it must outlive a store that forgets. Addresses count by /64 in
IPv6, which is what one customer gets; accounts by the key of the canonical address, not by its spelling. Keys are hashes, so that the stores tell no
addresses to whoever reads them. Delays end by themselves, and counts are pruned, so that random names grow nothing for good. OWASP Authentication
Cheat Sheet, "Login throttling".
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from typing import Final

from gateway.core.email import address_key
from gateway.crypto.tokens import sha256
from gateway.snapshot import ThrottleLimits
from gateway.stores.failures import FailureStore
from gateway.stores.throttle import ThrottleStore

#: How long failures of an account are remembered after the last one (seconds). At the longest delay, about a hundred can be tried in that time.
KEEP: Final = 86_400.0
_NETWORK: Final = (1 << 128) - (1 << 64)


class Throttle:
    """Counters in `store`, below `key_prefix`, and in `failures`. Methods raise StoreAway."""

    def __init__(self, store: ThrottleStore, key_prefix: str, failures: FailureStore) -> None:
        self._store = store
        self._failures = failures
        self._prefix = key_prefix

    async def attempt(self, limits: ThrottleLimits, client: str, email: str, now: float, *, lasting: bool = True) -> float:
        """Count an attempt from `client` on the account `email`; 0.0 if it may go on, else the seconds to wait, in which nothing is counted. What no
        account can be called is not counted for good: `lasting` is false."""
        wait = await self._store.take(self._key("ip", network_of(client)), limits.per_ip, limits.per_ip_window)
        if wait == 0.0:
            key = self._key("account", address_key(email))
            wait = await self._store.strike(key, limits.delay_after, limits.max_delay, KEEP, now)
            if wait == 0.0 and lasting and not await self._failures.count(_lasting_key(email), limits.stop_after, now):
                wait = limits.max_delay
        return wait

    async def allow(self, kind: str, value: str, limit: int, window: float) -> float:
        """Count one use of `kind` by `value` (an address's key, a client's network); 0.0 while there are at most `limit` in `window` seconds, else
        the seconds to wait."""
        return await self._store.take(self._key(kind, value), limit, window)

    async def clear(self, email: str) -> None:
        """Forget the account's failures: its owner logged in, or its password was set anew."""
        await forget_failures(self._failures, email)
        await self._store.clear(self._key("account", address_key(email)))

    def _key(self, kind: str, value: str) -> str:
        text = f"gateway throttle\0{self._prefix}\0{kind}\0{value}"
        return f"{self._prefix}t:{sha256(text.encode('utf-8', 'surrogatepass')).hex()[:32]}"


async def forget_failures(failures: FailureStore, email: str) -> None:
    """Forget how many logins failed in a row, where delays cannot be reached (they are in another process's memory). Raises StoreAway."""
    await failures.clear(_lasting_key(email))


def _lasting_key(email: str) -> str:
    return sha256(f"gateway failures\0{address_key(email)}".encode("utf-8", "surrogatepass")).hex()[:32]


def network_of(client: str) -> str:
    """What is counted as one client: an IPv4 address, an IPv6 /64, or the text of what has no address (a unix peer)."""
    try:
        address = ip_address(client.strip("[]").partition("%")[0])
    except ValueError:
        return client
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or IPv6Address(int(address) & _NETWORK))
    return str(address)
