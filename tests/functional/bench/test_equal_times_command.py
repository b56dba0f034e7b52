"""The measurement as it is run: every row gets the answer that it is about. Few runs prove nothing about time, so what they say is not judged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.equal_times import ROWS

REPOSITORY = Path(__file__).resolve().parents[3]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench.equal_times", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=55
    )


@pytest.mark.parametrize(("stores", "first"), [("small", 0), ("usual", 1)])
def test_every_row_is_measured(stores: str, first: int):
    """Half of them on each set of stores."""
    rows = list(ROWS)[first::2]
    done = run("--runs", "1", "--memory", "64", "--stores", stores, "--rows", ",".join(rows))
    assert done.returncode in (0, 1), done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == rows


def test_rows_that_are_none_are_wrong_usage():
    assert run("--rows", "logins").returncode == 2
