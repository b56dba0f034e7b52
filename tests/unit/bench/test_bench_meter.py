"""Processor time and memory of a process and its descendants, from the real /proc."""

from __future__ import annotations

import os
import subprocess
import sys

from bench import meter


def test_descendants_count_too():
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', \"print('up', flush=True); input()\"])"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdin is not None
        assert parent.stdout.readline() == "up\n"
        found = list(meter.family([parent.pid]))
        both, alone = meter.rss([parent.pid]), meter.rss([found[1]])
        parent.stdin.write("\n")
        parent.stdin.close()
    assert len(found) == 2
    assert both > alone > 1


def test_processor_time_only_grows():
    before = meter.cpu_seconds([os.getpid()])
    sum(range(3_000_000))
    assert meter.cpu_seconds([os.getpid()]) >= before > 0
