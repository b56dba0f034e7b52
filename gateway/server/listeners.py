"""Where clients connect: `host:port`, `[v6]:port` or `unix:/path`, with or without TLS.

A unix socket may be used by its owner and group only, since whoever reaches it may be a trusted peer. A socket file that nobody listens on is
removed; one that somebody listens on, or a file of another kind, never is. An IPv6 listener takes IPv6 only, so `[::]:443` and `0.0.0.0:443` stand
side by side.
"""

from __future__ import annotations

import asyncio
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from ssl import SSLContext
from typing import Final

from gateway.config.addresses import ListenAddress

#: Connections that may wait to be accepted; the kernel caps it at net.core.somaxconn.
BACKLOG: Final = 4096
_SOCKET_MODE: Final = 0o660


class CannotListen(Exception):
    """An address cannot be listened on. The text names it and the reason."""


class Listener:
    """An open listener. `address` has the port that was chosen where 0 was asked for."""

    __slots__ = ("_inode", "_server", "address")

    def __init__(self, address: ListenAddress, server: asyncio.AbstractServer, inode: int | None) -> None:
        self.address = address
        self._server = server
        self._inode = inode

    def close(self) -> None:
        """Accept no more; connections stay. The socket file goes, unless somebody else has put theirs in its place."""
        self._server.close()
        if self.address.unix is None:
            return
        path = Path(self.address.unix)
        try:
            if path.stat().st_ino == self._inode:
                path.unlink()
        except OSError:
            pass  # it is gone already


def written(address: ListenAddress) -> str:
    """As it stands in the configuration."""
    if address.unix is not None:
        return f"unix:{address.unix}"
    return f"[{address.host}]:{address.port}" if ":" in address.host else f"{address.host}:{address.port}"


async def open_listener(
    loop: asyncio.AbstractEventLoop, factory: Callable[[], asyncio.Protocol], address: ListenAddress, tls: SSLContext | None, handshake: float
) -> Listener:
    """Listen on `address`; a TLS handshake may take `handshake` seconds. Raises CannotListen."""
    timeout = handshake if tls is not None else None
    try:
        if address.unix is not None:
            bound, inode = _bind_unix(Path(address.unix))
            server = await loop.create_unix_server(factory, sock=bound, ssl=tls, backlog=BACKLOG, ssl_handshake_timeout=timeout)
            return Listener(address, server, inode)
        server = await loop.create_server(factory, address.host, address.port, ssl=tls, backlog=BACKLOG, ssl_handshake_timeout=timeout)
    except OSError as error:
        raise CannotListen(f"cannot listen on {written(address)}: {_reason(error)}") from error
    return Listener(ListenAddress(address.host, server.sockets[0].getsockname()[1]), server, None)


def _reason(error: OSError) -> str:
    """What went wrong in a few words; asyncio wraps the system's own."""
    words = {98: "something else listens there", 13: "that takes more rights", 99: "this machine has no such address"}
    return words.get(error.errno or 0) or error.strerror or type(error).__name__


def _bind_unix(path: Path) -> tuple[socket.socket, int]:
    """The bound socket and its file's inode."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        mode = 0
    if mode and not stat.S_ISSOCK(mode):
        raise CannotListen(f"cannot listen on unix:{path}: a file of another kind is there")
    if mode:
        _remove_stale(path)
    bound = socket.socket(socket.AF_UNIX)
    try:
        bound.bind(str(path))
        path.chmod(_SOCKET_MODE)
    except OSError:
        bound.close()
        raise
    return bound, path.stat().st_ino


def _remove_stale(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise CannotListen(f"cannot listen on unix:{path}: something else listens there")
