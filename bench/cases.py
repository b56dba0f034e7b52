"""Every case by its name, in the order in which they run and are reported."""

from __future__ import annotations

from collections.abc import Callable

from bench import cases_http, cases_logins, cases_memory, cases_starts, cases_tunnels
from bench.results import Result
from bench.stage import Stage

#: None: this version has nothing to measure there.
Case = Callable[[Stage], Result | None]

CASES: dict[str, Case] = {
    "check": cases_http.check,
    "check-without": cases_http.check_without,
    "check-by-nginx": cases_http.check_by_nginx,
    "proxied-100b": cases_http.proxied_100b,
    "proxied-10k": cases_http.proxied_10k,
    "proxied-1m": cases_http.proxied_1m,
    "proxied-headers": cases_http.proxied_headers,
    "sessions": cases_http.sessions,
    "store-commands": cases_http.store_commands,
    "routes": cases_http.routes,
    "workers": cases_http.workers,
    "websocket": cases_tunnels.echo,
    "websocket-idle": cases_tunnels.idle,
    "login": cases_logins.login,
    "start": cases_starts.start,
    "copies": cases_memory.copies,
    "huge": cases_memory.huge,
}
