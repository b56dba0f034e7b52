"""Prints medians and ratios. Runs are interleaved, so that what disturbs the machine for a while disturbs everybody."""

from __future__ import annotations

import argparse
import json
import shutil
import sys

from bench.load import Figures, middle, run
from bench.targets import SIZES, Cores, Target, serving

_NEEDED = {"wrk": "wrk", "nginx": "nginx", "redis-server": "redis-server", "taskset": "util-linux"}


def main() -> int:
    """Exit status: 0 measured, 3 something is missing."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Requests a second and p99 through the gateway, beside nginx on the same core."
    )
    parser.add_argument("--seconds", type=int, default=3, help="length of a run (3)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of which the median is taken (3)")
    parser.add_argument("--connections", type=int, default=32, help="connections that ask at a time (32)")
    parser.add_argument("--json", action="store_true", help="print figures as JSON")
    wanted = parser.parse_args()
    missing = [
        package for program, package in _NEEDED.items() if not (shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin"))
    ]
    if missing:
        print(f"bench: not installed: {', '.join(missing)} (Debian, Ubuntu: apt-get install {' '.join(missing)})", file=sys.stderr)
        return 3

    cores = Cores.of_this_machine()
    if cores.measured == cores.others:
        print("bench: one core for everything; the figures mean little", file=sys.stderr)
    taken: dict[tuple[str, str], list[Figures]] = {}
    with serving(cores) as targets:
        rounds = [(target, size) for target in targets for size in SIZES]
        for target, size in rounds:
            _ask(target, size, 1, wanted.connections, cores)  # warm: connections, caches, the interpreter
        for turn in range(wanted.repeats):
            for number, (target, size) in enumerate(rounds, 1):
                if sys.stderr.isatty():
                    print(f"\r{turn + 1}/{wanted.repeats}  {number}/{len(rounds)}  {target.name}, {size}          ", end="", file=sys.stderr)
                taken.setdefault((target.name, size), []).append(_ask(target, size, wanted.seconds, wanted.connections, cores))
    if sys.stderr.isatty():
        print("\r" + " " * 60 + "\r", end="", file=sys.stderr)
    medians = {key: middle(figures) for key, figures in taken.items()}
    print(_as_json(medians) if wanted.json else _as_table(medians, [target.name for target in targets]))
    return 0


def _ask(target: Target, size: str, seconds: int, connections: int, cores: Cores) -> Figures:
    return run(target.url + SIZES[size][0], target.headers, seconds=seconds, connections=connections, cores=cores.others)


def _as_json(medians: dict[tuple[str, str], Figures]) -> str:
    return json.dumps([{"target": name, "size": size, "requests_per_second": one.rate, "p99_ms": one.p99} for (name, size), one in medians.items()])


def _as_table(medians: dict[tuple[str, str], Figures], names: list[str]) -> str:
    """One line a target and size; `of nginx` and `of Go` are ratios of requests a second, 1.00 is as fast."""
    others = [name for name in names if name != "auth-gateway"]
    lines = [f"{'':18}{'body':>8}{'requests/s':>12}{'p99 ms':>10}" + "".join(f"{'of ' + name.split()[0]:>12}" for name in others)]
    for size in SIZES:
        for name in names:
            one = medians[name, size]
            ratios = "".join(f"{one.rate / medians[other, size].rate:>12.2f}" for other in others)
            lines.append(f"{name:18}{size:>8}{one.rate:>12.0f}{one.p99:>10.2f}{ratios}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
