"""Processor time and memory of a process and all its descendants, as Linux tells in /proc.

Processor time (user and system together) is what a request costs whoever else is busy on the machine, so it is compared where times are noise.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.servers import wait_until

_STEADY = 0.5
_TICK = 1 / os.sysconf("SC_CLK_TCK")
_KIB = re.compile(r"^(VmRSS|VmHWM):\s+(\d+) kB", re.MULTILINE)


def family(pids: Sequence[int]) -> Iterator[int]:
    """These processes and everything that they started and that still runs."""
    for pid in pids:
        yield pid
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                found = [int(child) for child in children.read_text().split()]
            except (FileNotFoundError, ProcessLookupError):
                continue  # a thread that has ended meanwhile
            yield from family(found)


def cpu_seconds(pids: Sequence[int]) -> float:
    """Processor time so far, in seconds; resolution 10 ms."""
    return sum(_ticks(Path(f"/proc/{pid}/stat").read_text()) for pid in family(pids)) * _TICK


def rss(pids: Sequence[int]) -> float:
    """Resident memory in MiB; pages that several processes share are counted in each."""
    return sum(_memory(pid)["VmRSS"] for pid in family(pids))


def settled(pids: Sequence[int], seconds: float = 5.0) -> float:
    """Resident memory in MiB once it has not changed for half a second: a process gives back what starting took. After `seconds`, as it is then."""
    now = time.monotonic()
    end, last, since = now + seconds, rss(pids), now

    def steady() -> bool:
        nonlocal last, since
        now, present = time.monotonic(), rss(pids)
        if present != last:
            last, since = present, now
        return now >= min(since + _STEADY, end)

    wait_until(steady, "steady memory", seconds + 1)
    return last


def begin_peak(pids: Sequence[int]) -> float:
    """Let `peak` begin at what is resident now, which is returned in MiB (proc(5), clear_refs)."""
    for pid in family(pids):
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    return rss(pids)


def peak(pids: Sequence[int]) -> float:
    """The most that was resident since `begin_peak`, in MiB."""
    return sum(_memory(pid)["VmHWM"] for pid in family(pids))


def _ticks(stat: str) -> int:
    """The 14th and 15th field; the second, the program's name, may hold blanks and parentheses."""
    fields = stat.rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _memory(pid: int) -> dict[str, float]:
    return {name: int(kib) / 1024 for name, kib in _KIB.findall(Path(f"/proc/{pid}/status").read_text())}
