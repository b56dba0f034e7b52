"""Whether memory stays flat: `python -m bench.soak --requests 10000000` prints what is resident while no two requests are alike.

More sessions than there are copies for are used in turn, proxied and by checks; in between nobody's requests, with other hosts, paths, addresses and
cookies that open nothing each time, since that is what a cache without a bound would keep. Access lines are written, and thrown away now and then.
Growth is counted from the end of the warm-up, when every bounded cache is full, to the end; medians, since Python gives memory back in large pieces.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from bench import meter
from bench.cores import Cores
from bench.load import SCRIPTS, Spoiled
from bench.nginx import upstream
from bench.sessions import make_sessions
from tests.gateways import Gateway
from tests.servers import Redis, require

#: Sessions in use; twice as many as there are copies for.
_SESSIONS = 20_000
#: Seconds of load between two looks at memory.
_ROUND = 5
#: The share of requests that is warm-up, and the least that is.
_WARM_SHARE, _LEAST_WARM = 0.1, 250_000
#: What a look at the beginning and at the end is the median of.
_LOOKS = 5
_REQUESTS = re.compile(r"^\s+(\d+) requests in", re.MULTILINE)
_TROUBLE = re.compile(r"^\s*(Non-2xx or 3xx responses: \d+|Socket errors: .*)$", re.MULTILINE)


def growth(looks: Sequence[tuple[int, float]], warm: int) -> float:
    """MiB between the first looks after `warm` requests and the last ones. `looks` are (requests so far, MiB)."""
    after = [size for requests, size in looks if requests >= warm]
    few = max(min(_LOOKS, len(after) // 2), 1)
    return median(after[-few:]) - median(after[:few])


def soak(requests: int, connections: int, sessions: int, tell: Callable[[int, float, float], None]) -> list[tuple[int, float]]:
    """Make so many requests; (requests so far, MiB) after each round. `tell` hears these and the rate. Raises Spoiled when a request failed."""
    cores, looks, done = Cores.of_this_machine(), [], 0
    with Redis() as redis, upstream(1) as files:
        route = {"name": "files", "host": "*", "path": "/", "upstream": f"http://127.0.0.1:{files.port}", "access": "login"}
        gateway = Gateway(
            {
                "server": {"trusted_proxies": ["127.0.0.1/32"]},
                "session": {"store": redis.url, "cache": "tracked"},
                "log": {"format": "text", "level": "info"},
                "routes": [route],
            }
        )
        gateway.cores = cores.measured
        with gateway:
            cookies = gateway.folder / "cookies.txt"
            cookies.write_text("\n".join(make_sessions(gateway, redis, sessions)) + "\n")
            while done < requests:
                began = time.monotonic()
                count = _load(gateway.port, cookies, done, connections, cores.others)
                done += count
                looks.append((done, meter.rss([gateway.pid])))
                tell(*looks[-1], count / (time.monotonic() - began))
                os.truncate(gateway.log_file, 0)
    return looks


def _load(port: int, cookies: Path, begin: int, connections: int, cores: frozenset[int]) -> int:
    """How many requests were made in a round."""
    pinned = ["taskset", "-c", ",".join(map(str, sorted(cores)))]
    script = ["-s", str(SCRIPTS / "soak.lua"), f"http://127.0.0.1:{port}/", "--", str(cookies), str(begin), f"localhost:{port}"]
    command = [*pinned, require("wrk"), "-t1", f"-c{connections}", f"-d{_ROUND}s", "--timeout", "10s", *script]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_ROUND + 60).stdout
    if trouble := _TROUBLE.search(said):
        raise Spoiled(trouble[1])
    count = _REQUESTS.search(said)
    if count is None:
        raise ValueError(f"wrk said something else:\n{said}")
    return int(count[1])


def main() -> int:
    """Exit status: 0 memory was flat, 1 it grew."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description="Whether memory stays flat.")
    parser.add_argument("--requests", type=int, default=10_000_000, help="how many (10 000 000)")
    parser.add_argument("--connections", type=int, default=32, help="connections that ask at a time (32)")
    parser.add_argument("--sessions", type=int, default=_SESSIONS, help="sessions in use (20 000)")
    parser.add_argument("--most", type=float, default=8.0, help="MiB that it may grow by after the warm-up (8)")
    wanted = parser.parse_args()

    def tell(requests: int, size: float, rate: float) -> None:
        print(f"{requests:>12,} requests  {rate:>8.0f} /s  {size:>8.1f} MiB", flush=True)

    looks = soak(wanted.requests, wanted.connections, wanted.sessions, tell)
    grown = growth(looks, max(int(wanted.requests * _WARM_SHARE), _LEAST_WARM))
    print(f"grown by {grown:.1f} MiB after the warm-up ({wanted.most:g} are allowed)")
    return 0 if grown <= wanted.most else 1


if __name__ == "__main__":
    sys.exit(main())
