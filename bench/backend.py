"""An upstream for what nginx serves no file of: WebSockets that echo, and a drain for large bodies. Run as `python -m bench.backend PORT`.

It is as cheap as Python can be, since it shares its core with the load: it never looks into a frame. Every message of the benchmark is one frame of
`MESSAGE` bytes; for as many bytes as a client's frame has, one server's frame goes back.
"""

from __future__ import annotations

import base64
import hashlib
import re
import select
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.servers import Process, free_port, listens

MESSAGE = 64
#: RFC 6455 section 5.2: final, binary, masked (here with zeros, which is a mask too) and unmasked.
CLIENT_FRAME = bytes((0x82, 0x80 | MESSAGE)) + bytes(4) + b"x" * MESSAGE
SERVER_FRAME = bytes((0x82, MESSAGE)) + b"x" * MESSAGE
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY = re.compile(rb"^sec-websocket-key:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
_LENGTH = re.compile(rb"^content-length:\s*(\d+)", re.IGNORECASE | re.MULTILINE)
_PIECE = 1 << 18


class Backend(Process):
    """Serves until it is stopped."""

    name = "backend"

    def __init__(self) -> None:
        super().__init__()
        self.port = free_port()

    def argv(self) -> Sequence[str]:
        return [sys.executable, "-m", "bench.backend", str(self.port)]

    def environ(self) -> Mapping[str, str]:
        return {**super().environ(), "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}

    def ready(self) -> bool:
        return listens(self.port)


class _Client:
    """A connection: a head, then a body that is drained (`left` bytes to come) or frames that are echoed (`left` is None)."""

    __slots__ = ("head", "left", "odd", "peer")

    def __init__(self, peer: socket.socket) -> None:
        self.peer = peer
        self.head = b""
        self.left: int | None = 0
        self.odd = 0

    def take(self, data: bytes | memoryview) -> None:
        """Bytes came."""
        if self.left is None:
            whole, self.odd = divmod(self.odd + len(data), len(CLIENT_FRAME))
            if whole:
                self.peer.sendall(SERVER_FRAME * whole)
        elif self.left:
            self._drain(len(data))
        else:
            self.head += bytes(data)
            head, end, rest = self.head.partition(b"\r\n\r\n")
            if end:
                self.head = b""
                self._begin(head, len(rest))

    def _begin(self, head: bytes, rest: int) -> None:
        key, length = _KEY.search(head), _LENGTH.search(head)
        if key is not None:
            accept = base64.b64encode(hashlib.sha1(key[1] + _GUID, usedforsecurity=False).digest())
            self.peer.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
            )
            self.left = None
        elif length is not None and int(length[1]):
            self.left = int(length[1])
            self._drain(rest)
        else:
            self._answer()

    def _drain(self, size: int) -> None:
        assert self.left is not None
        self.left -= size
        if not self.left:
            self._answer()

    def _answer(self) -> None:
        self.peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


def serve(port: int) -> None:
    """Serve on 127.0.0.1, forever."""
    listener = socket.create_server(("127.0.0.1", port), backlog=1024)
    poll, clients, piece = select.epoll(), dict[int, _Client](), memoryview(bytearray(_PIECE))
    poll.register(listener, select.EPOLLIN)
    while True:
        for ready, _ in poll.poll():
            if ready == listener.fileno():
                peer, _ = listener.accept()
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                clients[peer.fileno()] = _Client(peer)
                poll.register(peer, select.EPOLLIN)
                continue
            client = clients[ready]
            try:
                size = client.peer.recv_into(piece)
                if size:
                    client.take(piece[:size])
                    continue
            except OSError:
                pass  # it has gone
            poll.unregister(ready)
            clients.pop(ready).peer.close()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
