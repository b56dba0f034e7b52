"""Serving clients of listening sockets (sockets.py), with or without TLS."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from ssl import SSLContext
from typing import Any, Final

from gateway.server.sockets import BACKLOG

#: Newer loops remove the file of a unix socket with the first process that closes it; whoever made the file removes it here.
_KEEP_FILE: Final[dict[str, Any]] = {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}


class Listener:
    """Accepts from one socket. The socket stays open when this is closed: who waits in its queue is another's to serve, or lost with its owner."""

    __slots__ = ("_server",)

    def __init__(self, server: asyncio.AbstractServer) -> None:
        self._server = server

    def close(self) -> None:
        """Accept no more; connections stay."""
        self._server.close()


async def listen(
    loop: asyncio.AbstractEventLoop, factory: Callable[[], asyncio.Protocol], bound: socket.socket, tls: SSLContext | None, handshake: float
) -> Listener:
    """Accept from `bound`; a TLS handshake may take `handshake` seconds."""
    timeout = handshake if tls is not None else None
    own = bound.dup()  # the loop closes what it is given
    if bound.family == socket.AF_UNIX:
        return Listener(await loop.create_unix_server(factory, sock=own, ssl=tls, backlog=BACKLOG, ssl_handshake_timeout=timeout, **_KEEP_FILE))
    return Listener(await loop.create_server(factory, sock=own, ssl=tls, backlog=BACKLOG, ssl_handshake_timeout=timeout))
