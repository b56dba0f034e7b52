"""A Redis behind sentinels as one store: every command goes to the master that most sentinels name.

They are asked at the first command, at most a second before any, and again after one that failed, so a fail-over is followed with the next command;
the old master's connections are closed then. https://redis.io/docs/latest/develop/reference/sentinel-clients/
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from gateway.stores import StoreAway
from gateway.stores.redis.connect import Client, Command
from gateway.stores.redis.several import Address, Agreed, Holds, Nodes, agree, over

#: How old what the sentinels said may be (seconds).
_AGAIN: Final = 1.0


def any_key(_key: str) -> bool:
    """A master holds every key."""
    return True


class SentinelClient:
    """`sentinels` are asked for the master of `service`; `make` makes a client of a master."""

    def __init__(
        self, sentinels: Sequence[Client], service: str, url_of: Callable[[Address], str], make: Callable[[Address], Client], place: str
    ) -> None:
        self._sentinels = sentinels
        self._service = service
        self._url_of = url_of
        self._nodes = Nodes(make)
        self._place = place
        self._address: Address | None = None
        self._asked = 0.0
        self._asking: asyncio.Task[Agreed[Address]] | None = None
        self._doubted = False
        """Whether, since `primaries` last said so, a master has been read whom less than half of the sentinels name."""

    def __repr__(self) -> str:
        return f"SentinelClient({self._place!r})"

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """The master's answer. Raises StoreAway."""
        master = await self._master()
        try:
            return await master.execute_command(*args, **options)
        except StoreAway:
            self._address = None
            raise

    async def execute_many(self, commands: Sequence[Command]) -> list[Any]:
        """The master's answers, in one round trip."""
        master = await self._master()
        try:
            return await master.execute_many(commands)
        except StoreAway:
            self._address = None
            raise

    async def get_many(self, keys: Sequence[str]) -> Sequence[bytes | StoreAway | None]:
        """What is at `keys`, in one command."""
        records: list[bytes | None] = await self.execute_command("MGET", *keys)
        return records

    async def holders(self) -> Sequence[Client]:
        """The master."""
        return [await self._master()]

    async def primaries(self) -> tuple[tuple[Address, Holds], ...]:
        """The master, as more than half of the sentinels say now; see `several.Primaries`."""
        await over(self._asking)
        agreed = await self._ask()
        doubted, self._doubted = self._doubted, False
        if doubted:
            raise StoreAway(f"{self._place}: the sentinels disagree")
        return ((agreed.said, any_key),)

    def address_url(self, address: Address) -> str:
        """The URL of one server."""
        return self._url_of(address)

    async def aclose(self) -> None:
        """Close the connections."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
        for sentinel in self._sentinels:
            await sentinel.aclose()
        await self._nodes.close()

    async def _master(self) -> Client:
        address = self._address
        if address is None or asyncio.get_running_loop().time() - self._asked > _AGAIN:
            address = (await self._ask()).said
        return self._nodes.at(address)

    async def _ask(self) -> Agreed[Address]:
        """Ask the sentinels; all who want to know at once share one round."""
        if self._asking is None:
            self._asking = asyncio.ensure_future(self._round())
            self._asking.add_done_callback(self._round_over)
        return await asyncio.shield(self._asking)

    def _round_over(self, asking: asyncio.Task[Agreed[Address]]) -> None:
        self._asking = None
        if not asking.cancelled():
            asking.exception()  # everybody who asked may have left

    async def _round(self) -> Agreed[Address]:
        began = asyncio.get_running_loop().time()
        agreed = await agree([self._asking_one(sentinel) for sentinel in self._sentinels], self._place)
        self._address, self._asked = agreed.said, began
        self._doubted = self._doubted or not agreed.by_majority
        await self._nodes.only([agreed.said])
        return agreed

    def _asking_one(self, sentinel: Client) -> Callable[[], Any]:
        async def ask() -> Address:
            host, port = await sentinel.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._service)
            return Address(host.decode() if isinstance(host, bytes) else host, int(port))

        return ask
