"""Opening a database, and visiting it within bounded time.

`sqlite:///relative`, `sqlite:////absolute` or `postgresql://user@host:port/name`, the password apart. PostgreSQL takes `?sslmode=`, `?sslrootcert=`
and, for a unix socket, `?host=/folder`. A visit is one transaction; it ends in time or is abandoned, because a cancelled driver may itself wait for
a host that hangs. Whatever goes wrong is `StoreAway`, whose text names the kind of failure and never a statement, a value or a secret. Only
integrity is the caller's matter.

Work on a connection is plain code that runs in a greenlet; where the driver waits, SQLAlchemy hands the wait to the loop. `sqlalchemy.ext.asyncio`
does the same through a second set of classes, and importing it takes the whole object mapper with it: 7 MiB and a tenth of the start.

Known wart: when a write is abandoned its outcome is unknown. What sessions must feel is written in the same transaction, so either both happen or
none.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import ssl
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

import aiosqlite
from sqlalchemy import URL, AsyncAdaptedQueuePool, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError
from sqlalchemy.util import greenlet_spawn

from gateway.stores import StoreAway

T = TypeVar("T")

#: How long one visit may take, connecting included (seconds).
WITHIN: Final = 1.5
#: The same for what visits every account, and for migrations (seconds).
LONG: Final = 300.0
#: How long SQLite waits for another writer (milliseconds); less than WITHIN, so that its own error tells what happened.
_BUSY: Final = 1200
#: How long closing waits for visits that were abandoned (seconds); a driver gives a dead connection up within two.
_ENDING: Final = 3.0
_FAILURES: Final = (SQLAlchemyError, sqlite3.Error, OSError, TimeoutError)
#: What kinds of failure mean, where their names say too little. SQLite's by the code of the error, others by their class.
_MEANINGS: Final = {
    "SQLITE_NOTADB": "the file is not a database",
    "SQLITE_CANTOPEN": "the file cannot be opened",
    "SQLITE_BUSY": "something else holds it",
    "SQLITE_READONLY": "the file cannot be written",
    "SQLITE_FULL": "the disk is full",
    "ConnectionRefusedError": "nothing listens there",
    "gaierror": "its host is not known",
    "InvalidPasswordError": "the password is refused",
    "InvalidAuthorizationSpecificationError": "the user is refused",
    "InvalidCatalogNameError": "there is no such database",
}
_POSTGRES_OPTIONS: Final = frozenset({"host", "port", "sslmode", "sslrootcert", "prepared_statement_cache_size"})


class Database:
    """An engine, how long a visit to it may take (seconds), SQLite's file (None for a server), and what errors its driver has of its own."""

    def __init__(self, engine: Engine, within: float = WITHIN, file: Path | None = None, failures: tuple[type[BaseException], ...] = ()) -> None:
        self.file = file
        self._place = _place(engine.url) if file is None else str(file)
        self._readers = engine
        self._writers = engine.execution_options(gateway_begin="BEGIN IMMEDIATE")
        # SQLite has one writer at a time, and whoever finds it busy polls: here they queue in order, and hold no connection that readers need.
        self._turn: AbstractAsyncContextManager[object] = asyncio.Lock() if engine.dialect.name == "sqlite" else nullcontext()
        self._within = within
        self._failures: tuple[type[BaseException], ...] = (*_FAILURES, *failures)
        self._visits: set[asyncio.Task[Any]] = set()

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._readers.dialect.name

    async def read(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns, in a transaction of its own. Raises StoreAway."""
        return await self._visit(_transact(self._readers, work), self._within)

    async def write(self, work: Callable[[Connection], T], *, within: float | None = None) -> T:
        """The same, holding SQLite's write lock from the start. Raises StoreAway, or IntegrityError as it comes."""

        async def in_turn() -> T:
            async with self._turn:
                return await _transact(self._writers, work)

        return await self._visit(in_turn(), self._within if within is None else within)

    async def close(self) -> None:
        """Abandon what is under way and give connections back."""
        for visit in self._visits:
            self._abandon(visit)
        if self._visits:
            await asyncio.wait(self._visits, timeout=_ENDING)
        await greenlet_spawn(self._readers.dispose)

    async def _visit(self, work: Coroutine[Any, Any, T], within: float) -> T:
        visit = asyncio.create_task(work)
        self._visits.add(visit)
        visit.add_done_callback(self._left)
        try:
            await asyncio.wait((visit,), timeout=within)
        except asyncio.CancelledError:
            # An impatient client must not cost a connection: the visit ends by itself, or in time.
            asyncio.get_running_loop().call_later(within, self._abandon, visit)
            raise
        if not visit.done():
            self._abandon(visit)
            raise StoreAway(f"the database {self._place} did not answer in time")
        try:
            return visit.result()
        except IntegrityError:
            raise
        except self._failures as error:
            raise StoreAway(f"the database {self._place} is away ({_cause(error)})") from None

    def _abandon(self, visit: asyncio.Task[Any]) -> None:
        # SQLite's waits are short (_BUSY) and happen in threads that nothing can stop. Cancelling twice would leave a connection half closed.
        if self.dialect != "sqlite" and not visit.cancelling():
            visit.cancel()

    def _left(self, visit: asyncio.Task[Any]) -> None:
        self._visits.discard(visit)
        if not visit.cancelled():
            visit.exception()  # an abandoned visit may fail; nobody waits for it any more


async def _transact(engine: Engine, work: Callable[[Connection], T]) -> T:
    def transaction() -> T:
        with engine.begin() as connection:
            return work(connection)

    return await greenlet_spawn(transaction)


def open_database(url: str, password: str | None = None, *, within: float = WITHIN) -> Database:
    """A database that connects when it is first visited. Raises ValueError for an URL that names none; the text does not quote it."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError("the database must be sqlite:///… or postgresql://…") from None
    if parsed.get_backend_name() == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise ValueError("SQLite needs a file: sqlite:///path")
        if parsed.query:
            raise ValueError("a database in SQLite takes no options")
        return Database(_open_sqlite(parsed.database), within, Path(parsed.database))
    if parsed.get_backend_name() == "postgresql":
        return _open_postgres(parsed, password, within)
    raise ValueError("the database must be sqlite:///… or postgresql://…")


def create_file(database: Database) -> None:
    """Make an empty SQLite file, readable by its owner only: it will hold password hashes. Raises OSError."""
    assert database.file is not None
    database.file.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(database.file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _open_sqlite(path: str) -> Engine:
    # mode=rw: a connection never creates the file, so a database that vanished is away and not suddenly empty.
    file = f"file:{quote(path)}?mode=rw"

    async def connect(*_: object, **__: object) -> aiosqlite.Connection:
        # The file is opened before aiosqlite has a thread: when opening fails there, the thread reports to a loop that may have ended by then, and
        # prints a traceback.
        opened = await asyncio.to_thread(sqlite3.connect, file, timeout=_BUSY / 1000, uri=True, check_same_thread=False)
        connection = aiosqlite.Connection(lambda: opened, 64)
        connection._thread.daemon = True  # as SQLAlchemy does where it connects itself: a forgotten thread must not keep the process
        return await connection

    def create() -> Any:
        return engine.dialect.dbapi.connect(async_creator_fn=connect)  # type: ignore[union-attr]  # the dialect's module has it, its protocol not

    url = URL.create("sqlite+aiosqlite", database=path)
    engine = create_engine(url, hide_parameters=True, pool_timeout=WITHIN, creator=create, poolclass=AsyncAdaptedQueuePool)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver would begin lazily and deferred; `_begin_sqlite` begins instead
    cursor = connection.cursor()
    try:
        # WAL lets readers read while one writes. `synchronous` stays FULL: a revocation that was answered must survive a power cut.
        for pragma in (f"busy_timeout={_BUSY}", "journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
    except BaseException:
        connection.close()  # the pool forgets a connection that could not be prepared, and its thread with it
        raise


def _begin_sqlite(connection: Any) -> None:
    # IMMEDIATE takes the write lock before the first read, so two changes cannot both read and then find each other in the way.
    connection.exec_driver_sql(connection.get_execution_options().get("gateway_begin", "BEGIN"))


def _open_postgres(url: URL, password: str | None, within: float) -> Database:
    import asyncpg  # costs start-up time and 5 MiB with its dialect, which who keeps accounts in SQLite need not pay

    unknown = set(url.query) - _POSTGRES_OPTIONS
    if unknown:
        raise ValueError(f"the database's URL has an unknown option {min(unknown)}")
    query = dict(url.query)
    connect: dict[str, Any] = {"timeout": within, "command_timeout": LONG, "server_settings": {"application_name": "auth-gateway"}}
    mode, root = query.pop("sslmode", None), query.pop("sslrootcert", None)
    if root is not None:
        connect["ssl"] = ssl.create_default_context(cafile=str(root))
        connect["ssl"].check_hostname = mode != "verify-ca"
    elif mode is not None:
        connect["ssl"] = mode
    url = url.set(drivername="postgresql+asyncpg", query=query)
    if password is not None:
        url = url.set(password=password)
    engine = create_engine(url, hide_parameters=True, pool_pre_ping=True, pool_timeout=within, pool_recycle=1800, connect_args=connect)
    return Database(engine, within, failures=(asyncpg.PostgresError, asyncpg.InterfaceError))


def _place(url: URL) -> str:
    """Where a server is and which database is meant, without user and password."""
    host = url.host or url.query.get("host") or "localhost"
    return f"{host if isinstance(host, str) else host[0]}{f':{url.port}' if url.port else ''}/{url.database or ''}"


def _cause(error: BaseException) -> str:
    """The innermost error's kind: it says more than the wrapper's, and holds no value."""
    original = getattr(error, "orig", None) or error
    innermost = original.__cause__ or original
    name = getattr(innermost, "sqlite_errorname", None) or type(innermost).__name__
    return _MEANINGS.get(name, name)
