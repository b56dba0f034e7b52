"""Listening sockets: bound, or taken over from the program that ran before. Nothing here needs asyncio: the supervisor holds them too.

A place has one socket for each worker, all on one port (SO_REUSEPORT): the kernel spreads connections over them, and no worker waits for another's.
Connections that wait in the queue of a socket are lost when its last owner closes it; so whoever opened it keeps it, and hands it on.
What is shared by all workers instead: a unix socket (SO_REUSEPORT does nothing there), and a socket that systemd made.

A unix socket may be used by its owner and group only, since whoever reaches it may be a trusted peer. A socket file that nobody listens on is
removed; one that somebody listens on, or a file of another kind, never is. An IPv6 listener takes IPv6 only, so `[::]:443` and `0.0.0.0:443` stand
side by side.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

#: Connections that may wait to be accepted; the kernel caps it at net.core.somaxconn.
BACKLOG: Final = 4096
_SOCKET_MODE: Final = 0o660


class CannotListen(Exception):
    """An address cannot be listened on. The text names it and the reason."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where clients connect: a host and port (0: any), or the path of a unix socket."""

    host: str
    port: int
    unix: str | None = None

    def __str__(self) -> str:
        """As it stands in the configuration."""
        if self.unix is not None:
            return f"unix:{self.unix}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Opened:
    """The sockets of one place: `own[n]` are worker n's, `shared` everybody's. `inode` is that of a socket file which is ours to remove."""

    place: Place
    own: tuple[tuple[socket.socket, ...], ...]
    shared: tuple[socket.socket, ...] = ()
    inode: int | None = None

    @property
    def all(self) -> tuple[socket.socket, ...]:
        """Each once."""
        return (*(one for several in self.own for one in several), *self.shared)

    def close(self) -> None:
        """Give them back, without a word to whoever waits in them."""
        for one in self.all:
            one.close()

    def remove_file(self) -> None:
        """Take the socket file away, unless somebody else has put theirs in its place."""
        if self.place.unix is None or self.inode is None:
            return
        try:
            if os.stat(self.place.unix).st_ino == self.inode:
                os.unlink(self.place.unix)
        except OSError:
            pass  # it is gone already


@dataclass(slots=True)
class Inherited:
    """Listening sockets that this process was started with; each is taken once. `activated` were made by systemd, which keeps their files."""

    handed_on: list[socket.socket] = field(default_factory=list)
    activated: list[socket.socket] = field(default_factory=list)

    def take(self, family: int, address: Any) -> tuple[list[socket.socket], bool]:
        """Those bound there, and whether they are systemd's."""
        for sockets in (self.activated, self.handed_on):
            found = [one for one in sockets if one.family == family and one.getsockname()[: len(address)] == address]
            if found:
                sockets[:] = [one for one in sockets if one not in found]
                return found, sockets is self.activated
        return [], False

    def close(self) -> list[str]:
        """Close what nobody took, since the configuration has another place now; says where they were."""
        rest = [*self.handed_on, *self.activated]
        names = [str(one.getsockname()) for one in rest]
        for one in rest:
            one.close()
        self.handed_on.clear()
        self.activated.clear()
        return names


def sockets_of(numbers: Iterable[int]) -> list[socket.socket]:
    """Sockets that came as open files; programs started from here do not get them unless they are named. Raises OSError."""
    found = [socket.socket(fileno=number) for number in numbers]
    for one in found:
        one.set_inheritable(False)
    return found


def open_place(place: Place, workers: int, inherited: Inherited) -> Opened:
    """Listen at `place` with a socket for each worker. Raises CannotListen."""
    try:
        if place.unix is not None:
            return _open_unix(place, place.unix, workers, inherited)
        return _open_port(place, workers, inherited)
    except OSError as error:
        raise CannotListen(f"cannot listen on {place}: {_reason(error)}") from error


def _open_port(place: Place, workers: int, inherited: Inherited) -> Opened:
    own: list[list[socket.socket]] = [[] for _ in range(workers)]
    shared: list[socket.socket] = []
    port = place.port
    for family, _, _, _, address in socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE):
        found, activated = inherited.take(family, address[:2])
        if activated:
            shared += found
            continue
        while len(found) < workers:
            found.append(_bind(family, found[0].getsockname() if found else address, first=not found))
        # More than there are workers now: the first ones serve them too, for nobody else would ever empty their queues.
        for number, one in enumerate(found):
            one.listen(BACKLOG)
            own[number % workers].append(one)
    every = [*own[0], *shared]
    if not port:
        port = every[0].getsockname()[1]
    return Opened(Place(place.host, port), tuple(tuple(several) for several in own), tuple(shared))


def _bind(family: int, address: Any, *, first: bool) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        # The first is bound without it, and so refused where anybody else listens, with or without it: two gateways never share a port by mistake.
        if not first:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind(address)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    except OSError:
        bound.close()
        raise
    return bound


def _open_unix(place: Place, path: str, workers: int, inherited: Inherited) -> Opened:
    found, activated = inherited.take(socket.AF_UNIX, path)
    if not found:
        found = [_bind_unix(path)]
        found[0].listen(BACKLOG)
    return Opened(place, ((),) * workers, tuple(found), None if activated else os.stat(path).st_ino)


def _bind_unix(path: str) -> socket.socket:
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        mode = 0
    if mode and not stat.S_ISSOCK(mode):
        raise CannotListen(f"cannot listen on unix:{path}: a file of another kind is there")
    if mode:
        _remove_stale(path)
    bound = socket.socket(socket.AF_UNIX)
    try:
        bound.bind(path)
        os.chmod(path, _SOCKET_MODE)
    except OSError:
        bound.close()
        raise
    return bound


def _remove_stale(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
    raise CannotListen(f"cannot listen on unix:{path}: something else listens there")


def _reason(error: OSError) -> str:
    """What went wrong in a few words."""
    words = {98: "something else listens there", 13: "that takes more rights", 99: "this machine has no such address"}
    return words.get(error.errno or 0) or error.strerror or type(error).__name__
