"""How a command ends: its exit status and a sentence. Imports nothing heavy, so that every command can."""

from __future__ import annotations

from typing import NoReturn

import click

REFUSED, USAGE, AWAY = 1, 2, 3


def fail(status: int, text: str) -> NoReturn:
    """End the program."""
    click.echo(f"Error: {text}", err=True)
    raise SystemExit(status)
