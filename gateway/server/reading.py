"""Reading the configuration in a process of its own, which ends when it has told what it read.

What reads and checks a configuration is 20 MiB of code (the model above all). A process that serves would carry it along for good, and use it again
at a reload at most. So a child reads, and tells what it read, or everything that is wrong with it, as a pickle over a pipe that nobody else has.

At the start the child is a fork: this process has imported next to nothing and has one thread by then, and a second start of Python would cost a
tenth of a second. For a reload, when threads are running, it is a new process, of what is installed by then. Where that is not the program which runs
(an upgrade was installed and has not been started), nothing that it tells is taken: its values may have another shape.
"""

from __future__ import annotations

import os
import pickle  # noqa: TID251 - between this program and its own child, over a pipe that nobody else has
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final, NoReturn

import gateway
from gateway.config.errors import ConfigErrors
from gateway.server.files import fingerprint
from gateway.server.interpreter import python
from gateway.snapshot import Fresh

#: How long a reload may take to read (seconds): a file system that hangs must not keep it from being told.
LONGEST: Final = 60.0
#: Standard error; files up to it are everybody's.
_STDERR: Final = 2


class CannotRead(Exception):
    """The process that should have read the configuration failed; it has said why on standard error."""


def program() -> str:
    """A fingerprint of the program's files, as they are installed now."""
    return fingerprint(Path(gateway.__file__).parent.rglob("*.py"))


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


async def read_again(config: Path, environ: Mapping[str, str], running: str) -> Fresh:
    """The configuration, read by a new process, which ends at the latest when nobody waits for it any more. `running` is what `program` said when
    this one started. Raises ConfigErrors or CannotRead."""
    import asyncio  # what a process that becomes a supervisor is spared

    command = [*python(), "-m", __name__, str(config)]
    try:
        reader = await asyncio.create_subprocess_exec(*command, env=dict(environ), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        try:
            async with asyncio.timeout(LONGEST):
                told, _ = await reader.communicate()
        finally:
            if reader.returncode is None:
                reader.kill()
                await reader.wait()
    except TimeoutError:
        raise CannotRead(f"the configuration could not be read within {LONGEST:.0f} s") from None
    except OSError as error:
        raise CannotRead(f"the configuration could not be read: {error.strerror or type(error).__name__}") from None
    status = await reader.wait()
    installed, _, answer = told.partition(b"\n")
    if status == 0 and installed != running.encode("ascii"):
        raise CannotRead("another version of the gateway is installed than the one that runs; SIGUSR2 or a restart starts it")
    return await asyncio.to_thread(_understood, answer, status)


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
        _let_go_of_sockets()
        with open(outward, "wb") as out:
            _tell(config, environ, out)
        status = 0
    except (KeyboardInterrupt, BrokenPipeError):
        pass  # the parent heard it too; or is gone
    except BaseException:  # noqa: BLE001 - nothing may get past this frame, which is the parent's
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)


def _let_go_of_sockets() -> None:
    """Those that this program was started with are its parent's alone: a reader that hangs may outlive it, and must not keep a port or the line to
    whoever waits for the program to serve. Other files may be what is to be read (/dev/fd/3)."""
    try:
        numbers = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        return  # no /proc in here
    for number in numbers:
        try:
            if number > _STDERR and stat.S_ISSOCK(os.fstat(number).st_mode):
                os.close(number)
        except OSError:
            pass  # what listed them


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
        out.write(program().encode("ascii") + b"\n")
        _tell(Path(sys.argv[1]), os.environ, out)  # noqa: TID251 - handed on to config/, which reads it


if __name__ == "__main__":
    _main()
