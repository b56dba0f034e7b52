"""How soon a logout on one process is felt on another one, both at full load: `python -m bench.revocation`.

Two gateways on one Redis, wrk on each as fast as it can. A session is used on both, so each has its copy; then it is logged out on the first, while
it is asked for on the second without pause. What counts is when a request *started*: it may not be let in if that was later than the answer to the
logout. The figure of one logout is how much later the last one started that was let in (0: none). Asking goes on for a while, since a copy must not
come back. Everything is on 127.0.0.1. Where other processes keep the cores busy the figures say how long these processes waited for their turn.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from bench.sessions import make_sessions
from tests.gateways import Gateway
from tests.servers import Redis, require

#: How soon others must feel a logout (seconds).
PROMISE = 0.05
#: How long a session is asked for after its logout (seconds).
_AFTER = 2 * PROMISE
#: Connections on which it is asked for, since at full load an answer takes its time.
_ASKING = 3
_FIELD = re.compile(rb'<input type="hidden" name="([a-z_]+)" value="([^"]+)"')
_SET_COOKIE = re.compile(rb"^set-cookie: (gw-csrf=[^;\r\n]+)", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Felt:
    """Seconds from each logout's answer to the start of the last request that was let in on the other process, 0.0 for none; how many requests
    started after their logout's answer."""

    delays: tuple[float, ...]
    asked: int

    def within(self, share: float) -> float:
        """The delay that this share of the logouts did not exceed."""
        return sorted(self.delays)[max(math.ceil(share * len(self.delays)) - 1, 0)]

    def __str__(self) -> str:
        late = sum(delay > 0 for delay in self.delays)
        figures = ", ".join(f"{name} {self.within(share) * 1000:.1f} ms" for name, share in (("p50", 0.5), ("p99", 0.99), ("most", 1.0)))
        return f"{len(self.delays)} logouts, {self.asked} requests started later; of {late} logouts any was let in: {figures}"


