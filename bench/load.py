"""One run of wrk, and what it said. Traffic goes to 127.0.0.1 only."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SCRIPTS = Path(__file__).with_name("lua")
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}
_RATE = re.compile(r"^Requests/sec:\s+([0-9.]+)", re.MULTILINE)
_LATENCY = re.compile(r"^\s+(50|99)%\s+([0-9.]+)(us|ms|s|m)\b", re.MULTILINE)
_REQUESTS = re.compile(r"^\s+(\d+) requests in", re.MULTILINE)
_REFUSED = re.compile(r"^\s*Non-2xx or 3xx responses: (\d+)$", re.MULTILINE)
_TROUBLE = re.compile(r"^\s*Socket errors: .*$", re.MULTILINE)


class Spoiled(Exception):
    """A run that measured errors instead of answers."""


@dataclass(frozen=True, slots=True)
class Run:
    """`rate` is requests a second, `p50` and `p99` milliseconds."""

    requests: int
    rate: float
    p50: float
    p99: float


def read(output: str, *, refused: bool = False) -> Run:
    """wrk's report with --latency. Raises Spoiled when a request failed or none was answered, ValueError when it is no report. `refused`: every
    answer must be an error."""
    trouble, errors = _TROUBLE.search(output), _REFUSED.search(output)
    rate, requests, latency = (
        _RATE.search(output),
        _REQUESTS.search(output),
        {percent: (value, unit) for percent, value, unit in _LATENCY.findall(output)},
    )
    if rate is None or requests is None or len(latency) != 2:
        raise ValueError(f"wrk said something else:\n{output}")
    if trouble:
        raise Spoiled(trouble[0].strip())
    if int(errors[1] if errors else 0) != (int(requests[1]) if refused else 0):
        raise Spoiled(errors[0].strip() if errors else "it was let in")
    if not int(requests[1]):
        raise Spoiled("nothing was answered")
    p50, p99 = (float(value) * _UNITS[unit] for value, unit in (latency["50"], latency["99"]))
    return Run(int(requests[1]), float(rate[1]), p50, p99)


def run(
    url: str,
    headers: Sequence[str],
    *,
    seconds: float,
    connections: int,
    cores: frozenset[int],
    script: Sequence[str] = (),
    refused: bool = False,
) -> Run:
    """Ask for `url` for `seconds`, one thread, `connections` at a time. `script` is a file of lua/ and its arguments. Raises Spoiled when a request
    failed, or with `refused` when one did not."""
    pinned = ["taskset", "-c", ",".join(map(str, sorted(cores)))]
    command = [*pinned, "wrk", "--latency", "-t1", f"-c{connections}", f"-d{max(round(seconds), 1)}s", "--timeout", "10s"]
    command += [part for header in headers for part in ("-H", header)]
    if script:
        command += ["-s", str(SCRIPTS / script[0]), url, "--", *script[1:]]
    else:
        command.append(url)
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 60)
    return read(done.stdout, refused=refused)
