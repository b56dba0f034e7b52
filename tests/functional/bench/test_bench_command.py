"""The benchmark as it is run: a short case, the files it writes, and what it leaves running (nothing)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import require

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


@pytest.mark.parametrize(
    "arguments", [("--cases", "checks"), ("--seconds", "0"), ("--repeats", "1000"), ("--connections", "many"), ("--no-write", "--out", "x")]
)
def test_what_cannot_be_run_is_wrong_usage(arguments):
    assert bench(*arguments).returncode == 2
