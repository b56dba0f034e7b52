"""The load on tunnels: many WebSockets, each with one message under way. In Python, so the load costs more than the tunnel of the quickest does:
compare processor time, not round trips a second."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Sequence
from statistics import quantiles

from bench.backend import CLIENT_FRAME, SERVER_FRAME
from bench.load import Run, Spoiled

#: Round trips of which percentiles can be taken.
_LEAST = 100
_KEY = "YmVuY2gtYmVuY2gtYmVuY2g="  # 16 bytes; RFC 6455 section 4.1


class _Tunnel:
    """A WebSocket with one message under way: when it was sent, and how many bytes of its echo are here."""

    __slots__ = ("got", "peer", "sent")

    def __init__(self, peer: socket.socket) -> None:
        self.peer = peer
        self.sent = 0.0
        self.got = 0

    def send(self, now: float) -> None:
        """The next message."""
        self.sent, self.got = now, 0
        self.peer.sendall(CLIENT_FRAME)

    def take(self) -> bool:
        """Read what is there; whether the echo is whole. Raises ConnectionError at its end."""
        data = self.peer.recv(len(SERVER_FRAME) - self.got)
        if not data:
            raise ConnectionError("a WebSocket ended during the run")
        self.got += len(data)
        return self.got == len(SERVER_FRAME)

    def finish(self) -> None:
        """Wait for the echo that is under way, so that the next run begins with none."""
        while not self.take():
            pass


def connect(port: int, headers: Sequence[str]) -> socket.socket:
    """An open WebSocket to 127.0.0.1. Raises ConnectionError unless the answer is 101."""
    peer = socket.create_connection(("127.0.0.1", port), 10)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    given = list(headers)
    if not any(header.lower().startswith("host:") for header in given):
        given.append(f"Host: 127.0.0.1:{port}")
    asked = ["GET /socket HTTP/1.1", *given, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {_KEY}"]
    peer.sendall(("\r\n".join(asked) + "\r\n\r\n").encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = peer.recv(1)
        if not byte:
            break
        head += byte
    if not head.startswith(b"HTTP/1.1 101"):
        peer.close()
        raise ConnectionError(f"no WebSocket at port {port}: {head[:200].decode(errors='replace')}")
    return peer


def close(peers: Sequence[socket.socket]) -> None:
    """End them without ceremony."""
    for peer in peers:
        peer.close()


def round_trips(peers: Sequence[socket.socket], seconds: float) -> Run:
    """Send a message on each, and the next one when its echo is there. Raises load.Spoiled when hardly any comes back, ConnectionError when one
    ends."""
    poll, tunnels, taken = select.epoll(), dict[int, _Tunnel](), list[float]()
    for peer in peers:
        poll.register(peer, select.EPOLLIN)
        tunnels[peer.fileno()] = _Tunnel(peer)
    start = now = time.perf_counter()
    for tunnel in tunnels.values():
        tunnel.send(time.perf_counter())
    while (now := time.perf_counter()) < start + seconds:
        for ready, _ in poll.poll(1):
            tunnel = tunnels[ready]
            if tunnel.take():
                now = time.perf_counter()
                taken.append(now - tunnel.sent)
                tunnel.send(now)
    poll.close()
    for tunnel in tunnels.values():
        tunnel.finish()
    if len(taken) < _LEAST:
        raise Spoiled(f"{len(taken)} messages came back")
    points = quantiles(taken, n=100)
    return Run(len(taken), len(taken) / (now - start), points[49] * 1000, points[98] * 1000)
