"""Lines for standard output, gathered and written together.

A write for every request would cost more than the rest of the access line; so lines wait at most `INTERVAL` seconds and leave in one write. At exit
`flush` writes what is left. What cannot be written (the reader went away) is dropped: a log must never stop the service.

Workers write to one standard output, and a pipe takes long writes in pieces. A lock on the output itself (fcntl(2), one for each process) keeps them
apart: otherwise the end of one line could stand at the beginning of another, where nothing that a client sent may ever stand.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from typing import Final

#: How long a line waits for company (seconds).
INTERVAL: Final = 0.05
#: Lines that may wait; a burst beyond it is written at once.
MOST_WAITING: Final = 2000


class Output:
    """Writes lines to a file descriptor. `write` is for the event loop's thread."""

    __slots__ = ("_fd", "_loop", "_timer", "_waiting")

    def __init__(self, fd: int, loop: asyncio.AbstractEventLoop) -> None:
        self._fd = fd
        self._loop = loop
        self._waiting: list[str] = []
        self._timer: asyncio.TimerHandle | None = None

    def write(self, line: str) -> None:
        """Take one line, without its line break. The last ones need a `flush` at exit."""
        self._waiting.append(line)
        if self._timer is None:
            self._timer = self._loop.call_later(INTERVAL, self.flush)
        elif len(self._waiting) >= MOST_WAITING:
            self.flush()

    def flush(self) -> None:
        """Write everything that waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._waiting:
            return
        rest = memoryview(("\n".join(self._waiting) + "\n").encode("utf-8", "backslashreplace"))
        self._waiting.clear()
        try:
            self._lock(fcntl.LOCK_EX)
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError:
            pass  # the module's rule: dropped
        finally:
            self._lock(fcntl.LOCK_UN)

    def _lock(self, operation: int) -> None:
        try:
            fcntl.lockf(self._fd, operation)
        except OSError:
            pass  # a file system without locks: then lines of several processes may mix
