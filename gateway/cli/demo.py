"""`gateway demo`: a gateway, an application behind it and an account, in one command, with no server installed.

Everything it makes is in `./var`. Plain HTTP, and therefore on this machine only; named localhost, because browsers take no passkey for an IP
address.
"""

from __future__ import annotations

import base64
import os
import stat
import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NoReturn

import click

from gateway.cli.desk import open_desk
from gateway.cli.desk import run as run_command
from gateway.cli.options import environment, own_command
from gateway.cli.statuses import AWAY, USAGE, fail
from gateway.config.addresses import ListenAddress, parse_listen
from gateway.config.errors import ConfigErrors
from gateway.config.fresh import fixed_of, fresh_of
from gateway.config.keys import KEY_BYTES, encode_key
from gateway.config.load import Loaded, load
from gateway.crypto.tokens import random_bytes
from gateway.server.alone import Alone
from gateway.server.demo.application import Demo
from gateway.server.demo.configuration import ADMINISTRATOR, UPSTREAM_SOCKET, socket_folder, write_configuration
from gateway.server.demo.neighbour import serve_demo
from gateway.server.notify import systemd_of
from gateway.server.reading import program, read_again
from gateway.server.run import run
from gateway.server.sockets import CannotListen
from gateway.server.start import CannotStart
from gateway.server.stores import open_accounts
from gateway.services.accounts import NoAccount
from gateway.stores.sql import schema

_LISTEN = "127.0.0.1:8080"
_FOLDER = Path("var")


@dataclass(frozen=True, slots=True)
class _Welcome:
    """What people are told once it serves. `password` is None where the account was there already."""

    public_url: str
    config: Path
    password: str | None

    def say(self) -> None:
        """Print it."""
        if self.password is not None:
            account = f"  E-mail    {ADMINISTRATOR}\n  Password  {self.password}\n\n  The password is shown this once."
        else:
            account = (
                f"  E-mail    {ADMINISTRATOR}\n  Password  the one that the first start printed; to set a new one:\n"
                f"            {_command()} users set-password {ADMINISTRATOR} --config {self.config}"
            )
        click.echo(f"\n  The demo is ready: {self.public_url}\n\n{account}\n\n  Configuration: {self.config}   Stop with Ctrl-C.\n", err=True)


@click.command("demo")
@click.option("--listen", metavar="ADDRESS", help=f"Where to listen on this machine; {_LISTEN} unless the demo's configuration says otherwise.")
def command(listen: str | None) -> None:
    """Start a gateway with a demo application and an administrator, in ./var."""
    address = _parse(listen or _LISTEN)
    public_url = f"http://localhost:{address.port}"
    try:
        config = write_configuration(_FOLDER, listen or _LISTEN, public_url, encode_key(random_bytes(KEY_BYTES)))
        sockets = _make_private(socket_folder(_FOLDER))
    except OSError as error:
        fail(AWAY, f"{_FOLDER}: {error.strerror}")
    environ = dict(environment())
    if listen is not None:
        environ |= {"GATEWAY__SERVER__LISTEN": f'"{listen}"', "GATEWAY__SERVER__PUBLIC_URL": public_url}
    try:
        loaded = load(config, environ)
    except ConfigErrors as errors:
        for problem in errors.problems:
            click.echo(str(problem), err=True)
        raise SystemExit(USAGE) from None
    password = run_command(_prepare(loaded))
    welcome = _Welcome(str(loaded.settings.server.public_url), config, password)
    names = list(loaded.settings.identity.headers)
    alone = Alone(own_command(), environment(), systemd_of({}))
    demo = Demo(names, loaded.settings.identity.assertion.header, loaded.settings.server.prefix)
    try:
        # What an operator is warned of (one host for everything, sessions in memory) is what a demo is.
        run(
            config,
            replace(fresh_of(loaded), warnings=()),
            partial(read_again, config, environ, program()),
            alone,
            [serve_demo(demo, sockets / UPSTREAM_SOCKET)],
            welcome.say,
        )
    except (CannotStart, CannotListen, OSError) as error:
        _give_up(error, password, loaded)


async def _prepare(loaded: Loaded) -> str | None:
    """Bring the database to the newest version and see to the administrator; the password, if the account was made now."""
    database = open_accounts(fixed_of(loaded.settings))
    try:
        await schema.upgrade(database)
    finally:
        await database.close()
    async with open_desk(loaded, audit_line=lambda _: None) as desk:  # the welcome tells it better
        try:
            await desk.accounts.find(ADMINISTRATOR)
        except NoAccount:
            password = _password()
            await desk.accounts.add(ADMINISTRATOR, name="Administrator", groups=("admins",), password=password)
            return password
    return None


def _parse(listen: str) -> ListenAddress:
    try:
        address = parse_listen(listen)
    except ValueError as error:
        fail(USAGE, f"--listen {listen} {error}")
    if address.unix is not None or not address.loopback:
        fail(USAGE, f"--listen {listen}: the demo speaks plain HTTP, so it listens on this machine only, for example {_LISTEN}")
    return address


def _make_private(folder: Path) -> Path:
    """`folder`, which must be ours alone: whoever reaches the application's socket can say who they are. Raises OSError."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode):
        raise PermissionError(1, f"{folder} belongs to somebody else")
    folder.chmod(0o700)
    return folder


def _give_up(error: Exception, password: str | None, loaded: Loaded) -> NoReturn:
    if password is not None:
        click.echo(f"The administrator {ADMINISTRATOR} was made; the password is {password}", err=True)
    if isinstance(error, CannotListen):
        port = parse_listen(loaded.settings.server.listen[0]).port
        fail(AWAY, f"{error}; choose another address with --listen 127.0.0.1:{port + 1}")
    fail(AWAY, str(error))


def _password() -> str:
    """80 random bits in four groups that are easy to read and to type."""
    text = base64.b32encode(random_bytes(10)).decode("ascii").lower()
    return "-".join(text[start : start + 4] for start in range(0, 16, 4))


def _command() -> str:
    """How this program was called, for people to copy."""
    name = Path(sys.argv[0])
    return str(name) if name.name == "gateway" else "gateway"
