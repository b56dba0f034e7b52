"""Opening a store, and what tells of changes in it, by URL: one server (connect.py), or several.

    redis+sentinel://[user@]host:port,host:port,…/service[/number]   the sentinels, and the name that they know the master by
    redis+cluster://[user@]host:port,host:port,…                     some servers of the cluster

`rediss+…` is TLS to every server, the sentinels too; the options are those of `rediss://`. User and password are for the servers that keep sessions;
sentinels are asked without.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import parse_qs, urlsplit

from gateway.stores.redis.cluster import ClusterClient
from gateway.stores.redis.connect import Client, Commands, open_redis, tracking_connections
from gateway.stores.redis.primaries import PrimariesTracking
from gateway.stores.redis.sentinel import SentinelClient
from gateway.stores.redis.several import Address
from gateway.stores.redis.tracking import Tracking

_SCHEMES: Final = ("redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")
#: Seconds for one command to one server; with asking where it belongs and being sent elsewhere, all of it stays below a second.
_TIMEOUT: Final = 0.3


def open_store(url: str, password: str | None = None) -> Client | ClusterClient | SentinelClient:
    """A client of what `url` names; connects with the first command. Raises ValueError, whose text holds no secret."""
    return open_several(url, password) if url.partition("://")[0] in _SCHEMES else open_redis(url, password)


def track(
    client: Commands,
    url: str,
    password: str | None,
    prefix: str,
    lease: float,
    changed: Callable[[Sequence[str] | None], None],
    monotonic: Callable[[], float],
) -> Tracking | PrimariesTracking:
    """What tells `changed` of changed records below `prefix`. `client` was opened with `url` and `password`."""
    if not isinstance(client, ClusterClient | SentinelClient):
        return Tracking(tracking_connections(url, password), prefix, lease, changed, monotonic)
    servers = client
    return PrimariesTracking(servers, lambda address: tracking_connections(servers.address_url(address), password), prefix, lease, changed, monotonic)


def open_several(url: str, password: str | None = None) -> ClusterClient | SentinelClient:
    """A client of what `url` names; see the module. Connects with the first command. Raises ValueError, whose text holds no secret."""
    scheme, _, rest = url.partition("://")
    if scheme not in _SCHEMES:
        raise ValueError(f"the URL of several servers begins with {'://, '.join(_SCHEMES)}://")
    authority, slash, path = rest.partition("?")[0].partition("/")
    userinfo, at, hosts = authority.rpartition("@")
    options = rest.partition("?")[2]
    single, _, kind = scheme.partition("+")
    service, _, number = path.partition("/")
    if "db" in parse_qs(options):
        raise ValueError("the options name a database")
    if kind == "cluster" and slash and path:
        raise ValueError("a cluster has no numbered databases")
    if kind == "sentinel" and not service:
        raise ValueError("after the sentinels comes /service, the name that they know the master by")
    addresses = [_address(host, 26379 if kind == "sentinel" else 6379) for host in hosts.split(",")]
    tail = f"/{number}" * bool(number) + f"?{options}" * bool(options)

    def url_of(address: Address) -> str:
        return f"{single}://{userinfo}{at}{address}{tail}"

    def client_of(address: Address) -> Client:
        return open_redis(url_of(address), password, timeout=_TIMEOUT)

    _ = client_of(addresses[0])  # judges number and options before anybody connects
    place = f"{scheme}://{hosts}{slash}{path}"
    if kind == "cluster":
        return ClusterClient(addresses, url_of, client_of, place)
    sentinels = [open_redis(f"{single}://{address}" + f"?{options}" * bool(options), timeout=_TIMEOUT) for address in addresses]
    return SentinelClient(sentinels, service, url_of, client_of, place)


def _address(text: str, port: int) -> Address:
    try:
        parts = urlsplit(f"//{text}")
        if parts.hostname and parts.path == "":
            return Address(parts.hostname, parts.port or port)
    except ValueError:
        pass
    raise ValueError("each server is host:port, separated by commas")
