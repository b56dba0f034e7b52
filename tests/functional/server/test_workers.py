"""Several workers behind one supervisor: they serve as one, and whatever happens to one of them, somebody accepts connections."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.functional.server.crews import Crowd, alive, children, metric, visit, whole
from tests.gateways import Gateway
from tests.servers import free_port, listens, wait_until
from tests.upstreams import EchoUpstream, Upstream

SERVED = 'gateway_requests_total{route="app",status="2xx"}'
Start = Callable[..., Gateway]


def sections(upstream: Upstream, redis_url: str, workers: int = 2, **server: Any) -> dict[str, Any]:
    return {
        "server": {"workers": workers, **server},
        "session": {"store": redis_url},
        "routes": [{"name": "app", "host": "*", "path": "/", "upstream": upstream.url, "access": "public"}],
    }


class SilentUpstream(Upstream):
    """Takes requests and never answers."""

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.request(reader)
        await asyncio.Event().wait()


def test_they_serve_as_one(start_gateway: Start, echo_upstream: EchoUpstream, redis_url: str):
    gateway = start_gateway(sections(echo_upstream, redis_url))
    wait_until(lambda: whole(gateway, 2), "two workers")
    assert len(children(gateway.pid)) == 2
    assert gateway.admin("/healthz") == (200, '{"status": "alive"}')
    assert json.loads(gateway.admin("/readyz?strict")[1]) == {"status": "ready", "store": "up", "database": "up", "workers": "2/2"}
    assert gateway.admin("/")[0] == 404
    with socket.create_connection(("127.0.0.1", gateway.admin_port), timeout=5) as client:
        client.sendall(b"POST /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 405 ")
    with Crowd(gateway.port) as crowd:
        crowd.more(40)
    assert set(crowd.outcomes) == {"200"}
    assert metric(gateway, SERVED) == crowd.served
    assert metric(gateway, 'gateway_build_info{version="0.1.0"}') == 1
    for worker in ("0", "1"):
        assert metric(gateway, f'process_cpu_seconds_total{{worker="{worker}"}}')

    # A new configuration is taken by all, and told once.
    gateway.configure({"routes": [{"name": "app", "host": "*", "path": "/new", "upstream": echo_upstream.url, "access": "public"}]})
    gateway.reload()
    wait_until(lambda: metric(gateway, 'gateway_config_reloads_total{outcome="loaded"}') == 1, "the reload")
    assert {visit(gateway.port) for _ in range(20)} == {"303"}
    assert gateway.log().count("the new configuration is in use") == 1

    # A wrong one by none.
    gateway.configure({"routes": [{"name": "app", "host": "*", "pth": "/"}]})
    wait_until(lambda: metric(gateway, 'gateway_config_reloads_total{outcome="refused"}') == 1, "the refusal")
    assert {visit(gateway.port) for _ in range(20)} == {"303"}
    assert metric(gateway, 'gateway_config_reloads_total{outcome="loaded"}') == 1
    assert gateway.log().count("the new configuration is refused") == 1
    workers = children(gateway.pid)
    gateway.stop()
    assert not listens(gateway.port)
    assert not any(map(alive, workers))


def test_one_that_dies_is_missed_by_nobody_who_connects(start_gateway: Start, echo_upstream: EchoUpstream, redis_url: str):
    gateway = start_gateway(sections(echo_upstream, redis_url))
    with Crowd(gateway.port) as crowd:
        crowd.more(200)
        first, second = children(gateway.pid)
        # While the files hold a mistake it cannot be started again: then the other one serves everybody.
        gateway.configure({"server": {"prefix": "wrong"}})
        wait_until(lambda: metric(gateway, 'gateway_config_reloads_total{outcome="refused"}') == 1, "the refusal")
        counted = metric(gateway, SERVED)
        os.kill(first, signal.SIGKILL)
        uncounted = crowd.served + 2 - (counted or 0)  # two clients may hold an answer that they have not noted yet
        wait_until(lambda: (metric(gateway, "gateway_workers_died_total") or 0) >= 2, "its death, and that of its successor")
        crowd.more(100)
        gateway.configure({"server": {"prefix": "/_auth"}})
        wait_until(lambda: whole(gateway, 2), "its replacement")
        lost = {what: count for what, count in crowd.outcomes.items() if what != "200"}
        assert sum(lost.values()) <= 2, f"only what was under way on it may be lost: {lost}"
        assert not [what for what in lost if what.startswith("connecting")]

        # One that is asked to go is replaced first, and nobody notices.
        died = metric(gateway, "gateway_workers_died_total")
        before = children(gateway.pid)
        os.kill(second, signal.SIGTERM)
        wait_until(lambda: not alive(second), "its end")
        crowd.more()
        said = gateway.log()
        (newest,) = set(children(gateway.pid)) - set(before)
        assert said.index(f"(process {newest}) serves") < said.rindex('"ending: '), "the new one serves before the old one ends"
    assert {what: count for what, count in crowd.outcomes.items() if what != "200"} == lost
    assert metric(gateway, "gateway_workers_died_total") == died
    now = metric(gateway, SERVED)
    assert now is not None
    assert now >= crowd.served - uncounted, "what workers counted that are gone is told"

    # Without their supervisor they end too.
    workers = children(gateway.pid)
    gateway.signal(signal.SIGKILL)
    assert gateway.wait() == -signal.SIGKILL
    wait_until(lambda: not any(map(alive, workers)), "their end")


def test_one_that_hangs_holds_no_answer_up_and_is_ended_where_a_watchdog_is(
    start_gateway: Start, echo_upstream: EchoUpstream, redis_url: str, tmp_path: Path
):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        gateway = start_gateway(sections(echo_upstream, redis_url), environ={"NOTIFY_SOCKET": systemd.getsockname(), "WATCHDOG_USEC": str(4_000_000)})
        first = children(gateway.pid)[0]
        os.kill(first, signal.SIGSTOP)
        assert metric(gateway, "gateway_workers_missing") == 1
        assert metric(gateway, "gateway_workers") == 1
        assert gateway.admin("/healthz")[0] == 200
        assert gateway.admin("/readyz")[0] == 200
        code, said = gateway.admin("/readyz?strict")
        assert (code, json.loads(said)["workers"]) == (503, "1/2")
        wait_until(lambda: not alive(first), "its end")
        wait_until(lambda: whole(gateway, 2), "its replacement")
        assert f"worker 0 (process {first}) hangs and is killed" in gateway.log()
        gateway.stop()
        systemd.setblocking(False)
        heard: list[bytes] = []
        while not heard or heard[-1] != b"STOPPING=1":
            heard.append(systemd.recv(100))
        assert heard.count(b"READY=1") == 1
        assert b"WATCHDOG=1" in heard


def test_while_they_read_a_configuration_they_serve_and_obey(start_gateway: Start, echo_upstream: EchoUpstream, redis_url: str):
    """A slow reading must not look like a worker that hangs: to a load balancer, to systemd's watchdog, or at the end."""
    gateway = start_gateway(sections(echo_upstream, redis_url))
    wait_until(lambda: whole(gateway, 2), "two workers")
    workers = children(gateway.pid)
    fifo = gateway.folder / "fifo"
    os.mkfifo(fifo)
    fifo.replace(gateway.config_file)
    gateway.reload()
    wait_until(lambda: all(children(worker) for worker in workers), "their readers")
    assert json.loads(gateway.admin("/readyz?strict")[1])["workers"] == "2/2"
    readers = [reader for worker in workers for reader in children(worker)]
    gateway.stop()
    assert "killed" not in gateway.log()
    assert not any(map(alive, readers))


