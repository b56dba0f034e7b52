"""What one program of the gateway hands to the next it starts: open files, named in the environment. Nothing here needs asyncio.

    GATEWAY_LISTEN_FDS   listening sockets of the program that is replaced, "3,4,5"
    GATEWAY_READY_FD     where the new one writes a byte once it serves; closed without one: it could not start
    LISTEN_FDS, LISTEN_PID   sockets that systemd made (sd_listen_fds(3)); they begin at 3

An upgrade is a start of whatever is installed now, with the sockets of the program that runs: clients find somebody listening at every moment.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from gateway.server.sockets import Inherited, sockets_of

LISTENING: Final = "GATEWAY_LISTEN_FDS"
READY: Final = "GATEWAY_READY_FD"
#: How long a new program may take until it serves (seconds).
PATIENCE: Final = 60.0
#: Meant for one process and not for those that it starts.
_PRIVATE: Final = (LISTENING, READY, "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_PID")
_FIRST: Final = 3


def inherited_from(environ: Mapping[str, str]) -> Inherited:
    """The sockets that this process was started with."""
    handed_on = [int(number) for number in environ.get(LISTENING, "").split(",") if number.isdecimal()]
    count = environ.get("LISTEN_FDS", "")
    meant = environ.get("LISTEN_PID") == str(os.getpid()) and count.isdecimal()
    return Inherited(sockets_of(handed_on), sockets_of(range(_FIRST, _FIRST + int(count))) if meant else [])


def without_handover(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for a program that inherits nothing of this."""
    return {name: value for name, value in environ.items() if name not in _PRIVATE}


def say_ready(environ: Mapping[str, str]) -> None:
    """Tell the program that is replaced, if there is one, that it may end."""
    number = environ.get(READY, "")
    if not number.isdecimal():
        return
    try:
        os.write(int(number), b"!")
        os.close(int(number))
    except OSError:
        pass  # it has ended by itself


class Successor:
    """A new start of this program, which takes the sockets over. `ready` is readable once it serves or has failed."""

    def __init__(self, argv: Sequence[str], environ: Mapping[str, str], sockets: Iterable[socket.socket]) -> None:
        """Start it. Raises OSError."""
        self.ready, answer = socket.socketpair()
        numbers = [one.fileno() for one in sockets]
        with answer:
            named = {LISTENING: ",".join(map(str, numbers)), READY: str(answer.fileno())}
            try:
                self._program = subprocess.Popen(list(argv), env={**without_handover(environ), **named}, pass_fds=[*numbers, answer.fileno()])  # noqa: S603 - ourselves
            except OSError:
                self.ready.close()
                raise
        self.ready.setblocking(False)

    @property
    def pid(self) -> int:
        """Its process."""
        return self._program.pid

    def serves(self) -> bool:
        """What it said; ends it when it said nothing. Asked once, after `ready` became readable or patience ended."""
        try:
            said = self.ready.recv(1) == b"!"
        except OSError:
            said = False
        self.ready.close()
        if not said:
            self._program.kill()
            self._program.wait()
        return said
