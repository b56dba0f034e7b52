"""The benchmark as it is run: a short case, the files it writes, and what it leaves running (nothing)."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.meter import family
from tests.servers import require, wait_until

REPOSITORY = Path(__file__).resolve().parents[3]


def bench(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=55, stdin=subprocess.DEVNULL
    )


@pytest.fixture(autouse=True, scope="module")
def needed():
    for program in ("wrk", "nginx", "redis-server"):
        require(program)


def test_a_short_run_measures_and_writes_where_it_is_told(tmp_path):
    done = bench("--quick", "--cases", "proxied-100b", "--connections", "8", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    ours = json.loads((tmp_path / "performance.json").read_text())["cases"]["proxied-100b"]["contestants"]["auth-gateway"]
    assert all(ours[key]["median"] > 0 for key in ("rate", "cpu", "p50", "p99", "rss"))
    assert "Proxied, 100 B" in (tmp_path / "performance.md").read_text()
    assert (tmp_path / "images" / "performance.svg").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_leaves_nothing_running(number, code):
    command = [sys.executable, "-m", "bench", "--cases", "proxied-100b", "--no-write"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        wait_until(lambda: "wrk\n" in commands(running.pid), "the first run of wrk", 40)
        started = list(family([running.pid]))
        running.send_signal(number)
        assert running.wait(30) == code
    assert [pid for pid in started if Path(f"/proc/{pid}").exists()] == []


def commands(pid):
    found = []
    for one in family([pid]):
        try:
            found.append(Path(f"/proc/{one}/comm").read_text())
        except (FileNotFoundError, ProcessLookupError):
            pass  # it has ended meanwhile
    return found


@pytest.mark.parametrize(
    "arguments", [("--cases", "checks"), ("--seconds", "0"), ("--repeats", "1000"), ("--connections", "many"), ("--no-write", "--out", "x")]
)
def test_what_cannot_be_run_is_wrong_usage(arguments):
    assert bench(*arguments).returncode == 2
