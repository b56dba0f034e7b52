"""Memory: what a copy of a session weighs, and what large bodies leave behind."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from bench import load, meter, nginx
from bench.cases_http import GO_PROXY, NGINX, OURS
from bench.results import Result, Row, Sample
from bench.stage import Stage
from tests.servers import Process

_CHECK = "/_auth/check/traefik"
_COPIES = 10_000
_PIECE = 1 << 18


def copies(stage: Stage) -> Result:
    """A process that has served a while, before and after it saw that many sessions."""
    count = stage.settings.count(_COPIES)
    with stage.gateway() as gateway:
        cookies = stage.log_in(gateway, count)
        before = _used(stage, gateway.port, gateway.folder, cookies[:1], [gateway.pid])
        after = _used(stage, gateway.port, gateway.folder, cookies, [gateway.pid])
    row = Row(OURS, [{"rss": before, "open_rss": after, "each": (after - before) * 1024 / count}])
    return Result(
        "copies", f"Memory for {count} sessions in use", [row], "", "The copy, the opened cookie, the signed assertion and the pending renewal."
    )


def _used(stage: Stage, port: int, folder: Path, cookies: list[str], pids: list[int]) -> float:
    """RSS after each of the sessions was used."""
    lines = folder / "cookies.txt"
    lines.write_text("\n".join(cookies) + "\n")
    headers = ["X-Forwarded-Method: GET", "X-Forwarded-Proto: http", f"X-Forwarded-Host: localhost:{port}", "X-Forwarded-Uri: /small"]
    url = f"http://127.0.0.1:{port}{_CHECK}"
    used = 0
    while used < 2 * len(cookies):
        script = ("cookies.lua", str(lines), str(used))
        done = load.run(url, headers, seconds=2, connections=stage.settings.connections, cores=stage.cores.others, script=script)
        used += done.requests
    return meter.settled(pids)


def huge(stage: Stage) -> Result:
    """One large body down and one up, each on a connection of its own; the most that was resident meanwhile."""
    size = stage.settings.huge
    rows = []
    with ExitStack() as running:
        down: list[tuple[str, Process, int, list[str]]] = []
        gateway = stage.unstarted({"routes": _routes(stage)})
        running.enter_context(stage.measured(gateway))
        [cookie] = stage.log_in(gateway)
        down.append((OURS, gateway, gateway.port, [f"Host: localhost:{gateway.port}", f"Cookie: {cookie}"]))
        if go := running.enter_context(stage.goproxy()):
            down.append((GO_PROXY, go, go.port, ["Host: localhost"]))
        proxy = running.enter_context(stage.nginx())
        down.append((NGINX, proxy, proxy.port, ["Host: localhost"]))
        for name, process, port, headers in down:
            stage.progress(f"{name}, {size >> 20} MiB down")
            rows.append(Row(f"{name}, down", [_moved(process, size, lambda: _download(port, headers, size))]))  # noqa: B023 - called at once
        stage.progress(f"{OURS}, {size >> 20} MiB up")
        name, process, port, headers = down[0]
        rows.append(Row(f"{name}, up", [_moved(process, size, lambda: _upload(port, headers, size))]))
        if go := running.enter_context(stage.goproxy(stage.backend.port)):
            stage.progress(f"{GO_PROXY}, {size >> 20} MiB up")
            rows.append(Row(f"{GO_PROXY}, up", [_moved(go, size, lambda: _upload(go.port, ["Host: localhost"], size))]))
    return Result(
        "huge", f"{size >> 20} MiB down and up", rows, "", "A download to a client that reads as fast as it can, an upload to an upstream that does."
    )


def _routes(stage: Stage) -> list[dict[str, object]]:
    return [
        {"name": "files", "host": "localhost", "path": "/", "upstream": stage.upstream.url, "access": "login"},
        {"name": "drain", "host": "localhost", "path": "/drain", "upstream": f"http://127.0.0.1:{stage.backend.port}", "access": "login"},
    ]


def _moved(process: Process, size: int, move: Callable[[], None]) -> Sample:
    pids = [process.pid]
    meter.settled(pids)  # measuring what a refused login must cost takes 64 MiB for a moment after the start
    resident, cpu, start = meter.begin_peak(pids), meter.cpu_seconds(pids), time.perf_counter()
    move()
    seconds, mib = time.perf_counter() - start, size / (1 << 20)
    return {
        "mib_per_second": mib / seconds,
        "cpu_per_mib": (meter.cpu_seconds(pids) - cpu) / mib * 1e6,
        "rss": meter.rss(pids),
        "growth": max(meter.peak(pids) - resident, 0.0),
    }


def _download(port: int, headers: list[str], size: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 30) as peer:
        peer.sendall(_head("GET", nginx.HUGE, headers))
        head, rest = _read_head(peer)
        left, piece = size - len(rest), memoryview(bytearray(_PIECE))
        if not head.startswith(b"HTTP/1.1 200"):
            raise load.Spoiled(f"the download was answered with {head[:60]!r}")
        while left:
            got = peer.recv_into(piece)
            if not got:
                raise load.Spoiled(f"the download ended {left} bytes early")
            left -= got


def _upload(port: int, headers: list[str], size: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 30) as peer:
        peer.sendall(_head("POST", "/drain", [*headers, f"Content-Length: {size}"]))
        piece = bytes(_PIECE)
        for _ in range(size // _PIECE):
            peer.sendall(piece)
        head, _rest = _read_head(peer)
        if not head.startswith(b"HTTP/1.1 200"):
            raise load.Spoiled(f"the upload was answered with {head[:60]!r}")


def _head(method: str, path: str, headers: list[str]) -> bytes:
    return ("\r\n".join([f"{method} {path} HTTP/1.1", *headers]) + "\r\n\r\n").encode()


def _read_head(peer: socket.socket) -> tuple[bytes, bytes]:
    head = b""
    while b"\r\n\r\n" not in head:
        piece = peer.recv(65536)
        if not piece:
            raise load.Spoiled("the connection ended before the answer")
        head += piece
    head, _, rest = head.partition(b"\r\n\r\n")
    return head, rest
