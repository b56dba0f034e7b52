"""WebSockets: what a round trip costs, and what an idle one."""

from __future__ import annotations

import socket
from contextlib import ExitStack

from bench import meter, websocket
from bench.cases_http import GO_PROXY, NGINX, OAUTH2, OURS
from bench.contest import Measure, interleave
from bench.results import Result, Row, Sample
from bench.stage import Stage
from tests.servers import Process

_OPEN = 1000


def echo(stage: Stage) -> Result:
    """As many WebSockets as others have connections, a message of 64 bytes under way on each."""
    with ExitStack() as running:
        measures: list[tuple[str, Measure]] = []
        for name, process, port, headers in _contestants(stage, running):
            peers = [websocket.connect(port, headers) for _ in range(stage.settings.connections)]
            running.callback(websocket.close, peers)
            measures.append((name, lambda process=process, peers=peers: _round_trips(stage, process, peers)))  # type: ignore[misc]
        rows = interleave(stage, measures)
    note = "The load and the echo are Python's and share a core, so the quickest are held up by them: compare the processor time."
    return Result("websocket", "WebSocket, echo of 64 B", rows, GO_PROXY, note)


def idle(stage: Stage) -> Result:
    """A thousand WebSockets on which nothing happens."""
    count = stage.settings.count(_OPEN)
    rows = []
    with ExitStack() as running:
        for name, process, port, headers in _contestants(stage, running):
            stage.progress(f"{name}, {count} idle WebSockets")
            websocket.close([websocket.connect(port, headers)])
            before = meter.settled([process.pid])
            peers = [websocket.connect(port, headers) for _ in range(count)]
            after = meter.settled([process.pid])
            websocket.close(peers)
            rows.append(Row(name, [{"rss": before, "open_rss": after, "each": (after - before) * 1024 / count}]))
    return Result("websocket-idle", f"{count} idle WebSockets", rows, "")


def _contestants(stage: Stage, running: ExitStack) -> list[tuple[str, Process, int, list[str]]]:
    """Name, process, port, headers."""
    upstream = stage.backend.port
    gateway = running.enter_context(stage.gateway(upstream=upstream))
    [cookie] = stage.log_in(gateway)
    headers = [f"Host: localhost:{gateway.port}", f"Origin: {gateway.url}", f"Cookie: {cookie}"]
    found: list[tuple[str, Process, int, list[str]]] = [(OURS, gateway, gateway.port, headers)]
    if go := running.enter_context(stage.goproxy(upstream)):
        found.append((GO_PROXY, go, go.port, headers))
    proxy = running.enter_context(stage.nginx(upstream))
    found.append((NGINX, proxy, proxy.port, headers))
    if oauth2 := running.enter_context(stage.oauth2(upstream)):
        found.append((OAUTH2, oauth2, oauth2.port, [f"Cookie: {oauth2.cookie}"]))
    return found


def _round_trips(stage: Stage, process: Process, peers: list[socket.socket]) -> Sample:
    cpu = meter.cpu_seconds([process.pid])
    run = websocket.round_trips(peers, stage.settings.seconds)
    spent = meter.cpu_seconds([process.pid]) - cpu
    return {"rate": run.rate, "cpu": spent / run.requests * 1e6, "p50": run.p50, "p99": run.p99, "rss": meter.rss([process.pid])}
