"""The connection to Redis, and the one place where its errors become StoreAway.

- Every command has one deadline for all of it: waiting for a place, connecting, TLS, logging in, sending, the answer. Nothing is tried again.
- RESP2: it spares the HELLO of every new connection and has no pushed messages that could stand between a command and its reply. (Client tracking
  needs RESP3 and brings its own connections.) No CLIENT SETINFO, no maintenance handshake: an ACL user needs only the commands of the stores.
- A command that is cancelled closes its connection, so no later command can read its reply (CVE-2023-28858, CVE-2023-28859). This holds because
  redis-py closes on every BaseException between sending and reading, and because its own timeout stays off: `wait_for`, which it is made of, can lose
  a cancellation on Python 3.11.
- No secret in a text: StoreAway names the place without user and password, and the kind of an error reply but not its words, which may quote a
  command.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AskError,
    AuthenticationError,
    BusyLoadingError,
    ConnectionError,  # noqa: A004 - Redis's own, which is no OSError
    DataError,
    MovedError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.maint_notifications import MaintNotificationsConfig

from gateway.stores import StoreAway

#: Connections of one process. More would only queue in Redis, which has one thread; fewer would queue here.
MOST_CONNECTIONS = 64

#: Options that a URL may carry besides the database number. Others would undo the promises above.
_URL_OPTIONS = frozenset(
    {"db", "ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname", "ssl_cert_reqs", "ssl_min_version"}
)


Command = Sequence[str | bytes | int | float]


class Redirected(StoreAway):
    """Another server of the cluster holds the key (MOVED); `asking`: is about to (ASK)."""

    def __init__(self, text: str, host: str, port: int, asking: bool) -> None:
        super().__init__(text)
        self.host = host
        self.port = port
        self.asking = asking


class Commands(Protocol):
    """One server, or several that look like one. Each command names one key."""

    async def execute_command(self, *args: Any) -> Any:
        """The answer."""

    async def execute_many(self, commands: Sequence[Command]) -> list[Any]:
        """The answers in one round trip to each server, a NoScriptError in the place of its command's."""

    async def get_many(self, keys: Sequence[str]) -> Sequence[bytes | StoreAway | None]:
        """What is at `keys`, in one round trip to each server; a StoreAway in the place of what could not be read."""

    async def holders(self) -> Sequence[Client]:
        """The servers that hold all keys together."""

    async def aclose(self) -> None:
        """Close the connections."""


class Client:
    """Commands over redis-py's connections, with a deadline in seconds on each, a queue for its connections, and errors as StoreAway. Answers are as
    Redis gives them.

    redis-py's own client is left out: it knows every command there is, which costs each process three MiB.
    NoScriptError passes, because `Script` answers it; DataError does, because it is a mistake of the caller.
    """

    def __init__(self, pool: ConnectionPool, place: str, timeout: float) -> None:
        self.connection_pool = pool
        self._place = place
        self._timeout = timeout
        self._turns = asyncio.Semaphore(MOST_CONNECTIONS)

    def __repr__(self) -> str:
        return f"Client({self._place!r})"

    async def execute_command(self, *args: Any) -> Any:
        """The answer. Raises StoreAway within the timeout."""
        try:
            async with self._connected() as connection:
                await connection.send_command(*args)
                return await connection.read_response()
        except (NoScriptError, DataError):
            raise
        except (RedisError, OSError) as error:  # asyncio's TimeoutError is an OSError
            raise _away(self._place, error) from None

    async def get_many(self, keys: Sequence[str]) -> Sequence[bytes | StoreAway | None]:
        """What is at `keys`, in one command. Raises StoreAway."""
        records: list[bytes | None] = await self.execute_command("MGET", *keys)
        return records

    async def holders(self) -> Sequence[Client]:
        """This one."""
        return [self]

    async def execute_many(self, commands: Sequence[Command]) -> list[Any]:
        """The answers in one round trip, a NoScriptError in the place of its command's. Raises StoreAway within the timeout, and when a command
        failed: the others may have been carried out."""
        if not commands:
            return []
        try:
            async with self._connected() as connection:
                await connection.send_packed_command(connection.pack_commands(commands))
                answers = [await _answer_of(connection) for _ in commands]
        except DataError:
            raise
        except (RedisError, OSError) as error:  # asyncio's TimeoutError is an OSError
            raise _away(self._place, error) from None
        for answer in answers:
            if isinstance(answer, RedisError) and not isinstance(answer, NoScriptError):
                raise _away(self._place, answer) from None
        return answers

    async def aclose(self) -> None:
        """Close the connections."""
        await self.connection_pool.disconnect()

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AbstractConnection]:
        """A connection for one command or several, within the timeout."""
        async with asyncio.timeout(self._timeout), self._turns:
            connection = await self.connection_pool.get_connection()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
            try:
                yield connection
            finally:
                await self.connection_pool.release(connection)


