"""Prints medians and ratios. Runs are interleaved, so that what disturbs the machine for a while disturbs everybody."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from dataclasses import replace

from bench.load import Figures, middle, run
from bench.store import commands_of
from bench.targets import Cores, Target, serving

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
        for target in targets:
            _ask(target, 1, wanted.connections, cores)  # warm: connections, caches, the interpreter
        for turn in range(wanted.repeats):
            for number, target in enumerate(targets, 1):
                if sys.stderr.isatty():
                    print(f"\r{turn + 1}/{wanted.repeats}  {number}/{len(targets)}  {target.name}, {target.case}          ", end="", file=sys.stderr)
                taken.setdefault((target.case, target.name), []).append(_ask(target, wanted.seconds, wanted.connections, cores))
    if sys.stderr.isatty():
        print("\r" + " " * 60 + "\r", end="", file=sys.stderr)
    medians = {key: middle(figures) for key, figures in taken.items()}
    print(_as_json(medians) if wanted.json else _as_table(medians))
    return 0


def _ask(target: Target, seconds: int, connections: int, cores: Cores) -> Figures:
    before = commands_of(target.redis) if target.redis else 0
    figures, requests = run(target.url, target.headers, seconds=seconds, connections=connections, cores=cores.others)
    return replace(figures, commands=(commands_of(target.redis) - before - 1) / requests) if target.redis else figures


def _as_json(medians: dict[tuple[str, str], Figures]) -> str:
    return json.dumps(
        [
            {"case": case, "target": name, "requests_per_second": one.rate, "p99_ms": one.p99, "store_commands_per_request": one.commands}
            for (case, name), one in medians.items()
        ]
    )


def _as_table(medians: dict[tuple[str, str], Figures]) -> str:
    """One line a case and target; `of …` are ratios of requests a second, 1.00 is as fast. `store` is commands to the store for one request."""
    columns = ["nginx", "Go"]
    lines = [f"{'':18}{'case':>10}{'requests/s':>12}{'p99 ms':>10}" + "".join(f"{'of ' + one:>10}" for one in columns) + f"{'store':>8}"]
    for case in dict.fromkeys(case for case, _ in medians):
        inside = {name: one for (where, name), one in medians.items() if where == case}
        firsts = [next((one for name, one in inside.items() if name.startswith(column)), None) for column in columns]
        for name, one in inside.items():
            ratios = "".join(f"{one.rate / other.rate:>10.2f}" if other else f"{'':10}" for other in firsts)
            store = "" if one.commands is None else f"{one.commands:>8.2f}"
            lines.append(f"{name:18}{case:>10}{one.rate:>12.0f}{one.p99:>10.2f}{ratios}{store}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
