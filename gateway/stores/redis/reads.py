"""Reads of the same moment share one MGET: a round trip through the driver costs more than everything else in a request.

A read joins the batch that has not been sent yet, never one that has: what is concluded from it then began after its request arrived. A batch leaves
when the loop has run what is ready, but for one thing: while another one is under way it waits for that one's answer, a millisecond at most, since
everybody who asks meanwhile then shares it. Whoever stops waiting takes nobody else's answer along.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from gateway.stores import StoreAway

_Waiting = dict[str, list[asyncio.Future[bytes | None]]]

#: How long a batch waits for the answer to the one before it (seconds): about a round trip to a near server; a slow one holds nobody up.
_PATIENCE: Final = 0.001


class SharedReads:
    """`read_many` reads keys in one round trip (of a cluster: one to each server), in their order; a StoreAway stands for what could not be read.
    `patience` in seconds."""

    def __init__(self, read_many: Callable[[list[str]], Awaitable[Sequence[bytes | StoreAway | None]]], patience: float = _PATIENCE) -> None:
        self._read_many = read_many
        self._patience = patience
        self._next: _Waiting = {}
        self._under_way: set[asyncio.Task[None]] = set()
        self._leaving: asyncio.Handle | None = None

    def read(self, key: str) -> Awaitable[bytes | None]:
        """What is at `key`; the read is sent when the loop has run what is ready now. Raises StoreAway."""
        loop = asyncio.get_running_loop()
        if self._leaving is None:
            self._leaving = loop.call_later(self._patience, self._send) if self._under_way else loop.call_soon(self._send)
        future: asyncio.Future[bytes | None] = loop.create_future()
        self._next.setdefault(key, []).append(future)
        return future

    def _send(self) -> None:
        self._leaving = None
        waiting, self._next = self._next, {}
        task = asyncio.ensure_future(self._answer(waiting))
        self._under_way.add(task)
        task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        """Whoever waits for this leaves now, together with those whom the answer has let run."""
        self._under_way.discard(task)
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = asyncio.get_running_loop().call_soon(self._send)

    async def _answer(self, waiting: _Waiting) -> None:
        try:
            records = await self._read_many(list(waiting))
        except (StoreAway, asyncio.CancelledError) as error:
            for futures in waiting.values():
                _fail(futures, error)
            return
        except Exception as error:  # noqa: BLE001 - a mistake of ours or the driver's: everybody is to see it, nobody to wait for good
            for futures in waiting.values():
                for future in futures:
                    if not future.done():
                        future.set_exception(error)
            return
        for futures, record in zip(waiting.values(), records, strict=True):
            if isinstance(record, StoreAway):
                _fail(futures, record)
                continue
            for future in futures:
                if not future.done():
                    future.set_result(record)


def _fail(futures: Sequence[asyncio.Future[bytes | None]], error: BaseException) -> None:
    for future in futures:
        if not future.done():
            away = StoreAway(*error.args)  # one for each, since an exception collects the places where it is raised
            away.__cause__ = None  # as `raise … from None`: what Redis wrote may quote a command
            future.set_exception(away)