async def _answer_of(connection: AbstractConnection) -> Any:
    """The next answer; an error of Redis's is one too."""
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error


class Script:
    """A Lua script, sent as a whole only where the server does not have it: at first, and after a restart or a fail-over."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    async def run(self, client: Commands, key: str, *values: str | bytes | int | float) -> Any:
        """What the script returns. It may touch `key` only, so that a cluster knows where it runs."""
        try:
            return await client.execute_command("EVALSHA", self.sha, 1, key, *values)
        except NoScriptError:
            return await client.execute_command("EVAL", self.text, 1, key, *values)

    async def run_many(self, client: Commands, runs: Sequence[Command]) -> list[Any]:
        """What the script returns for each (key, *values), all in one round trip."""
        answers = await client.execute_many([("EVALSHA", self.sha, 1, *run) for run in runs])
        unknown = [number for number, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        again = await client.execute_many([("EVAL", self.text, 1, *runs[number]) for number in unknown])
        for number, answer in zip(unknown, again, strict=True):
            answers[number] = answer
        return answers


def open_redis(url: str, password: str | None = None, *, timeout: float = 0.5) -> Client:
    """A client of the server at `url`; connects with the first command. `timeout` in seconds, for a whole command.

    `redis://[user@]host:port/db`, `rediss://…?ssl_ca_certs=file`, `unix://[user@]/path?db=0`. `password` wins over one in the URL.
    Raises ValueError for a URL that is not one of these; its text quotes nothing but the name of an option.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise ValueError("a Redis URL begins with redis://, rediss:// or unix://")
    unknown = sorted(parse_qs(parts.query, keep_blank_values=True).keys() - _URL_OPTIONS)
    if unknown:
        raise ValueError(f"not an option of a Redis URL: {', '.join(unknown)}")
    if parts.scheme != "unix" and parts.path.strip("/") and not parts.path.strip("/").isdecimal():
        raise ValueError("the path of a Redis URL is the number of a database")
    if parts.scheme == "unix" and not parts.path:
        raise ValueError("a unix:// URL names the path of a socket")
    return Client(_pool(url, password, timeout, protocol=2), place_of(url), timeout)


def tracking_connections(url: str, password: str | None = None, *, timeout: float = 0.5) -> Callable[[], AbstractConnection]:
    """Makes connections for client tracking, which needs RESP3. `url` as for `open_redis`, which has judged it."""
    pool = _pool(url, password, timeout, protocol=3)
    return pool.make_connection


def _pool(url: str, password: str | None, timeout: float, protocol: int) -> ConnectionPool:
    pool = ConnectionPool.from_url(
        url,
        max_connections=MOST_CONNECTIONS,
        protocol=protocol,
        decode_responses=False,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
        socket_timeout=None,
        socket_connect_timeout=timeout,
        driver_info=None,
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
    )
    if password is not None:
        pool.connection_kwargs["password"] = password
    return pool


def place_of(url: str) -> str:
    """The URL without user, password and options: what may be shown."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _away(place: str, error: Exception) -> StoreAway:
    text = f"{place}: {cause(error)}"
    if isinstance(error, AskError):
        return Redirected(text, error.host, error.port, not isinstance(error, MovedError))
    return StoreAway(text)


_REPLIES = (
    (AuthenticationError, "it refuses the user or the password"),
    (NoPermissionError, "the user may not do this (ACL)"),
    (BusyLoadingError, "it is loading its data"),
    (ReadOnlyError, "it is a read-only replica"),
    (OutOfMemoryError, "it is out of memory"),
)


def cause(error: Exception) -> str:
    """What went wrong, for people; never the words of Redis, which may quote a command."""
    for kind, text in _REPLIES:
        if isinstance(error, kind):
            return text
    if isinstance(error, (TimeoutError, RedisTimeoutError)):
        return "no answer in time"
    if isinstance(error, ResponseError):
        code = str(error).partition(" ")[0]
        return f"it answered with the error {code if code.isalpha() and code.isupper() else 'ERR'}"
    if isinstance(error, (ConnectionError, OSError)):
        return f"no connection ({error})"
    return f"it answered what is not Redis ({type(error).__name__})"
