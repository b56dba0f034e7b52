"""Checks and proxied requests: what wrk asks."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from bench import goproxy, nginx, oauth2_proxy
from bench.contest import Contestant, contest
from bench.results import Result
from bench.stage import Stage, shorter
from tests.gateways import Gateway

OURS, GO_HANDLER, GO_PROXY, NGINX, OAUTH2 = "auth-gateway", "Go handler", "Go ReverseProxy", "nginx proxy_pass", "oauth2-proxy"
_CHECK = "/_auth/check/traefik"
#: What a browser sends besides, of ordinary length.
_FIFTY = tuple(f"X-Header-Of-The-Benchmark-{number:02}: a value of some ordinary length, {number}" for number in range(46))
_ROUTES = 1000


def check(stage: Stage) -> Result:
    """A session in Redis, one cookie."""
    with ExitStack() as running:
        gateway = running.enter_context(stage.gateway())
        [cookie] = stage.log_in(gateway)
        contestants = [_our_check(stage, gateway, cookie=cookie), *_go_handler(stage, running, gateway, cookie)]
        if oauth2 := running.enter_context(stage.oauth2()):
            contestants.append(
                Contestant(OAUTH2, f"http://127.0.0.1:{oauth2.port}{oauth2_proxy.CHECK}", (oauth2,), (), oauth2.cookie, status=202, redis=stage.redis)
            )
        return Result("check", "Forward-auth check, valid session", contest(stage, contestants), GO_HANDLER)


def check_without(stage: Stage) -> Result:
    """No cookie: everybody but the Go handler refuses."""
    with ExitStack() as running:
        gateway = running.enter_context(stage.gateway())
        contestants = [replace(_our_check(stage, gateway), status=401), *_go_handler(stage, running, gateway, "")]
        if oauth2 := running.enter_context(stage.oauth2()):
            contestants.append(Contestant(OAUTH2, f"http://127.0.0.1:{oauth2.port}{oauth2_proxy.CHECK}", (oauth2,), status=401, redis=stage.redis))
        return Result("check-without", "Forward-auth check, no session: 401", contest(stage, contestants), GO_HANDLER)


def check_by_nginx(stage: Stage) -> Result:
    """nginx on the same core asks with auth_request, and hands on what may pass."""
    with ExitStack() as running:
        gateway = running.enter_context(stage.gateway())
        [cookie] = stage.log_in(gateway)
        size = nginx.SIZES["/small"]
        host = (f"Host: localhost:{gateway.port}",)
        asking = running.enter_context(stage.asking(gateway.port, "/_auth/check/nginx"))
        contestants = [Contestant(f"nginx + {OURS}", f"{asking.url}/small", (asking, gateway), host, cookie, size=size, redis=stage.redis)]
        if go := running.enter_context(stage.goproxy()):
            asking = running.enter_context(stage.asking(go.port, goproxy.CHECK))
            contestants.append(Contestant(f"nginx + {GO_HANDLER}", f"{asking.url}/small", (asking, go), host, cookie, size=size))
            contestants.append(Contestant(GO_PROXY, f"http://127.0.0.1:{go.port}/small", (go,), host, cookie, size=size))
        if oauth2 := running.enter_context(stage.oauth2()):
            asking = running.enter_context(stage.asking(oauth2.port, oauth2_proxy.CHECK))
            contestants.append(
                Contestant(f"nginx + {OAUTH2}", f"{asking.url}/small", (asking, oauth2), (), oauth2.cookie, size=size, redis=stage.redis)
            )
        return Result("check-by-nginx", "100 B through nginx with auth_request", contest(stage, contestants), f"nginx + {GO_HANDLER}")


def proxied_100b(stage: Stage) -> Result:
    """A small answer."""
    return _proxied(stage, "proxied-100b", "Proxied, 100 B", "/small")


def proxied_10k(stage: Stage) -> Result:
    """An ordinary page."""
    return _proxied(stage, "proxied-10k", "Proxied, 10 KiB", "/medium")


def proxied_1m(stage: Stage) -> Result:
    """A large answer, which nobody may hold as a whole."""
    return _proxied(stage, "proxied-1m", "Proxied, 1 MiB", "/large")


def proxied_headers(stage: Stage) -> Result:
    """Many headers, each of which is looked at."""
    return _proxied(stage, "proxied-headers", "Proxied, 100 B, with 50 request headers", "/small", _FIFTY)


def sessions(stage: Stage) -> Result:
    """Many more sessions in turn than there are copies: nearly every request reads the store."""
    few, many = 1000, stage.settings.count(100_000)
    with ExitStack() as running:
        gateway = running.enter_context(stage.gateway())
        cookies = stage.log_in(gateway, many)
        ours = _our_check(stage, gateway)
        contestants = [
            replace(ours, name=f"{OURS}, {count} sessions", cookies=_file(gateway, f"{count}.txt", cookies[:count])) for count in (few, many)
        ] + [replace(one, cookie="", cookies=_file(gateway, "go.txt", cookies)) for one in _go_handler(stage, running, gateway, "")]
        note = f"Copies are kept of 10 000 sessions. oauth2-proxy keeps none, so its figure for one session is also that for {many}."
        return Result("sessions", f"Forward-auth check, {few} and {many} sessions in turn", contest(stage, contestants), GO_HANDLER, note)


def store_commands(stage: Stage) -> Result:
    """A thousand sessions in use for a whole renewal window, after the writes that their first use made."""
    count = 1000
    with ExitStack() as running:
        gateway = running.enter_context(stage.gateway())
        cookies = stage.log_in(gateway, count)
        one = replace(_our_check(stage, gateway), cookies=_file(gateway, "cookies.txt", cookies))
        contest(_once(stage, 2.0), [one])
        rows = contest(_once(stage, 5.0 if stage.settings.quick else 30.0), [one])
    note = "A session in use is written once in `session.touch_every` (30 s), and read again after it. PINGs that hold the lease are counted apart."
    return Result("store-commands", f"Store commands, {count} sessions in use for 30 s", rows, "", note, frozenset())


def routes(stage: Stage) -> Result:
    """The last of many routes on one host, against the only one."""
    with ExitStack() as running:
        contestants = []
        for count in (1, _ROUTES):
            gateway = stage.unstarted({"routes": [_route(stage, number) for number in range(count)]})
            running.enter_context(stage.measured(gateway))
            contestants.append((gateway, count))
        [first, last] = [gateway for gateway, _ in contestants]
        cookies = [*stage.log_in(first), *stage.log_in(last, keep=True)]
        asked = [
            Contestant(
                f"{OURS}, {count} route{'s' * (count > 1)}",
                f"http://127.0.0.1:{gateway.port}/r{count - 1}/small",
                (gateway,),
                (f"Host: localhost:{gateway.port}",),
                cookie,
                size=nginx.SIZES["/small"],
            )
            for (gateway, count), cookie in zip(contestants, cookies, strict=True)
        ]
        return Result("routes", f"Proxied, 100 B, 1 and {_ROUTES} routes", contest(stage, asked), asked[0].name)


def workers(stage: Stage) -> Result | None:
    """Two worker processes on the core of one; None while the configuration knows no workers."""
    two = stage.unstarted({"server": {"workers": 2}})
    if not stage.accepts(two):
        two.close()
        return None
    with stage.gateway() as one, stage.measured(two):
        cookies = [*stage.log_in(one), *stage.log_in(two, keep=True)]
        contestants = [
            replace(_our_proxied(stage, gateway, "/small", cookie), name=f"{OURS}, {count} worker{'s' * (count > 1)}", serving=count)
            for gateway, cookie, count in zip((one, two), cookies, (1, 2), strict=True)
        ]
        rows = contest(stage, contestants)
    note = "Both workers and their supervisor share the core of the one, and each of them has as many connections as the one."
    return Result("workers", "Proxied, 100 B, 1 and 2 workers", rows, contestants[0].name, note)


def _proxied(stage: Stage, case: str, title: str, path: str, more: tuple[str, ...] = ()) -> Result:
    size = nginx.SIZES[path]
    with ExitStack() as running:
        gateway = running.enter_context(stage.gateway())
        [cookie] = stage.log_in(gateway)
        ours = _our_proxied(stage, gateway, path, cookie)
        contestants = [replace(ours, headers=(*ours.headers, *more))]
        if go := running.enter_context(stage.goproxy()):
            contestants.append(Contestant(GO_PROXY, f"http://127.0.0.1:{go.port}{path}", (go,), (*ours.headers, *more), cookie, size=size))
        proxy = running.enter_context(stage.nginx())
        contestants.append(Contestant(NGINX, f"{proxy.url}{path}", (proxy,), (*ours.headers, *more), cookie, size=size))
        if oauth2 := running.enter_context(stage.oauth2()):
            contestants.append(
                Contestant(OAUTH2, f"http://127.0.0.1:{oauth2.port}{path}", (oauth2,), more, oauth2.cookie, size=size, redis=stage.redis)
            )
        return Result(case, title, contest(stage, contestants), GO_PROXY)


def _our_check(stage: Stage, gateway: Gateway, cookie: str = "") -> Contestant:
    asked = ("X-Forwarded-Method: GET", "X-Forwarded-Proto: http", f"X-Forwarded-Host: localhost:{gateway.port}", "X-Forwarded-Uri: /small")
    return Contestant(OURS, f"http://127.0.0.1:{gateway.port}{_CHECK}", (gateway,), asked, cookie, redis=stage.redis)


def _our_proxied(stage: Stage, gateway: Gateway, path: str, cookie: str) -> Contestant:
    host = (f"Host: localhost:{gateway.port}",)
    return Contestant(OURS, f"http://127.0.0.1:{gateway.port}{path}", (gateway,), host, cookie, size=nginx.SIZES[path], redis=stage.redis)


def _go_handler(stage: Stage, running: ExitStack, gateway: Gateway, cookie: str) -> list[Contestant]:
    """It is asked the very same request."""
    go = running.enter_context(stage.goproxy())
    if go is None:
        return []
    return [Contestant(GO_HANDLER, f"http://127.0.0.1:{go.port}{goproxy.CHECK}", (go,), _our_check(stage, gateway).headers, cookie)]


def _route(stage: Stage, number: int) -> dict[str, object]:
    return {
        "name": f"r{number}",
        "host": "localhost",
        "path": f"/r{number}",
        "upstream": stage.upstream.url,
        "strip_prefix": True,
        "access": "login",
    }


def _file(gateway: Gateway, name: str, cookies: list[str]) -> str:
    path = Path(gateway.folder) / name
    path.write_text("\n".join(cookies) + "\n")
    return str(path)


def _once(stage: Stage, seconds: float) -> Stage:
    brief = shorter(stage, seconds)
    return replace(brief, settings=replace(brief.settings, repeats=1))
