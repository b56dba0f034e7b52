"""The bare Go reverse proxy of goproxy/main.go, and the handler in it that looks at nothing: what the gateway's speed is held against."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.servers import Process, free_port, listens

_SOURCE = Path(__file__).with_name("goproxy") / "main.go"
#: Where its handler answers.
CHECK = "/check/"


class GoProxy(Process):
    """On one thread of execution, since the others have one core too."""

    name = "goproxy"

    def __init__(self, program: Path, upstream: int) -> None:
        super().__init__()
        self._program = program
        self._upstream = upstream
        self.port = free_port()

    def argv(self) -> Sequence[str]:
        return [str(self._program), f"127.0.0.1:{self.port}", f"http://127.0.0.1:{self._upstream}"]

    def environ(self) -> Mapping[str, str]:
        return {**super().environ(), "GOMAXPROCS": "1"}

    def ready(self) -> bool:
        return listens(self.port)


def build() -> Path | None:
    """The program, built once into a cache outside the checkout that is keyed by its source and the compiler; None without Go."""
    compiler = shutil.which("go")
    if compiler is None:
        return None
    key = hashlib.sha256(version().encode() + _SOURCE.read_bytes()).hexdigest()[:16]
    program = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "auth-gateway" / f"goproxy-{key}"  # noqa: TID251 - caches lie there
    if not program.exists():
        program.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([compiler, "build", "-o", program, _SOURCE], check=True, timeout=300)
    return program


def version() -> str:
    """What the compiler calls itself, "" without Go."""
    compiler = shutil.which("go")
    return subprocess.run([compiler, "version"], capture_output=True, text=True, check=True).stdout.strip() if compiler else ""
