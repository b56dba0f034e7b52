"""An upgrade of the program: the next one takes the sockets over, and clients that connect all the while never notice."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.certificates import Authority
from tests.functional.server.crews import Crowd, alive, children, end, visit, whole
from tests.gateways import Gateway
from tests.servers import free_port, listens, wait_until
from tests.upstreams import EchoUpstream, Upstream


def sections(upstream: Upstream, redis_url: str, workers: int, **server: Any) -> dict[str, Any]:
    return {
        "server": {"workers": workers, **server},
        "session": {"store": redis_url},
        "routes": [{"name": "app", "host": "*", "path": "/", "upstream": upstream.url, "access": "public"}],
    }


@contextmanager
def gateway_that_may_be_replaced(gateway: Gateway) -> Iterator[Gateway]:
    """Whoever is the gateway at the end of the test belongs to the process group of the first."""
    gateway.start()
    group = gateway.pid
    try:
        yield gateway
    finally:
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            pass  # all of them have ended
        gateway.close()


def upgrade(pid: int, systemd: socket.socket) -> int:
    """Replace the program; the process id of the next one, as systemd hears it."""
    os.kill(pid, signal.SIGUSR2)
    while not (heard := systemd.recv(100)).startswith(b"MAINPID="):
        pass
    said, ready = heard.split(b"\n")
    assert ready == b"READY=1"
    return int(said.partition(b"=")[2])


def test_no_connection_is_refused_or_lost(echo_upstream: EchoUpstream, redis_url: str, tmp_path: Path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(30)
        environ = {"NOTIFY_SOCKET": systemd.getsockname()}
        gateway = Gateway(sections(echo_upstream, redis_url, 1), environ=environ)
        with gateway_that_may_be_replaced(gateway), Crowd(gateway.port) as crowd:
            crowd.more()
            first = gateway.pid

            # A program that cannot start replaces nothing.
            gateway.configure({"server": {"prefix": "wrong"}})
            os.kill(first, signal.SIGUSR2)
            wait_until(lambda: "the upgrade failed" in gateway.log(), "the failure")
            crowd.more()
            assert alive(first)

            # From one process to a supervisor with two workers: what only a restart changes is changed.
            gateway.configure({"server": {"prefix": "/_auth", "workers": 2}})
            second = upgrade(first, systemd)
            assert gateway.wait() == 0
            assert len(children(second)) == 2
            assert whole(gateway, 2)
            crowd.more()

            # And back to one process, which empties the queues of both workers.
            gateway.configure({"server": {"workers": 1}})
            third = upgrade(second, systemd)
            wait_until(lambda: not alive(second), "the end of the second program")
            assert children(third) == []
            crowd.more(100)
            assert gateway.admin("/readyz")[0] == 200
            crowd.__exit__()
            end(third)
            assert set(crowd.outcomes) == {"200"}, crowd.outcomes
            assert not listens(gateway.port)


def test_socket_files_and_handshakes_under_way_go_from_program_to_program(
    echo_upstream: EchoUpstream, redis_url: str, authority: Authority, tmp_path: Path
):
    path = tmp_path / "gateway.sock"
    port = free_port()
    issued = authority.issue("localhost")
    server = {
        "listen": [f"unix:{path}", f"127.0.0.1:{port}"],
        "public_url": f"https://localhost:{port}",
        "tls": {"certificate_file": str(issued.certificate), "key_file": str(issued.key)},
    }
    tls = authority.context()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(30)
        gateway = Gateway(sections(echo_upstream, redis_url, 2, **server), environ={"NOTIFY_SOCKET": systemd.getsockname()})
        with gateway_that_may_be_replaced(gateway), Crowd(str(path), tls, 1) as local, Crowd(port, tls, 1) as remote:
            local.more()
            remote.more()
            second = upgrade(gateway.pid, systemd)
            assert gateway.wait() == 0
            local.more()
            remote.more()
            local.__exit__()
            remote.__exit__()
            assert {*local.outcomes, *remote.outcomes} == {"200"}, local.outcomes + remote.outcomes
            end(second)
            assert not path.exists()


class Activated(Gateway):
    """Started as systemd does it for a socket unit: with a socket that listens already."""

    def argv(self) -> Sequence[str]:
        start = (
            "import os, socket, sys; s = socket.create_server(('127.0.0.1', int(sys.argv[1])));"
            "os.dup2(s.fileno(), 3) if s.fileno() != 3 else os.set_inheritable(3, True);"
            "os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid())); os.execv(sys.argv[2], sys.argv[2:])"
        )
        return [sys.executable, "-c", start, str(self.port), *super().argv()]


def test_sockets_of_systemd_are_served(echo_upstream: EchoUpstream, redis_url: str):
    with Activated(sections(echo_upstream, redis_url, 2)) as gateway:
        assert {visit(gateway.port) for _ in range(10)} == {"200"}
