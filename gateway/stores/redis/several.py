"""What a cluster and a Redis behind sentinels have in common: several servers, of which some are primaries, and several who know which.

Nobody is asked alone: a server on the wrong side of a broken network answers as if nothing had happened. What most of those who answer say holds
for reading and writing; for copies in this process only what more than half of all say.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

from gateway.stores import StoreAway
from gateway.stores.redis.connect import Client, Command

#: How long those who are not needed any more may take: a question that is broken off costs its connection (seconds).
_GRACE: Final = 0.05
Said = TypeVar("Said", bound=Hashable)
Holds = Callable[[str], bool]


class Address(NamedTuple):
    """A server."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Agreed(NamedTuple, Generic[Said]):
    """What most say, and whether more than half of those who were asked say it."""

    said: Said
    by_majority: bool


class Primaries(Protocol):
    """Clients that know which servers hold the keys now."""

    async def primaries(self) -> tuple[tuple[Address, Holds], ...]:
        """Each primary, and which keys it holds, asked for after this was called. Raises StoreAway unless more than half of those who know agree, and
        once where something was read meanwhile by what fewer said. Equal answers are equal."""

    def address_url(self, address: Address) -> str:
        """The URL of one server."""


async def agree(asked: Sequence[Callable[[], Awaitable[Said]]], place: str) -> Agreed[Said]:
    """What most of `asked` say, as soon as more than half of them say the same. Raises StoreAway where nobody says anything."""
    tasks = pending = {asyncio.ensure_future(_heard(one)) for one in asked}
    votes: Counter[Said] = Counter()
    try:
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                votes.update(task.result())
            if votes and 2 * votes.most_common(1)[0][1] > len(tasks):
                if pending:
                    await asyncio.wait(pending, timeout=_GRACE)
                return Agreed(votes.most_common(1)[0][0], True)
    finally:
        for one in pending:
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if not votes:
        raise StoreAway(f"{place}: nobody knows where the primaries are")
    return Agreed(votes.most_common(1)[0][0], False)


async def over(under_way: asyncio.Task[Any] | None) -> None:
    """Wait for a round of questions that began earlier, whatever comes of it: what it brings may be older than who wants to know."""
    if under_way is not None:
        await asyncio.wait([under_way])


async def _heard(ask: Callable[[], Awaitable[Said]]) -> list[Said]:
    try:
        return [await ask()]
    except (StoreAway, ValueError, TypeError, LookupError):
        return []


class Nodes:
    """A client for each server, made when it is first named."""

    def __init__(self, make: Callable[[Address], Client]) -> None:
        self._make = make
        self._clients: dict[Address, Client] = {}

    def at(self, address: Address) -> Client:
        """The client of the server at `address`."""
        client = self._clients.get(address)
        if client is None:
            client = self._clients[address] = self._make(address)
        return client

    async def only(self, addresses: Sequence[Address]) -> None:
        """Close the clients of all others, idle connections first: a command that is under way goes on."""
        for address in [known for known in self._clients if known not in addresses]:
            await self._clients.pop(address).connection_pool.disconnect(inuse_connections=False)

    async def close(self) -> None:
        """Close all."""
        for client in self._clients.values():
            await client.aclose()


def key_of(command: Command) -> Any:
    """The one key of a command of our stores."""
    return command[3] if command[0] in ("EVALSHA", "EVAL") else command[1]
