"""`gateway serve`: the server. Exit status: 0 ended by a signal, 2 the configuration is wrong, 3 it could not start.

With several workers this process becomes their supervisor, which starts this command again for each of them. What only a server needs is imported by
those that serve.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Final

import click

from gateway.cli.options import config_option, environment, own_command
from gateway.cli.statuses import AWAY, USAGE, fail
from gateway.config.addresses import parse_listen
from gateway.config.errors import ConfigErrors
from gateway.server.packages import enter
from gateway.server.reading import CannotRead, program, read_again, read_first
from gateway.server.seat import SEAT
from gateway.server.sockets import Place
from gateway.server.supervisor.plan import Plan, become_supervisor
from gateway.snapshot import Fixed, Fresh

#: Of these the server needs a few modules only.
ENTERED: Final = ("aiohttp", "prometheus_client", "redis", "redis.asyncio")


_STDERR: Final = 2


@click.command("serve")
@config_option
def command(config: Path) -> None:
    """Serve until a signal ends it.

    SIGTERM finishes what has begun and ends; SIGHUP, or a change of the file, loads the new configuration; SIGUSR2 starts the program that is
    installed now and hands it the sockets.
    """
    _hold_standard_files()
    try:
        first = read_first(config, environment())
    except ConfigErrors as errors:
        for problem in errors.problems:
            click.echo(str(problem), err=True)
        raise SystemExit(USAGE) from None
    except CannotRead as error:
        fail(AWAY, str(error))
    workers = _workers(first.fixed)
    if workers > 1 and SEAT not in environment():
        become_supervisor(_plan(first.fixed, workers), environment())
    _serve(config, first)


def _hold_standard_files() -> None:
    """Whoever starts the program with standard input or another of the three closed would have a pipe or a socket take that number: uvloop ends the
    process when it closes such a one, and what is started from here would print into it."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        os.set_inheritable(number, True)
    os.close(number)


def _serve(config: Path, first: Fresh) -> None:
    for package in ENTERED:
        enter(package)
    from gateway.server.alone import Alone
    from gateway.server.beat import watched
    from gateway.server.notify import systemd_of
    from gateway.server.run import run
    from gateway.server.seat import seat_of
    from gateway.server.sockets import CannotListen
    from gateway.server.start import CannotStart
    from gateway.server.tls import BadCertificate
    from gateway.server.worker import Worker

    read = partial(read_again, config, environment(), program())
    seat = seat_of(environment())
    try:
        if seat is not None:
            run(config, first, read, Worker(seat))
        else:
            systemd = systemd_of(environment())
            run(config, first, read, Alone(own_command(), environment(), systemd), [watched(systemd)], systemd.ready)
    except (CannotStart, CannotListen, BadCertificate) as error:
        fail(AWAY, str(error))


def _workers(fixed: Fixed) -> int:
    """How many; `auto` counts the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if fixed.workers is None else fixed.workers


def _plan(fixed: Fixed, workers: int) -> Plan:
    return Plan(
        workers=workers,
        public=[_place(text) for text in fixed.listen],
        admin=[] if fixed.admin_listen is None else [_place(fixed.admin_listen)],
        delay=fixed.shutdown_delay,
        grace=fixed.shutdown_grace,
        log=(fixed.log_format, fixed.log_level),
        command=own_command(),
    )


def _place(text: str) -> Place:
    address = parse_listen(text)
    return Place(address.host, address.port, address.unix)
