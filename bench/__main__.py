"""The command: which cases, how long, and where the results go. Progress goes to standard error, tables to standard output."""

from __future__ import annotations

import argparse
import dataclasses
import os
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench import machine, report
from bench.cases import CASES
from bench.cores import Cores, on
from bench.results import Result
from bench.stage import Settings, Stage, staged

_NEEDED = {"wrk": "wrk", "nginx": "nginx", "redis-server": "redis-server", "taskset": "util-linux"}
_DOCS = Path(__file__).resolve().parent.parent / "docs"
_QUICK = {"seconds": 1.0, "repeats": 1}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 measured, 1 a case could not be measured, 2 wrong usage, 3 something is missing, 130 interrupted."""
    wanted = _parse(arguments)
    missing = [package for program, package in _NEEDED.items() if not _found(program)]
    if missing:
        print(f"bench: not installed: {', '.join(missing)} (Debian, Ubuntu: apt-get install {' '.join(missing)})", file=sys.stderr)
        return 3
    cores = Cores.of_this_machine()
    if not cores.apart:
        print("bench: one core for everything; the figures mean little", file=sys.stderr)
    load = round(os.getloadavg()[0], 2)
    if load > machine.BUSY:
        print(f"bench: something else runs here (load {load}): trust processor time and ratios only", file=sys.stderr)
    settings = Settings(wanted.seconds, wanted.repeats, wanted.connections, wanted.quick)
    _more_files()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, and so stops what was started
    try:
        with on(cores.others), staged(settings, _say) as stage:
            results, failed = _measure(stage, wanted.cases)
    except KeyboardInterrupt:
        print("\nbench: interrupted; everything that was started is stopped", file=sys.stderr)
        return 130
    about = machine.described(settings, load)
    print(report.text(results))
    if wanted.out is not None:
        for path in report.write(wanted.out, results, about, dataclasses.asdict(settings)):
            print(f"bench: wrote {path}", file=sys.stderr)
    return 1 if failed else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="The gateway beside nginx, a bare Go reverse proxy and oauth2-proxy, on one core."
    )
    parser.add_argument("--cases", type=_cases, default=list(CASES), metavar="NAME,…", help=f"only these: {', '.join(CASES)}")
    parser.add_argument("--seconds", type=_between(float, 1, 60), help="length of a run (3)")
    parser.add_argument("--repeats", type=_between(int, 1, 15), help="rounds of which medians are taken (3)")
    parser.add_argument("--connections", type=_between(int, 1, 512), default=32, help="connections that ask at a time (32)")
    parser.add_argument("--quick", action="store_true", help="one short round with smaller sizes: tries everything, proves nothing")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="write performance.md, .json and images/performance.svg there (docs, for a whole run)"
    )
    parser.add_argument("--no-write", action="store_true", help="print only")
    wanted = parser.parse_args(arguments)
    defaults = _QUICK if wanted.quick else {"seconds": 3.0, "repeats": 3}
    wanted.seconds = wanted.seconds or defaults["seconds"]
    wanted.repeats = wanted.repeats or defaults["repeats"]
    whole = not wanted.quick and list(wanted.cases) == list(CASES)
    if wanted.no_write and wanted.out is not None:
        parser.error("--no-write and --out exclude each other")
    if wanted.out is None and whole and not wanted.no_write:
        wanted.out = _DOCS  # a part of the cases, or a quick run, must not replace what a whole run has said
    return wanted


def _cases(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in CASES]
    if unknown:
        raise argparse.ArgumentTypeError(f"no such case: {', '.join(unknown)}; there are {', '.join(CASES)}")
    return [name for name in CASES if name in names]


def _between(kind: type[int] | type[float], low: float, high: float) -> Callable[[str], float]:
    def judged(text: str) -> float:
        value = kind(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"must be between {low:g} and {high:g}")
        return value

    return judged


def _measure(stage: Stage, names: Sequence[str]) -> tuple[list[Result], bool]:
    """The results, and whether a case failed: it is named, and the others go on."""
    results, failed, began = [], False, time.monotonic()
    for number, name in enumerate(names, 1):

        def say(what: str, number: int = number, name: str = name) -> None:
            _say(f"{number}/{len(names)} {name}: {what}, {time.monotonic() - began:.0f} s so far")

        say("starting")
        try:
            result = CASES[name](dataclasses.replace(stage, progress=say))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one case must not lose the figures of the others
            print(f"\nbench: {name} could not be measured: {type(error).__name__}: {error}", file=sys.stderr)
            failed = True
            continue
        if result is None:
            print(f"\nbench: {name}: not in this version", file=sys.stderr)
        else:
            results.append(result)
    _say("")
    return results, failed


def _say(what: str) -> None:
    """One line that is written over, on a terminal."""
    if sys.stderr.isatty():
        print(f"\r\033[K{what[:120]}", end="", file=sys.stderr, flush=True)


def _found(program: str) -> str | None:
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")


def _more_files() -> None:
    """As many open files as may be: a thousand WebSockets are three thousand sockets."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    sys.exit(main())
