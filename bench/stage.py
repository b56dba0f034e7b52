"""What runs throughout (Redis, the upstream), and everything that may stand on the stage beside it, each on its cores.

Every contestant gets the one measured core; the load, Redis and the upstream share the others.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from bench import goproxy, nginx, sessions
from bench.backend import Backend
from bench.cores import Cores
from bench.oauth2_proxy import OAuth2Proxy
from gateway.config.load import examine
from tests.gateways import Gateway
from tests.servers import Nginx, Process, Redis

Started = TypeVar("Started", bound=Process)
OneGateway = TypeVar("OneGateway", bound=Gateway)

#: Bytes of the huge file; `quick` runs move less.
HUGE = 2 << 30
_HUGE_QUICK = 128 << 20


@dataclass(frozen=True, slots=True)
class Settings:
    """What was asked for. `quick`: sizes and counts are smaller too, so that everything is tried and little is proved."""

    seconds: float = 3.0
    repeats: int = 3
    connections: int = 32
    quick: bool = False

    @property
    def huge(self) -> int:
        """Bytes of the huge file."""
        return _HUGE_QUICK if self.quick else HUGE

    def count(self, full: int) -> int:
        """`full`, or a tenth."""
        return full // 10 if self.quick else full


@dataclass(frozen=True, slots=True)
class Stage:
    """`go` and `oauth2_proxy` are programs, None where they are missing. `progress` is told what is under way."""

    settings: Settings
    cores: Cores
    redis: Redis
    upstream: Nginx
    backend: Backend
    go: Path | None
    oauth2_proxy: str | None
    progress: Callable[[str], None]

    @contextmanager
    def measured(self, process: Started) -> Iterator[Started]:
        """Run it on the measured core."""
        process.cores = self.cores.measured
        with process:
            yield process

    def gateway(self, config: Mapping[str, Any] | None = None, *, upstream: int | None = None) -> AbstractContextManager[Gateway]:
        """A gateway with tracked copies, sessions in the Redis of the stage, an access line for each request, and one route to the upstream."""
        return self.measured(self.unstarted(config, upstream=upstream))

    def unstarted(self, config: Mapping[str, Any] | None = None, *, upstream: int | None = None) -> Gateway:
        """The same, not started."""
        return self.unstarted_as(Gateway, config, upstream=upstream)

    def unstarted_as(self, kind: type[OneGateway], config: Mapping[str, Any] | None = None, *, upstream: int | None = None) -> OneGateway:
        """The same as a special kind of gateway."""
        gateway = kind(
            {
                "server": {"trusted_proxies": ["127.0.0.1/32"]},
                "log": {"format": "text", "level": "info"},
                "session": {"store": self.redis.url, "cache": "tracked"},
                "routes": [
                    {
                        "name": "files",
                        "host": "localhost",
                        "path": "/",
                        "upstream": f"http://127.0.0.1:{upstream or self.upstream.port}",
                        "access": "login",
                    }
                ],
            }
        )
        if config:
            gateway.configure(config)
        return gateway

    def accepts(self, gateway: Gateway) -> bool:
        """Whether this version can be configured so."""
        return not any(problem.severity == "error" for problem in examine(gateway.config_file, {})[1])

    def log_in(self, gateway: Gateway, count: int = 1, *, keep: bool = False) -> list[str]:
        """Cookies of `count` new sessions. Those that others had are gone, unless `keep`."""
        if not keep:
            sessions.empty(self.redis)
        return sessions.make_sessions(gateway, self.redis, count)

    @contextmanager
    def goproxy(self, upstream: int | None = None) -> Iterator[goproxy.GoProxy | None]:
        """The Go proxy; None without Go."""
        if self.go is None:
            yield None
            return
        with self.measured(goproxy.GoProxy(self.go, upstream or self.upstream.port)) as go:
            yield go

    def nginx(self, upstream: int | None = None) -> AbstractContextManager[Nginx]:
        """nginx that only hands on."""
        return self.measured(nginx.passing(upstream or self.upstream.port))

    def asking(self, checker: int, path: str) -> AbstractContextManager[Nginx]:
        """nginx that asks `checker` first."""
        return self.measured(nginx.asking(self.upstream.port, checker, path))

    @contextmanager
    def oauth2(self, upstream: int | None = None) -> Iterator[OAuth2Proxy | None]:
        """oauth2-proxy with its sessions in the Redis of the stage and somebody logged in; None where it is not installed."""
        if self.oauth2_proxy is None:
            yield None
            return
        with self.measured(OAuth2Proxy(self.oauth2_proxy, self.redis, upstream or self.upstream.port)) as proxy:
            yield proxy


@contextmanager
def staged(settings: Settings, progress: Callable[[str], None]) -> Iterator[Stage]:
    """Start what runs throughout; stop it at the end."""
    cores = Cores.of_this_machine()
    progress("starting Redis and the upstream")
    redis, upstream, backend = Redis(), nginx.upstream(settings.huge), Backend()
    for process in (redis, upstream, backend):
        process.cores = cores.others
    with redis, upstream, backend:
        yield Stage(settings, cores, redis, upstream, backend, goproxy.build(), shutil.which("oauth2-proxy"), progress)


def shorter(stage: Stage, seconds: float) -> Stage:
    """The same stage for runs of `seconds`."""
    return replace(stage, settings=replace(stage.settings, seconds=seconds))
