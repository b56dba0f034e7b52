"""Starting: from the command to the first proxied request that is answered."""

from __future__ import annotations

import http.client
import re
import subprocess
import sys
import time
from contextlib import ExitStack
from functools import partial

from bench import goproxy, meter, nginx
from bench.cases_http import GO_PROXY, NGINX, OURS
from bench.contest import interleave
from bench.results import Result, Sample
from bench.stage import Stage
from tests.gateways import Gateway
from tests.servers import Nginx, Process

_IMPORT = re.compile(r"^import time:\s+(\d+) \|", re.MULTILINE)


class _Asked(Gateway):
    """A gateway that is ready when it lets somebody through."""

    cookie = ""

    def ready(self) -> bool:
        return _answers(self.port, {"Host": f"localhost:{self.port}", "Cookie": self.cookie})


class _AskedNginx(Nginx):
    """nginx that is ready when it answers."""

    def ready(self) -> bool:
        return _answers(self.port, {})


class _AskedGo(goproxy.GoProxy):
    """The Go proxy, ready when it answers."""

    def ready(self) -> bool:
        return _answers(self.port, {})


def start(stage: Stage) -> Result:
    """The database is there, the session in Redis, and the files are in the disk's cache: an earlier start is not counted."""
    with ExitStack() as running:
        gateway = stage.unstarted_as(_Asked)
        gateway.cookie = stage.log_in(gateway)[0]
        proxy = _AskedNginx(nginx.PROXY % {"upstream": f"127.0.0.1:{stage.upstream.port}"}, events=nginx.EVENTS)
        processes: list[tuple[str, Process]] = [(OURS, gateway), (NGINX, proxy)]
        if stage.go:
            processes.append((GO_PROXY, _AskedGo(stage.go, stage.upstream.port)))
        for _, process in processes:
            process.cores = stage.cores.measured
            running.callback(process.close)
            process.start().stop()
        rows = interleave(stage, [(name, partial(_start, process)) for name, process in processes])
        imported = _imports(gateway)
    note = f"Resolution 10 ms. RSS: idle, after one request. `python -X importtime` counts {imported:.2f} s for the gateway's imports."
    return Result("start", "From start to the first proxied answer", rows, "", note)


def _start(process: Process) -> Sample:
    before = time.perf_counter()
    process.start()
    seconds = time.perf_counter() - before
    taken = {"seconds": seconds, "cpu_seconds": meter.cpu_seconds([process.pid]), "rss": meter.settled([process.pid])}
    process.stop()
    return taken


def _imports(gateway: Gateway) -> float:
    """Seconds for importing what `gateway serve` needs, the time of counting included."""
    command = [sys.executable, "-X", "importtime", "-c", "import gateway.cli.serve"]
    done = subprocess.run(command, cwd=gateway.folder, env=dict(gateway.environ()), capture_output=True, text=True, check=True, timeout=60)
    return sum(int(microseconds) for microseconds in _IMPORT.findall(done.stderr)) / 1e6


def _answers(port: int, headers: dict[str, str]) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/small", headers=headers)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
