"""Client tracking: a connection of its own on which Redis tells which records have changed. The other half is services/copies.py.

    connect, HELLO 3                            RESP3, or nothing is ever pushed
    CLIENT TRACKING ON BCAST PREFIX <prefix>    every write, expiry and eviction below the prefix is told, by whomever; nothing is told per client
    SET <prefix>canary:… PX 1000                must come back as a push: on RESP2 all of this answers OK and nothing follows
    ◀ push: invalidate [key, …]                 these have changed; a list that is null (FLUSHALL, FLUSHDB): all have
    PING … ◀ PONG                               good for `lease` seconds after that PING was *sent*

Redis answers in order, so a PONG says that every change up to its PING has been heard of. Pushes extend nothing: only an answered question proves
that the path still carries both ways, and a path that dies in silence is noticed within the lease. An answer that comes later than that, losing the
connection, anything unexpected: everything may have changed. Until it is back, `good` is false and every request reads the store.

A Redis that cannot do this (no RESP3, a user without CLIENT, a proxy between that swallows pushes) is no failure: that is said once, and asked
again now and then.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, Final

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import InvalidResponse, NoPermissionError, RedisError, ResponseError

from gateway.crypto.tokens import new_request_id
from gateway.stores.redis.connect import cause

log = logging.getLogger("gateway.tracking")

#: PINGs in one lease: so that one of them may be late.
_PINGS: Final = 4
#: How long after a loss the next connection is tried (seconds); twice as long after each further one, up to the most.
_AGAIN: Final = 0.25
_MOST_AGAIN: Final = 2.0
#: How long after a refusal it is asked again (seconds).
_REFUSED_AGAIN: Final = 30.0
#: How long a connection may take to prove itself (seconds).
_PROOF: Final = 1.0


class CannotTrack(Exception):
    """Redis answers, and will not do it. The text says why, and holds no secret."""


class Tracking:
    """One server's. `changed` hears of changed keys, None meaning all of them. `lease` in seconds of `monotonic`. `holds` says which keys the server
    has, where it is one of a cluster."""

    def __init__(
        self,
        connect: Callable[[], AbstractConnection],
        prefix: str,
        lease: float,
        changed: Callable[[Sequence[str] | None], None],
        monotonic: Callable[[], float],
        holds: Callable[[str], bool] = lambda _key: True,
    ) -> None:
        self._connect = connect
        self._prefix = prefix
        self._lease = lease
        self._changed = changed
        self._monotonic = monotonic
        self._holds = holds
        self.good_until = 0.0
        """When it stops being good, unless another PING is answered."""
        self._heard: deque[list[Any]] = deque()
        self.refused: str | None = None
        """Why Redis will not track; None while that is not so."""

    @property
    def good(self) -> bool:
        """Whether every change up to a lease ago has been heard of."""
        return self._monotonic() < self.good_until

    async def run(self) -> None:
        """Listen, forever."""
        pause = _AGAIN
        while True:
            connection = self._connect()
            self._heard.clear()
            proven = False
            try:
                await self._prove(connection)
                proven = True
                self.refused, pause = None, _AGAIN
                self._changed(None)  # what was read before is not covered
                log.info("tracking is on")
                await self._hear(connection)
            except CannotTrack as error:
                if self.refused != str(error):
                    log.warning("session.cache: tracked cannot work (%s); every request reads the store instead", error)
                self.refused, pause = str(error), _REFUSED_AGAIN
            except (RedisError, OSError) as error:  # asyncio's TimeoutError is an OSError
                log.log(
                    logging.INFO if proven else logging.DEBUG, "tracking is lost (%s): every request reads the store until it is back", cause(error)
                )
            finally:
                self.good_until = 0.0
                if proven:
                    self._changed(None)
                await connection.disconnect(nowait=True)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _MOST_AGAIN)

    async def _prove(self, connection: AbstractConnection) -> None:
        """Raises CannotTrack, RedisError or OSError unless the canary comes back."""
        canary = next(filter(self._holds, (f"{self._prefix}canary:{new_request_id()}" for _ in count())))
        try:
            async with asyncio.timeout(_PROOF):
                await connection.connect()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
                connection._parser.set_invalidation_push_handler(self._note)  # type: ignore[attr-defined]  # every RESP3 parser has it
                await connection.send_command("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", self._prefix)
                await connection.read_response()
                await connection.send_command("SET", canary, "", "PX", 1000)
                await connection.read_response()
        except NoPermissionError:
            raise CannotTrack("the user may not; it needs the commands CLIENT, SET and PING") from None
        except ResponseError as error:
            if (code := _code(error)) in ("ERR", "NOPROTO"):
                raise CannotTrack(f"Redis answers {code}: it is older than 6.0, or something in front of it knows no RESP3") from None
            raise
        try:
            async with asyncio.timeout(_PROOF):
                while not any(canary in (_keys(message) or ()) for message in self._heard):
                    await connection.read_response(push_request=True)
        except TimeoutError:
            raise CannotTrack("Redis pushes nothing: something in front of it swallows that") from None
        self._heard.clear()

    async def _hear(self, connection: AbstractConnection) -> None:
        """Until the connection is lost, which raises RedisError or OSError."""
        sent: deque[float] = deque()
        pinging = asyncio.ensure_future(self._ping(connection, sent))
        try:
            while not pinging.done():
                async with asyncio.timeout(2 * self._lease):
                    answer = await connection.read_response(push_request=True)
                while self._heard:
                    self._changed(_keys(self._heard.popleft()))
                if answer == b"PONG":
                    self._answered(sent.popleft())
            pinging.result()
        finally:
            pinging.cancel()
            await asyncio.gather(pinging, return_exceptions=True)

    def _answered(self, sent: float) -> None:
        """The PING that was sent then is answered."""
        if self._monotonic() >= sent + self._lease:
            self._changed(None)  # nobody knows what held it up
        self.good_until = sent + self._lease

    async def _ping(self, connection: AbstractConnection, sent: deque[float]) -> None:
        while True:
            if not connection.is_connected:  # redis-py would connect anew, to a server that tracks nothing for that connection
                raise ConnectionError("closed")
            sent.append(self._monotonic())
            await connection.send_command("PING")
            await asyncio.sleep(self._lease / _PINGS)

    async def _note(self, message: list[Any]) -> None:
        """A push. Only noted here, since redis-py would swallow a failure."""
        self._heard.append(message)


def _keys(message: list[Any]) -> list[str] | None:
    """What a push tells. Raises InvalidResponse for what is no such push: it may have told of anything."""
    match message:
        case [b"invalidate", None]:
            return None
        case [b"invalidate", list() as keys] if all(isinstance(key, bytes) for key in keys):
            return [key.decode("utf-8", "surrogateescape") for key in keys]
        case _:
            raise InvalidResponse("a push that is not understood")


def _code(error: ResponseError) -> str:
    """The first word of an error reply; redis-py cuts off ERR."""
    code = str(error).partition(" ")[0]
    return code if code.isalpha() and code.isupper() else "ERR"
