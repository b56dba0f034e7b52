"""Reading the configuration in a process of its own, which ends when it has told what it read.

What reads and checks a configuration is 20 MiB of code (the model above all). A process that serves would carry it along for good, and use it again
at a reload at most. So a child reads, and tells what it read, or everything that is wrong with it, as a pickle over a pipe that nobody else has.

At the start the child is a fork: this process has imported next to nothing and has one thread by then, and a second start of Python would cost a
tenth of a second. For a reload, when threads are running, it is a new process.
"""

from __future__ import annotations

import os
import pickle  # noqa: TID251 - between this program and its own child, over a pipe that nobody else has
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final, NoReturn

from gateway.config.errors import ConfigErrors
from gateway.server.interpreter import python
from gateway.snapshot import Fresh

#: How long a reload may take to read (seconds): a file system that hangs must not keep it from being told.
_LONGEST: Final = 60.0


class CannotRead(Exception):
    """The process that should have read the configuration failed; it has said why on standard error."""


def read_first(config: Path, environ: Mapping[str, str]) -> Fresh:
    """The configuration, read by a fork. For a process without threads. Raises ConfigErrors or CannotRead."""
    inward, outward = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(inward)
        _tell_and_end(config, environ, outward)
    os.close(outward)
    try:
        with open(inward, "rb") as told:
            answer = told.read()
    finally:
        _, status = os.waitpid(child, 0)
    return _understood(answer, os.waitstatus_to_exitcode(status))


def read_again(config: Path, environ: Mapping[str, str]) -> Fresh:
    """The configuration, read by a new process; blocks until it has. Raises ConfigErrors or CannotRead."""
    command = [*python(), "-m", __name__, str(config)]
    try:
        done = subprocess.run(command, env=dict(environ), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=_LONGEST, check=False)  # noqa: S603 - ourselves
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotRead(f"the configuration could not be read: {type(error).__name__}") from None
    return _understood(done.stdout, done.returncode)


def _understood(answer: bytes, status: int) -> Fresh:
    if status:
        raise CannotRead(f"the configuration could not be read: the process that reads it ended with status {status}")
    told = pickle.loads(answer)  # noqa: S301 - what our own child wrote into our own pipe
    if isinstance(told, Fresh):
        return told
    raise ConfigErrors(told)


def _tell_and_end(config: Path, environ: Mapping[str, str], outward: int) -> NoReturn:
    """What the fork does instead of everything that its parent goes on with."""
    status = 1
    try:
        with open(outward, "wb") as out:
            _tell(config, environ, out)
        status = 0
    except KeyboardInterrupt:
        pass  # the parent heard it too
    except BaseException:  # noqa: BLE001 - nothing may get past this frame, which is the parent's
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)


def _tell(config: Path, environ: Mapping[str, str], out: BinaryIO) -> None:
    from gateway.config.fresh import read_fresh  # what this module spares its own process

    try:
        pickle.dump(read_fresh(config, environ), out)
    except ConfigErrors as errors:
        pickle.dump(tuple(errors.problems), out)


def _main() -> None:
    """The new process: tells on what was its standard output; what anybody prints meanwhile goes to standard error."""
    outward = os.dup(1)
    os.dup2(2, 1)
    with open(outward, "wb") as out:
        _tell(Path(sys.argv[1]), os.environ, out)  # noqa: TID251 - handed on to config/, which reads it


if __name__ == "__main__":
    _main()
