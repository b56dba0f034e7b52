"""A Redis cluster as one store: each command goes to the primary that holds its key.

Each server has a client as a lone one has (connect.py), so deadlines, cancellation and the hygiene of texts are the same, and nothing is tried
again but what another server says is held elsewhere. redis-py's own cluster client is not used because it promises less: it repeats commands, and
closes everybody's connections when one server is down.

The map of slots is read from all known primaries at once (several.py): at the first command, after a server did not answer, and after MOVED.
Cluster specification: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import NoScriptError

from gateway.stores import StoreAway
from gateway.stores.redis.connect import Client, Command, Redirected
from gateway.stores.redis.several import Address, Holds, Nodes, agree, key_of, over


class Held(NamedTuple):
    """Slots `first` to `last` are held by `address`."""

    first: int
    last: int
    address: Address


Slots = tuple[Held, ...]


@dataclass(frozen=True, slots=True)
class _Holds:
    """Which keys one primary holds: a value, so that equal maps are equal."""

    slots: Slots

    def __call__(self, key: str) -> bool:
        slot = key_slot(key.encode())
        return any(held.first <= slot <= held.last for held in self.slots)


class ClusterClient:
    """`seeds` are servers of the cluster, of which one that answers is enough. `place` is for texts."""

    def __init__(self, seeds: Sequence[Address], url_of: Callable[[Address], str], make: Callable[[Address], Client], place: str) -> None:
        self._seeds = tuple(seeds)
        self._url_of = url_of
        self._nodes = Nodes(make)
        self._place = place
        self._slots: Slots = ()
        self._holders: list[Address | None] = []
        self._reading: asyncio.Task[None] | None = None
        self._doubted = False
        """Whether, since `primaries` last said so, a map has been used on which no majority of those asked agrees."""

    def __repr__(self) -> str:
        return f"ClusterClient({self._place!r})"

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """The answer of the primary that holds the key. Raises StoreAway."""
        try:
            return await (await self._holder(args)).execute_command(*args, **options)
        except Redirected as elsewhere:
            self._forget()
            server = self._nodes.at(Address(elsewhere.host or self._seeds[0].host, elsewhere.port))
            if not elsewhere.asking:
                return await server.execute_command(*args, **options)
            answer = (await server.execute_many([("ASKING",), args]))[1]
            if isinstance(answer, NoScriptError):
                raise answer from None
            return answer
        except StoreAway:
            self._forget()
            raise

    async def execute_many(self, commands: Sequence[Command]) -> list[Any]:
        """The answers, in one round trip to each server; see `Client.execute_many`."""
        answers = await self._split(commands)
        for answer in answers:
            if isinstance(answer, StoreAway):
                raise answer
        return answers

    async def get_many(self, keys: Sequence[str]) -> Sequence[bytes | StoreAway | None]:
        """What is at `keys`: to each server one pipeline of GETs. Where a server is away, StoreAway stands in the place of what it holds."""
        return await self._split([("GET", key) for key in keys])

    async def holders(self) -> Sequence[Client]:
        """All primaries."""
        await self._map()
        return [self._nodes.at(address) for address in sorted({held.address for held in self._slots})]

    async def primaries(self) -> tuple[tuple[Address, Holds], ...]:
        """Each primary and what it holds, as more than half of them say now; see `several.Primaries`."""
        await over(self._reading)
        await self._read()
        doubted, self._doubted = self._doubted, False
        if doubted:
            raise StoreAway(f"{self._place}: the primaries disagree")
        addresses = sorted({held.address for held in self._slots})
        return tuple((address, _Holds(tuple(held for held in self._slots if held.address == address))) for address in addresses)

    def address_url(self, address: Address) -> str:
        """The URL of one server."""
        return self._url_of(address)

    async def aclose(self) -> None:
        """Close the connections."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        await self._nodes.close()

    async def _split(self, commands: Sequence[Command]) -> list[Any]:
        """Answers, or StoreAway in their places."""
        await self._map()
        groups: dict[int, list[int]] = {}
        clients: dict[int, Client] = {}
        for number, command in enumerate(commands):
            client = await self._holder(command)
            clients[id(client)] = client
            groups.setdefault(id(client), []).append(number)
        answers: list[Any] = [None] * len(commands)
        parts = await asyncio.gather(*(self._part(clients[key], [commands[number] for number in numbers]) for key, numbers in groups.items()))
        for numbers, part in zip(groups.values(), parts, strict=True):
            for number, answer in zip(numbers, part, strict=True):
                answers[number] = answer
        return answers

    async def _part(self, client: Client, commands: Sequence[Command]) -> Sequence[Any]:
        """What one server answers. Where it does not hold a key any more, each is asked for alone."""
        try:
            return await client.execute_many(commands)
        except Redirected:
            self._forget()
            return [await self._alone(command) for command in commands]
        except StoreAway as away:
            self._forget()
            return [away] * len(commands)

    async def _alone(self, command: Command) -> Any:
        try:
            return await self.execute_command(*command)
        except (StoreAway, NoScriptError) as error:
            return error

    async def _holder(self, command: Command) -> Client:
        key = key_of(command)
        address = (await self._map())[key_slot(key if isinstance(key, bytes) else str(key).encode())]
        if address is None:
            raise StoreAway(f"{self._place}: nobody holds a part of the keys")
        return self._nodes.at(address)

    def _forget(self) -> None:
        self._holders = []

    async def _map(self) -> list[Address | None]:
        """Slot → primary."""
        if not self._holders:
            await self._read()
        return self._holders

    async def _read(self) -> None:
        """Read the map; all who ask at once share one reading."""
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._ask())
            self._reading.add_done_callback(self._read_over)
        await asyncio.shield(self._reading)

    def _read_over(self, reading: asyncio.Task[None]) -> None:
        self._reading = None
        if not reading.cancelled():
            reading.exception()  # everybody who asked may have left

    async def _ask(self) -> None:
        known = sorted({held.address for held in self._slots}) or self._seeds
        try:
            agreed = await agree([_asking(self._nodes.at(address), address) for address in known], self._place)
        except StoreAway:
            if set(self._seeds) <= set(known):
                raise  # nobody is left who has not just been asked, and whoever waits has waited for a whole deadline
            agreed = await agree([_asking(self._nodes.at(address), address) for address in self._seeds], self._place)
        self._slots = agreed.said
        self._doubted = self._doubted or not agreed.by_majority
        holders: list[Address | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        for held in self._slots:
            holders[held.first : held.last + 1] = [held.address] * (held.last + 1 - held.first)
        self._holders = holders
        await self._nodes.only([*self._seeds, *{held.address for held in self._slots}])


def _asking(client: Client, asked: Address) -> Callable[[], Any]:
    async def ask() -> Slots:
        return slots_of(await client.execute_command("CLUSTER", "SLOTS"), asked)

    return ask


def slots_of(answer: Any, asked: Address) -> Slots:
    """CLUSTER SLOTS as a value: ranges in order, primaries only. A server that knows no host of its own is where it was asked."""
    ranges = sorted((int(first), int(last), host.decode() if host else asked.host, int(port)) for first, last, (host, port, *_), *_ in answer)
    return tuple(Held(first, last, Address(host, port)) for first, last, host, port in ranges)
