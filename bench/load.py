"""One run of wrk, and what it said. Traffic goes to 127.0.0.1 only."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}
_RATE = re.compile(r"^Requests/sec:\s+([0-9.]+)", re.MULTILINE)
_P99 = re.compile(r"^\s+99%\s+([0-9.]+)(us|ms|s|m)\b", re.MULTILINE)
_REQUESTS = re.compile(r"^\s+(\d+) requests in", re.MULTILINE)
_TROUBLE = re.compile(r"^\s*(Non-2xx or 3xx responses: \d+|Socket errors: .*)$", re.MULTILINE)


class Spoiled(Exception):
    """A run that measured errors instead of answers."""


@dataclass(frozen=True, slots=True)
class Figures:
    """`rate` is requests a second, `p99` milliseconds, `commands` the store's commands a request where they were counted."""

    rate: float
    p99: float
    commands: float | None = None


def read(output: str) -> Figures:
    """wrk's report with --latency. Raises Spoiled when a request failed, ValueError when it is no report."""
    trouble = _TROUBLE.search(output)
    if trouble:
        raise Spoiled(trouble[1])
    rate, p99 = _RATE.search(output), _P99.search(output)
    if rate is None or p99 is None:
        raise ValueError(f"wrk said something else:\n{output}")
    return Figures(float(rate[1]), float(p99[1]) * _UNITS[p99[2]])


def run(url: str, headers: Sequence[str], *, seconds: int, connections: int, cores: frozenset[int]) -> tuple[Figures, int]:
    """Ask for `url` for `seconds`, one thread, `connections` at a time; figures, and how many requests there were. Raises Spoiled when a request
    failed."""
    command = ["taskset", "-c", ",".join(map(str, sorted(cores))), "wrk", "--latency", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "5s"]
    command += [part for header in headers for part in ("-H", header)]
    done = subprocess.run([*command, url], capture_output=True, text=True, check=True, timeout=seconds + 30)
    return read(done.stdout), int(_REQUESTS.findall(done.stdout)[0])


def middle(figures: Sequence[Figures]) -> Figures:
    """The median of each figure."""
    commands = [one.commands for one in figures if one.commands is not None]
    return Figures(median(one.rate for one in figures), median(one.p99 for one in figures), median(commands) if commands else None)