def test_the_end_waits_for_what_has_begun_and_a_second_signal_does_not(start_gateway: Start, redis_url: str):
    with SilentUpstream() as silent:
        gateway = start_gateway(sections(silent, redis_url, shutdown_grace="50s"))
        with socket.create_connection(("127.0.0.1", gateway.port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            wait_until(lambda: silent.heads, "the request")
            gateway.signal(signal.SIGTERM)
            wait_until(lambda: gateway.admin("/readyz")[1].count("draining"), "draining")
            workers = children(gateway.pid)
            assert workers
            gateway.signal(signal.SIGINT)
            assert gateway.wait(10) == 0
        assert not any(map(alive, workers))


@pytest.mark.parametrize("what", ["port", "database"])
def test_what_cannot_start_says_so_once(echo_upstream: EchoUpstream, redis_url: str, what: str):
    given = sections(echo_upstream, redis_url)
    if what == "port":
        given["server"]["listen"] = f"127.0.0.1:{echo_upstream.port}"
    else:
        given["users"] = {"database": f"postgresql://nobody@127.0.0.1:{free_port()}/none"}
    gateway = Gateway(given)
    with pytest.raises(RuntimeError, match="ended with 3"):
        gateway.start()
    assert len(re.findall(r"^Error: .*(?:something else listens there|database cannot be used)", gateway.log(), re.MULTILINE)) == 1
    gateway.close()
