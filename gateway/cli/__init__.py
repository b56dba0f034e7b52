"""The command `gateway`. Every subcommand is a module of its own with a click command or group named `command`, loaded only when it is asked for.

Exit status: 0 done, 1 refused or not found, 2 wrong usage or configuration, 3 could not start or could not reach a store. What goes wrong is
told in a sentence, never as a traceback.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Final

import click

from gateway import __version__
from gateway.config.suggestions import nearest

#: Subcommands: the module that holds each, and its line in `gateway --help` (so that help loads none of them).
COMMANDS: Final = {
    "demo": ("gateway.cli.demo", "Start the gateway with a demo application."),
    "serve": ("gateway.cli.serve", "Start the server."),
    "check": ("gateway.cli.check", "Show every problem of the configuration."),
    "explain": ("gateway.cli.explain", "Show what decides about a request, and why."),
    "users": ("gateway.cli.users", "Add and change accounts."),
    "sessions": ("gateway.cli.sessions", "List and end sessions."),
    "mail": ("gateway.cli.mail", "List, retry and delete letters that were given up."),
    "audit": ("gateway.cli.audit", "Show the audit trail."),
    "keys": ("gateway.cli.keys", "Make secrets for sealing."),
    "db": ("gateway.cli.db", "Show and upgrade the database's version."),
    "config": ("gateway.cli.config", "Schema, reference, and the configuration in effect."),
}


class Commands(click.Group):
    """Finds subcommands in the table."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        command = import_module(COMMANDS[cmd_name][0]).command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but near names come from the table: click itself would look among commands that are loaded."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            found = nearest(args[0], COMMANDS)
            if found is None:
                raise
            raise click.UsageError(f"{error.format_message()} {found.capitalize()}", ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """From the table, without loading anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="gateway")
def root() -> None:
    """A gateway that logs people in and tells the applications behind it who they are."""


def main() -> None:
    """Run the command line and end the process."""
    try:
        root.main(prog_name="gateway", standalone_mode=True)
    except BrokenPipeError:  # `gateway … | head`: nobody reads any more
        sys.stderr.close()
        raise SystemExit(0) from None