class Line:
    """A connection to a gateway; one request at a time."""

    def __init__(self, gateway: Gateway) -> None:
        self._port = gateway.port
        self._host = f"localhost:{gateway.port}"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, target: str, cookie: str, form: str | None = None) -> tuple[int, bytes]:
        """The status, and head and body as they came. A `form` is posted."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        lines = [f"{'GET' if form is None else 'POST'} {target} HTTP/1.1", f"Host: {self._host}", f"Cookie: {cookie}", "Accept: text/html"]
        lines += [f"X-Forwarded-{name}" for name in ("Method: GET", "Proto: http", f"Host: {self._host}", "Uri: /")]
        if form is not None:
            lines += ["Sec-Fetch-Site: same-origin", "Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(form)}"]
        writer.write("\r\n".join([*lines, "", form or ""]).encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"^content-length: (\d+)", head, re.IGNORECASE | re.MULTILINE)
        body = await reader.readexactly(int(length[1])) if length else b""
        return int(head.split(b" ", 2)[1]), head + body

    def close(self) -> None:
        """Leave."""
        if self._streams is not None:
            self._streams[1].close()


CHECK = "/_auth/check/traefik"


def configuration(redis: str, **session: Any) -> dict[str, Any]:
    """A gateway that answers checks for everybody here, on that Redis."""
    return {
        "server": {"trusted_proxies": ["127.0.0.1/32"]},
        "session": {"store": redis, "cache": "tracked", **session},
        "log": {"format": "text", "level": "warning"},
        "routes": [{"name": "app", "host": "localhost", "path": "/", "access": "login"}],
    }


@contextmanager
def two_gateways(redis: str, **session: Any) -> Iterator[tuple[Gateway, Gateway]]:
    """Two processes that share sessions and keys."""
    with ExitStack() as running:
        first = running.enter_context(Gateway(configuration(redis, **session)))
        shared = {key: first.config[key] for key in ("server", "session", "log", "routes", "keys")}
        second = Gateway({**shared, "server": {"trusted_proxies": ["127.0.0.1/32"]}})
        yield first, running.enter_context(second)


@contextmanager
def full_load(gateways: Sequence[Gateway], cookies: Sequence[str], connections: int, seconds: int) -> Iterator[None]:
    """wrk asks each of them for checks, as fast as they answer, for as long as this lasts (`seconds` at most)."""
    running = []
    for gateway, cookie in zip(gateways, cookies, strict=True):
        headers = [f"Host: localhost:{gateway.port}", f"Cookie: {cookie}", "X-Forwarded-Method: GET", "X-Forwarded-Proto: http"]
        headers += [f"X-Forwarded-Host: localhost:{gateway.port}", "X-Forwarded-Uri: /"]
        command = [require("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", *(part for header in headers for part in ("-H", header))]
        running.append(subprocess.Popen([*command, f"http://127.0.0.1:{gateway.port}{CHECK}"], stdout=subprocess.DEVNULL))
    try:
        yield
        if any(one.poll() is not None for one in running):
            raise RuntimeError(f"the load ended before the measurement, which took longer than {seconds} s")
    finally:
        for one in running:
            one.kill()
            one.wait()


async def measure(first: Gateway, second: Gateway, cookies: Sequence[str], lanes: int) -> Felt:
    """Log these sessions out on `first`, `lanes` at a time, and see when `second` feels it. Raises RuntimeError where one is not let in before."""
    waiting, delays, asked = list(cookies), [], 0

    async def lane() -> None:
        nonlocal asked
        here, there = Line(first), [Line(second) for _ in range(_ASKING)]
        try:
            while waiting:
                delay, requests = await _one(here, there, waiting.pop())
                delays.append(delay)
                asked += requests
        finally:
            for line in (here, *there):
                line.close()

    await asyncio.gather(*(lane() for _ in range(lanes)))
    return Felt(tuple(delays), asked)


async def _one(here: Line, there: Sequence[Line], cookie: str) -> tuple[float, int]:
    """The delay of one logout, and how many requests started after its answer."""
    _, page = await here.ask("/_auth/logout", cookie)
    form, form_cookie = _FIELD.search(page), _SET_COOKIE.search(page)
    if form is None or form_cookie is None:
        raise RuntimeError(f"no form to log out with: {page[:500]!r}")
    for line in (here, *there):
        status, _ = await line.ask(CHECK, cookie)
        if status != 200:
            raise RuntimeError(f"a live session got {status}")
    answered = 0.0
    starts: list[tuple[float, bool]] = []

    async def ask_on(line: Line) -> None:
        while not answered or time.monotonic() < answered + _AFTER:
            start = time.monotonic()
            status, _ = await line.ask(CHECK, cookie)
            starts.append((start, status == 200))

    asking = [asyncio.ensure_future(ask_on(line)) for line in there]
    sent = f"{form[1].decode()}={form[2].decode()}"
    status, _ = await here.ask("/_auth/logout", f"{cookie}; {form_cookie[1].decode()}", sent)
    answered = time.monotonic()
    await asyncio.gather(*asking)
    if status != 303:
        raise RuntimeError(f"the logout got {status}")
    return max((start - answered for start, let_in in starts if let_in and start > answered), default=0.0), sum(
        start > answered for start, _ in starts
    )


def main() -> int:
    """Exit status: 0 felt in time, 1 not."""
    parser = argparse.ArgumentParser(prog="python -m bench.revocation", description="How soon a logout is felt by another process at full load.")
    parser.add_argument("--logouts", type=int, default=1000, help="how many (1000)")
    parser.add_argument("--lanes", type=int, default=4, help="how many at a time (4)")
    parser.add_argument("--connections", type=int, default=16, help="connections of each process's load; 0: no load (16)")
    wanted = parser.parse_args()
    with Redis() as redis, two_gateways(redis.url) as gateways:
        *cookies, one, other = make_sessions(gateways[0], redis, wanted.logouts + 2)
        with ExitStack() as loaded:
            if wanted.connections:
                loaded.enter_context(full_load(gateways, (one, other), wanted.connections, seconds=600))
            felt = asyncio.run(measure(*gateways, cookies, wanted.lanes))
    print(felt)
    return 0 if felt.within(0.99) <= PROMISE else 1


if __name__ == "__main__":
    sys.exit(main())
