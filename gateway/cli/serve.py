"""`gateway serve`: the server. Exit status: 0 ended by a signal, 2 the configuration is wrong, 3 it could not start."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.desk import AWAY, USAGE, fail
from gateway.cli.options import config_option, environment
from gateway.config.errors import ConfigErrors
from gateway.config.load import Loaded, load
from gateway.server.listeners import CannotListen
from gateway.server.notify import supervisor_of
from gateway.server.run import run
from gateway.server.start import CannotStart
from gateway.server.tls import BadCertificate


@click.command("serve")
@config_option
def command(config: Path) -> None:
    """Serve until a signal ends it.

    SIGTERM finishes what has begun and ends; SIGHUP, or a change of the file, loads the new configuration.
    """

    def read() -> Loaded:
        return load(config, environment())

    try:
        loaded = read()
    except ConfigErrors as errors:
        for problem in errors.problems:
            click.echo(str(problem), err=True)
        raise SystemExit(USAGE) from None
    supervisor = supervisor_of(environment())
    try:
        run(loaded, read, beside=[supervisor.watched()], started=lambda _: supervisor.ready())
    except (CannotStart, CannotListen, BadCertificate) as error:
        fail(AWAY, str(error))
