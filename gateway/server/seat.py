"""What the supervisor gives each worker: a number, a line to talk on, and the listening sockets of all. Nothing here needs asyncio.

A worker inherits every socket and accepts from those that it is told to: its own, and another's while that one is away, so that no connection waits
for a process that is gone. Both sides of the line say JSON, one object a line; the words are in docs of `gateway.server.supervisor`.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.server.sockets import sockets_of

#: Where a worker finds its seat.
SEAT: Final = "GATEWAY_WORKER"


@dataclass(frozen=True, slots=True)
class Seat:
    """`number` counts from 0; `own[n]` are the sockets of worker n, `shared` everybody's."""

    number: int
    line: socket.socket
    own: tuple[tuple[socket.socket, ...], ...]
    shared: tuple[socket.socket, ...]


def seat_of(environ: Mapping[str, str]) -> Seat | None:
    """This process's seat, if it is a worker. Raises OSError."""
    text = environ.get(SEAT)
    if text is None:
        return None
    given = json.loads(text)
    (line,) = sockets_of([given["line"]])
    return Seat(given["number"], line, tuple(tuple(sockets_of(several)) for several in given["own"]), tuple(sockets_of(given["shared"])))


def written_seat(number: int, line: socket.socket, own: Sequence[Iterable[socket.socket]], shared: Iterable[socket.socket]) -> str:
    """A seat for the environment; the files in it must be inherited."""
    return json.dumps(
        {
            "number": number,
            "line": line.fileno(),
            "own": [[one.fileno() for one in several] for several in own],
            "shared": [one.fileno() for one in shared],
        }
    )
