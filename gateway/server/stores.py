"""Opening the stores that the configuration names: here, and nowhere else. Nothing connects before it is used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.crypto.passwords import Hasher
from gateway.server.counting import counting_absence
from gateway.snapshot import Fixed
from gateway.stores.accounts import AccountStore
from gateway.stores.failures import FailureStore
from gateway.stores.memory import MemorySessionStore, MemoryThrottleStore
from gateway.stores.outbox import OutboxStore
from gateway.stores.redis import RedisSessionStore, RedisThrottleStore
from gateway.stores.redis.connect import Commands
from gateway.stores.redis.opening import open_store, track
from gateway.stores.redis.primaries import PrimariesTracking
from gateway.stores.redis.tracking import Tracking
from gateway.stores.sessions import SessionStore
from gateway.stores.sql.accounts import SqlAccountStore
from gateway.stores.sql.engine import Database, open_database
from gateway.stores.sql.failures import SqlFailureStore
from gateway.stores.sql.outbox import SqlOutboxStore
from gateway.stores.sql.tokens import SqlTokenStore
from gateway.stores.sql.trail import SqlTrailStore
from gateway.stores.throttle import ThrottleStore
from gateway.stores.tokens import TokenStore
from gateway.stores.trail import TrailStore


@dataclass(frozen=True, slots=True)
class SessionStores:
    """What is kept for sessions and logins; closing `sessions` closes both. `client` is None for memory://."""

    sessions: SessionStore
    throttle: ThrottleStore
    client: Commands | None = None


def open_accounts(fixed: Fixed) -> Database:
    """The database of accounts, for `SqlAccountStore` and `stores.sql.schema`. Raises ValueError for an URL that names none."""
    return open_database(fixed.database, fixed.database_password)


def open_session_store(fixed: Fixed, clock: Callable[[], float]) -> SessionStores:
    """The store of sessions and of the throttle's counters. Raises ValueError for an URL that names none."""
    if fixed.store.startswith("memory:"):
        return SessionStores(MemorySessionStore(clock), MemoryThrottleStore(clock))
    client = open_store(fixed.store, fixed.store_password)
    return SessionStores(RedisSessionStore(client), RedisThrottleStore(client), client)


@dataclass(frozen=True, slots=True)
class SqlStores:
    """What one database keeps; closing `accounts` closes all of it."""

    accounts: AccountStore
    tokens: TokenStore
    outbox: OutboxStore
    trail: TrailStore
    failures: FailureStore


def sql_stores(database: Database, away: Callable[[], None]) -> SqlStores:
    """The stores in `database`. `away` is called each time it does not answer one of them."""
    return SqlStores(
        accounts=counting_absence(SqlAccountStore(database), away),
        tokens=counting_absence(SqlTokenStore(database), away),
        outbox=counting_absence(SqlOutboxStore(database), away),
        trail=counting_absence(SqlTrailStore(database), away),
        failures=counting_absence(SqlFailureStore(database), away),
    )


def open_tracking(
    fixed: Fixed, client: Commands | None, changed: Callable[[Sequence[str] | None], None], monotonic: Callable[[], float]
) -> Tracking | PrimariesTracking | None:
    """What hears of changed records, for `session.cache: tracked`; None where nobody tells of them. `client` is that of the stores."""
    if not fixed.tracked or client is None:
        return None
    return track(client, fixed.store, fixed.store_password, f"{fixed.key_prefix}s:", fixed.cache_lease, changed, monotonic)


def make_hasher(fixed: Fixed) -> Hasher:
    """Hashes passwords at the configured cost. Hashes one at once, so it takes as long."""
    return Hasher(fixed.argon2)
