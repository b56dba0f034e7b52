"""Client tracking: a connection of its own on which Redis tells which keys have changed (CLIENT TRACKING … BCAST, RESP3 pushes).

It proves itself before anybody relies on it: HELLO 3 must have been accepted, and a canary key that it writes must come back as a push (on RESP2
the command answers OK and nothing is ever pushed). From then on it is good for `lease` seconds after the *sending* of the last PING that was
answered, so a path that dies in silence is noticed; pushes extend nothing. Losing the connection, a FLUSHALL or anything unexpected means:
everything may have changed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError

from gateway.crypto.tokens import new_request_id

log = logging.getLogger("gateway.tracking")

#: PINGs in one lease: so that one of them may be late.
_PINGS: Final = 4
#: How long after a loss the next connection is tried (seconds).
_AGAIN: Final = 0.25
#: How long a connection may take to prove itself (seconds).
_PROOF: Final = 1.0


class Tracking:
    """`changed` hears of changed keys, None meaning all of them. `lease` in seconds of `monotonic`."""

    def __init__(
        self,
        connect: Callable[[], AbstractConnection],
        prefix: str,
        lease: float,
        changed: Callable[[Sequence[str] | None], None],
        monotonic: Callable[[], float],
    ) -> None:
        self._connect = connect
        self._prefix = prefix
        self._lease = lease
        self._changed = changed
        self._monotonic = monotonic
        self._good_until = 0.0

    @property
    def good(self) -> bool:
        """Whether every change up to a lease ago has been heard of."""
        return self._monotonic() < self._good_until

    async def run(self) -> None:
        """Listen, forever."""
        while True:
            connection = self._connect()
            try:
                await self._listen(connection)
            except (RedisError, OSError, TimeoutError, ValueError) as error:
                log.info("tracking is lost (%s): sessions are read from the store until it is back", type(error).__name__)
            finally:
                self._good_until = 0.0
                self._changed(None)
                await connection.disconnect(nowait=True)
            await asyncio.sleep(_AGAIN)

    async def _listen(self, connection: AbstractConnection) -> None:
        canary = f"{self._prefix}canary:{new_request_id()}"
        proven = asyncio.Event()

        async def pushed(message: list[Any]) -> None:
            keys = message[1]
            if keys is None:
                self._changed(None)
                return
            names = [key.decode("utf-8", "surrogateescape") for key in keys]
            if canary in names:
                proven.set()
            self._changed(names)

        async with asyncio.timeout(_PROOF):
            await connection.connect()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
            connection._parser.set_invalidation_push_handler(pushed)  # type: ignore[attr-defined]  # every RESP3 parser has it
            await connection.send_command("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", self._prefix)
            await self._reply(connection)
            await connection.send_command("SET", canary, "", "PX", 1000)
            await self._reply(connection)
            while not proven.is_set():
                await connection.read_response(push_request=True)
        self._changed(None)  # what was copied before does not count
        sent: asyncio.Queue[float] = asyncio.Queue()
        pinging = asyncio.ensure_future(self._ping(connection, sent))
        try:
            while not pinging.done():
                async with asyncio.timeout(2 * self._lease):
                    answer = await connection.read_response(push_request=True)
                if answer in (b"PONG", "PONG"):
                    self._good_until = sent.get_nowait() + self._lease
        finally:
            pinging.cancel()
            await asyncio.wait([pinging])

    async def _ping(self, connection: AbstractConnection, sent: asyncio.Queue[float]) -> None:
        while True:
            sent.put_nowait(self._monotonic())
            await connection.send_command("PING")
            await asyncio.sleep(self._lease / _PINGS)

    async def _reply(self, connection: AbstractConnection) -> None:
        """The command's own reply; pushes that come before it are heard on the way."""
        answer = await connection.read_response()
        if answer not in (b"OK", "OK"):
            raise ValueError("Redis does not track")
