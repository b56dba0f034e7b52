"""What is measured: the gateway with a session in Redis, nginx's proxy_pass, a bare Go proxy; all before one nginx that serves two files.

A check is asked directly, and through nginx's auth_request; there a Go handler that looks at nothing is the measure.
"""

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

_SIZES = {"100 B": ("/small", 100), "1 MiB": ("/large", 1024 * 1024)}
CHECK, CHECK_BY_NGINX = "check", "by nginx"

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
_CHECKED = """
keepalive_requests 100000000;
upstream files { server %(files)s; keepalive 256; keepalive_requests 100000000; }
upstream checker { server %(checker)s; keepalive 256; keepalive_requests 100000000; }
server {
    listen 127.0.0.1:{port} backlog=1024;
    location / { auth_request /check; proxy_pass http://files; proxy_http_version 1.1; proxy_set_header Connection ""; }
    location = /check {
        internal; proxy_pass http://checker%(path)s; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass_request_body off;
        proxy_set_header Content-Length ""; proxy_set_header X-Original-URL http://$http_host$request_uri;
        proxy_set_header X-Original-Method $request_method; proxy_set_header X-Forwarded-For $remote_addr;
    }
}
"""
_EMAIL = "bench@example.com"
_GO_SOURCE = Path(__file__).with_name("goproxy") / "main.go"


@dataclass(frozen=True, slots=True)
class Target:
    """Something to ask: in which case, its address, and the headers that every request brings. `redis` where its store's commands are counted."""

    case: str
    name: str
    url: str
    headers: tuple[str, ...] = ()
    redis: Redis | None = None


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
    for path, size in _SIZES.values():
        (upstream.folder / path[1:]).write_bytes(b"x" * size)
    with ExitStack() as running:
        running.enter_context(upstream)
        running.enter_context(redis)
        nginx = Nginx(_PROXY % f"127.0.0.1:{upstream.port}")
        gateway = Gateway(_configuration(redis, upstream))
        checked = Nginx(_CHECKED % {"files": f"127.0.0.1:{upstream.port}", "checker": f"127.0.0.1:{gateway.port}", "path": "/_auth/check/nginx"})
        proxies: list[Process] = [nginx, gateway, checked]
        found = [Target(case, "nginx proxy_pass", nginx.url + path) for case, (path, _) in _SIZES.items()]
        program = _go_program()
        if program is not None:
            go = GoProxy(program, upstream.url)
            waved = Nginx(_CHECKED % {"files": f"127.0.0.1:{upstream.port}", "checker": f"127.0.0.1:{go.port}", "path": "/check/"})
            proxies += [go, waved]
            found += [Target(case, "Go ReverseProxy", f"http://127.0.0.1:{go.port}{path}") for case, (path, _) in _SIZES.items()]
            found += [Target(CHECK, "Go handler", f"http://127.0.0.1:{go.port}/check/"), Target(CHECK_BY_NGINX, "Go handler", waved.url + "/small")]
        for proxy in proxies:
            proxy.cores = cores.measured
            running.enter_context(proxy)
        gateway.add_user(_EMAIL)
        url, host = f"http://127.0.0.1:{gateway.port}", f"Host: localhost:{gateway.port}"
        cookie = f"Cookie: {asyncio.run(_log_in(gateway))}"
        asked = ("X-Forwarded-Method: GET", "X-Forwarded-Proto: http", f"X-Forwarded-Host: localhost:{gateway.port}", "X-Forwarded-Uri: /small")
        found += [Target(case, "auth-gateway", url + path, (host, cookie), redis) for case, (path, _) in _SIZES.items()]
        found.append(Target(CHECK, "auth-gateway", f"{url}/_auth/check/traefik", (*asked, cookie), redis))
        found.append(Target(CHECK_BY_NGINX, "auth-gateway", checked.url + "/small", (host, cookie), redis))
        yield found


def _configuration(redis: Redis, upstream: Nginx) -> dict[str, Any]:
    route = {"name": "files", "host": "localhost", "path": "/", "upstream": upstream.url, "access": "login"}
    trusted = {"trusted_proxies": ["127.0.0.1/32"]}
    return {"server": trusted, "session": {"store": redis.url}, "log": {"format": "text", "level": "info"}, "routes": [route]}


async def _log_in(gateway: Gateway) -> str:
    """The Cookie header of a person who logged in at the gateway's page. Also asks once for each file: what is measured must be right."""
    async with Browser(gateway.url) as browser:
        page = await browser.get("/small", follow=True)
        page = await browser.submit(page.form, email=_EMAIL, password=PASSWORD, follow=True)
        for path, size in _SIZES.values():
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
