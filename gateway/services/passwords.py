"""Hashing off the event loop, in a pool that cannot be flooded, and refusals that take one time.

The pool has few threads (the hash releases the interpreter's lock and wants memory and cores) and a queue that is as long as people wait: whoever
would wait longer is turned away at once, so that logins pile up nowhere. A refusal lasts from the start of its hashing until the slowest scheme and
parameters among the stored hashes would have finished, and holds no place in the pool while it waits: time says neither whether an account exists
nor how its password is stored. Before that has been measured no refusal is answered; a process serves everything else meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

from gateway.crypto.passwords import Hasher

T = TypeVar("T")

#: How long a job may have to wait for its turn (seconds), and how many may wait, however quick they are.
PATIENCE: Final = 10.0
_MOST_WAITING: Final = 1000
#: A measured time is a sample taken in quiet: refusals get this much more.
_MARGIN: Final = 1.1
_SAMPLES: Final = 2


class Busy(Exception):
    """Too many are waiting: nothing was hashed."""


@dataclass(frozen=True, slots=True)
class Checked:
    """Whether the password was right, and when its hashing began (on the pool's clock)."""

    right: bool
    started: float


class Passwords:
    """`threads` hash at a time; nobody is to wait longer than `patience` (seconds). `clock` returns monotonic seconds; `sleep` takes seconds."""

    def __init__(
        self,
        hasher: Hasher,
        threads: int,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._hasher = hasher
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="password")
        self._threads = threads
        self._patience = patience
        self._jobs = 0
        self._clock = clock
        self._sleep = sleep
        self._slowest: dict[str, float] = {}
        self._measured = asyncio.Event()

    @property
    def slowest(self) -> float:
        """How long a refusal lasts (seconds)."""
        return max(self._slowest.values(), default=0.0)

    async def measure(self, stored: Iterable[str]) -> None:
        """Learn how long refusals must last from one example of every kind of hash that is stored, and of those made now."""
        hashes = {self._hasher.kind(one): one for one in (*stored, self._hasher.dummy)}
        self._slowest = {kind: await self._run(self._time, one) * _MARGIN for kind, one in hashes.items() if kind is not None}
        self._measured.set()

    async def hash(self, password: str) -> str:
        """A hash of a new password. Raises Busy."""
        return await self._run(self._hasher.hash, password)

    async def check(self, stored: str | None, password: str) -> Checked:
        """Whether `stored` is a hash of `password`; None, for somebody who does not exist, costs the same and is wrong. Raises Busy."""
        return await self._run(self._check, stored, password)

    async def wait_out(self, checked: Checked) -> None:
        """Return when a refusal of `checked` may be answered: not before `measure` has returned for the first time."""
        await self._measured.wait()
        left = checked.started + self.slowest - self._clock()
        if left > 0:
            await self._sleep(left)

    def needs_rehash(self, stored: str) -> bool:
        """Whether the password should be hashed anew while it is known."""
        return self._hasher.needs_rehash(stored)

    def close(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, job: Callable[..., T], *arguments: object) -> T:
        if self._jobs >= self._most_jobs():
            raise Busy
        self._jobs += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, job, *arguments)
        future.add_done_callback(self._leave)
        return await future  # when whoever asked has gone, a job that has not begun never will

    def _most_jobs(self) -> int:
        waiting = self._threads * self._patience / self.slowest if self.slowest else _MOST_WAITING
        return self._threads + int(min(waiting, _MOST_WAITING))

    def _leave(self, _future: asyncio.Future[T]) -> None:
        self._jobs -= 1

    def _check(self, stored: str | None, password: str) -> Checked:
        started = self._clock()
        return Checked(self._hasher.verify(stored, password), started)

    def _time(self, stored: str) -> float:
        started = self._clock()
        for _ in range(_SAMPLES):
            self._hasher.verify(stored, "")
        return (self._clock() - started) / _SAMPLES
