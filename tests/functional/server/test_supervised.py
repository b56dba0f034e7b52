"""The gateway under a supervisor such as systemd, which waits to hear that it is ready."""

from __future__ import annotations

import socket


def test_the_supervisor_hears_of_start_life_and_end(start_gateway, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(str(tmp_path / "notify"))
        supervisor.settimeout(20)
        gateway = start_gateway(environ={"NOTIFY_SOCKET": supervisor.getsockname(), "WATCHDOG_USEC": "60000000"})
        assert {supervisor.recv(100) for _ in range(2)} == {b"READY=1", b"WATCHDOG=1"}
        gateway.stop()
        assert supervisor.recv(100) == b"STOPPING=1"
