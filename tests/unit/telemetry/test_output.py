from __future__ import annotations

import asyncio
import os
import select
import subprocess
import sys
import threading

from gateway.telemetry.output import Output

NEIGHBOUR = """
import fcntl, os, sys
fd = int(sys.argv[1])
fcntl.lockf(fd, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.readline()
os.write(fd, b"theirs\\n")
"""


def test_lines_of_two_processes_do_not_mix():
    loop = asyncio.new_event_loop()
    reading, writing = os.pipe()
    command = [sys.executable, "-c", NEIGHBOUR, str(writing)]
    with subprocess.Popen(command, pass_fds=[writing], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as neighbour:
        assert neighbour.stdout is not None
        assert neighbour.stdin is not None
        assert neighbour.stdout.readline() == "locked\n"
        output = Output(writing, loop)
        output.write("mine")
        flushing = threading.Thread(target=output.flush)
        flushing.start()
        assert select.select([reading], [], [], 0.2)[0] == [], "the other one is writing"
        neighbour.stdin.write("\n")
        neighbour.stdin.flush()
        flushing.join(20)
    assert os.read(reading, 100) == b"theirs\nmine\n"
    os.close(reading)
    os.close(writing)
    loop.close()


async def test_what_nobody_reads_is_dropped():
    reading, writing = os.pipe()
    os.close(reading)
    output = Output(writing, asyncio.get_running_loop())
    output.write("lost")
    output.flush()
    os.close(writing)
