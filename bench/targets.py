"""What is measured: the gateway with a session in Redis, nginx's proxy_pass, a bare Go proxy; all before one nginx that serves two files."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.browser import Browser
from tests.gateways import PASSWORD, Gateway
from tests.servers import Nginx, Process, Redis, free_port, listens

SIZES = {"100 B": ("/small", 100), "1 MiB": ("/large", 1024 * 1024)}

_UPSTREAM = """
sendfile on; keepalive_requests 100000000; default_type application/octet-stream;
server { listen 127.0.0.1:{port} backlog=1024; root {folder}; }
"""
_PROXY = """
keepalive_requests 100000000;
upstream files { server %s; keepalive 256; keepalive_requests 100000000; }
server {
    listen 127.0.0.1:{port} backlog=1024;
    location / { proxy_pass http://files; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_max_temp_file_size 0; }
}
"""
_EMAIL = "bench@example.com"
_GO_SOURCE = Path(__file__).with_name("goproxy") / "main.go"


@dataclass(frozen=True, slots=True)
class Target:
    """Something to ask: its address and the headers that every request brings."""

    name: str
    url: str
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cores:
    """`measured` is the core of whatever is measured; wrk, Redis and the upstream share `others`."""

    measured: frozenset[int]
    others: frozenset[int]

    @staticmethod
    def of_this_machine() -> Cores:
        """The first core against the rest; one core for everything where there is no more."""
        first, *rest = sorted(os.sched_getaffinity(0))
        return Cores(frozenset({first}), frozenset(rest or [first]))


class GoProxy(Process):
    """The proxy of goproxy/main.go on one thread of execution."""

    name = "goproxy"

    def __init__(self, program: Path, upstream: str) -> None:
        super().__init__()
        self._program = program
        self._upstream = upstream
        self.port = free_port()

    def argv(self) -> list[str]:
        return [str(self._program), f"127.0.0.1:{self.port}", self._upstream]

    def environ(self) -> dict[str, str]:
        return {**super().environ(), "GOMAXPROCS": "1"}

    def ready(self) -> bool:
        return listens(self.port)


@contextmanager
def serving(cores: Cores) -> Iterator[list[Target]]:
    """Start everything; stop it at the end."""
    upstream, redis = Nginx(_UPSTREAM), Redis()
    upstream.cores = redis.cores = cores.others
    for path, size in SIZES.values():
        (upstream.folder / path[1:]).write_bytes(b"x" * size)
    with ExitStack() as running:
        running.enter_context(upstream)
        running.enter_context(redis)
        nginx = Nginx(_PROXY % f"127.0.0.1:{upstream.port}")
        gateway = Gateway(_configuration(redis, upstream))
        proxies: list[Process] = [nginx, gateway]
        found = [Target("nginx proxy_pass", nginx.url)]
        program = _go_program()
        if program is not None:
            go = GoProxy(program, upstream.url)
            proxies.append(go)
            found.append(Target("Go ReverseProxy", f"http://127.0.0.1:{go.port}"))
        for proxy in proxies:
            proxy.cores = cores.measured
            running.enter_context(proxy)
        gateway.add_user(_EMAIL)
        headers = (f"Host: localhost:{gateway.port}", f"Cookie: {asyncio.run(_log_in(gateway))}")
        found.append(Target("auth-gateway", f"http://127.0.0.1:{gateway.port}", headers))
        yield found


def _configuration(redis: Redis, upstream: Nginx) -> dict[str, Any]:
    route = {"name": "files", "host": "localhost", "path": "/", "upstream": upstream.url, "access": "login"}
    return {"session": {"store": redis.url}, "log": {"format": "text", "level": "info"}, "routes": [route]}


async def _log_in(gateway: Gateway) -> str:
    """The Cookie header of a person who logged in at the gateway's page. Also asks once for each file: what is measured must be right."""
    async with Browser(gateway.url) as browser:
        page = await browser.get("/small", follow=True)
        page = await browser.submit(page.form, email=_EMAIL, password=PASSWORD, follow=True)
        for path, size in SIZES.values():
            page = await browser.get(path)
            if (page.status, len(page.body)) != (200, size):
                raise RuntimeError(f"{path} through the gateway: {page.status} with {len(page.body)} bytes\n{gateway.log()[-2000:]}")
        return browser.cookies.header(browser.url) or ""


def _go_program() -> Path | None:
    """The Go proxy, built once into a cache outside the checkout that is keyed by its source and the compiler; None without Go."""
    compiler = shutil.which("go")
    if compiler is None:
        return None
    version = subprocess.run([compiler, "version"], capture_output=True, text=True, check=True).stdout
    key = hashlib.sha256(version.encode() + _GO_SOURCE.read_bytes()).hexdigest()[:16]
    program = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "auth-gateway" / f"goproxy-{key}"  # noqa: TID251 - caches lie there
    if not program.exists():
        program.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([compiler, "build", "-o", program, _GO_SOURCE], check=True, timeout=300)
    return program
