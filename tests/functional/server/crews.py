"""What tests of workers share: who belongs to a gateway, and clients that connect anew for every request."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import threading
from collections import Counter
from pathlib import Path
from typing import Self

from tests.gateways import Gateway
from tests.servers import wait_until

#: Between two visits of one client (seconds): without it, clients would take the processor from the programs that start.
_PAUSE = 0.004


def children(pid: int) -> list[int]:
    """The processes that it started and that still run."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(word) for word in task.read_text().split()]
    return [child for child in found if alive(child)]


def alive(pid: int) -> bool:
    """Whether the process runs; one that waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def metric(gateway: Gateway, series: str) -> float | None:
    """A value of /metrics; None where it is not told."""
    found = re.search(rf"^{re.escape(series)} (\S+)$", gateway.admin("/metrics")[1], re.MULTILINE)
    return None if found is None else float(found[1])


def whole(gateway: Gateway, workers: int) -> bool:
    """Whether all workers answer."""
    return metric(gateway, "gateway_workers") == workers and metric(gateway, "gateway_workers_missing") == 0


class Crowd:
    """Clients that connect, ask once and leave, one after the other, for as long as the context lasts."""

    def __init__(self, where: int | str, tls: ssl.SSLContext | None = None, clients: int = 2) -> None:
        self.outcomes: Counter[str] = Counter()
        """What became of connections: `200` or the name of what went wrong."""
        self._where = where
        self._tls = tls
        self._leave = threading.Event()
        self._clients = [threading.Thread(target=self._visit) for _ in range(clients)]

    def __enter__(self) -> Self:
        for client in self._clients:
            client.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._leave.set()
        for client in self._clients:
            client.join()

    @property
    def served(self) -> int:
        """How many were answered."""
        return self.outcomes["200"]

    def more(self, requests: int = 20) -> None:
        """Wait until so many more were answered."""
        enough = self.served + requests
        wait_until(lambda: self.served >= enough, "more answers")

    def _visit(self) -> None:
        while not self._leave.wait(_PAUSE):
            self.outcomes[visit(self._where, self._tls)] += 1


def visit(where: int | str, tls: ssl.SSLContext | None = None) -> str:
    """Connect to a port or a socket file and ask once: the status, or what went wrong."""
    with socket.socket(socket.AF_INET if isinstance(where, int) else socket.AF_UNIX) as client:
        client.settimeout(15)
        try:
            client.connect(("127.0.0.1", where) if isinstance(where, int) else where)
        except OSError as error:
            return f"connecting: {type(error).__name__}"
        try:
            if tls is None:
                return _ask(client)
            with tls.wrap_socket(client, server_hostname="localhost") as secured:
                return _ask(secured)
        except OSError as error:
            return f"{type(error).__name__}: {error}"


def _ask(client: socket.socket) -> str:
    client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    said = b""
    while data := client.recv(65536):
        said += data
    return said.split(b" ", 2)[1].decode() if said else "nothing"


def end(pid: int) -> None:
    """End a program that is no child of ours any more, as an upgraded gateway is."""
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not alive(pid), "its end")
