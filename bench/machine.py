"""What the figures were measured on and with: enough to compare, nothing that names the machine."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

from bench import goproxy
from bench.stage import Settings

#: Processes that want to run, on the average of a minute, above which the machine is not quiet.
BUSY = 0.5
_VERSION = re.compile(r"\d+(?:\.\d+)+")


def described(settings: Settings, load_before: float) -> dict[str, str | int | float]:
    """Words for the document and the JSON."""
    model = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    found: dict[str, str | int | float] = {"processor": model[1].strip() if model else platform.machine(), "cores": os.cpu_count() or 1}
    found["Python"] = platform.python_version()
    go = _VERSION.search(goproxy.version())
    versions = {"Go": go and go[0], "Redis": _version("redis-server", "--version"), "nginx": _version("nginx", "-v")}
    versions["oauth2-proxy"] = _version("oauth2-proxy", "--version")
    found |= {name: version or "none" for name, version in versions.items()}
    return found | {"connections": settings.connections, "rounds": settings.repeats, "seconds a run": settings.seconds, "load before": load_before}


def _version(program: str, option: str) -> str | None:
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        return None
    done = subprocess.run([path, option], capture_output=True, text=True, check=False, timeout=10)
    version = _VERSION.search(done.stdout + done.stderr)
    return version[0] if version else "?"
