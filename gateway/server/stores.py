"""Opening the stores that the configuration names: here, and nowhere else. Nothing connects before it is used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.config.model import Settings
from gateway.crypto.passwords import Argon2Cost, Hasher
from gateway.stores.memory import MemorySessionStore, MemoryThrottleStore
from gateway.stores.redis.connect import Client, open_redis, tracking_connections
from gateway.stores.redis.sessions import RedisSessionStore
from gateway.stores.redis.throttle import RedisThrottleStore
from gateway.stores.redis.tracking import Tracking
from gateway.stores.sessions import SessionStore
from gateway.stores.sql.engine import Database, open_database
from gateway.stores.throttle import ThrottleStore


@dataclass(frozen=True, slots=True)
class SessionStores:
    """What is kept for sessions and logins; closing `sessions` closes both. `client` is None for memory://."""

    sessions: SessionStore
    throttle: ThrottleStore
    client: Client | None = None


def open_accounts(settings: Settings) -> Database:
    """The database of accounts, for `SqlAccountStore` and `stores.sql.schema`. Raises ValueError for an URL that names none."""
    password = settings.users.database_password
    return open_database(settings.users.database, password.get_secret_value() if password else None)


def open_session_store(settings: Settings, clock: Callable[[], float]) -> SessionStores:
    """The store of sessions and of the throttle's counters. Raises ValueError for an URL that names none."""
    if settings.session.store.startswith("memory:"):
        return SessionStores(MemorySessionStore(clock), MemoryThrottleStore(clock))
    password = settings.session.store_password
    client = open_redis(settings.session.store, password.get_secret_value() if password else None)
    return SessionStores(RedisSessionStore(client), RedisThrottleStore(client), client)


def open_tracking(settings: Settings, changed: Callable[[Sequence[str] | None], None], monotonic: Callable[[], float]) -> Tracking | None:
    """What hears of changed records, for `session.cache: tracked`; None where nobody tells of them."""
    session = settings.session
    if session.cache != "tracked" or session.store.startswith("memory:"):
        return None
    password = session.store_password
    connect = tracking_connections(session.store, password.get_secret_value() if password else None)
    return Tracking(connect, f"{session.key_prefix}s:", session.cache_lease, changed, monotonic)


def make_hasher(settings: Settings) -> Hasher:
    """Hashes passwords at the configured cost. Hashes one at once, so it takes as long."""
    argon2 = settings.users.password.argon2
    return Hasher(Argon2Cost(memory=argon2.memory // 1024, time=argon2.time, parallelism=argon2.parallelism))
