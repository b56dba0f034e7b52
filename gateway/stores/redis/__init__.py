"""Stores on Redis 6.2 or newer: one server, one behind sentinels, or a cluster.

Records are sealed before they come here; Redis sees hashes, ends and ciphertext.
"""

from __future__ import annotations

from gateway.stores.redis.connect import open_redis
from gateway.stores.redis.server import UnsupportedServer, check_server, check_servers
from gateway.stores.redis.sessions import RedisSessionStore
from gateway.stores.redis.throttle import RedisThrottleStore

__all__ = ["RedisSessionStore", "RedisThrottleStore", "UnsupportedServer", "check_server", "check_servers", "open_redis"]
