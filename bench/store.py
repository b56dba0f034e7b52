"""What the store says of itself."""

from __future__ import annotations

import re
import socket

from tests.servers import Redis


def commands_of(redis: Redis) -> int:
    """How many commands it has carried out, this question included."""
    with socket.create_connection(("127.0.0.1", redis.port), 5) as client:
        client.sendall(b"INFO stats\r\n")
        said = b""
        while (found := re.search(rb"total_commands_processed:(\d+)\r\n", said)) is None:
            piece = client.recv(65536)
            if not piece:
                raise RuntimeError("Redis closed the connection")
            said += piece
    return int(found[1])
