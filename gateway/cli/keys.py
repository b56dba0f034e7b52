"""`gateway keys`: secrets for `keys:`."""

from __future__ import annotations

import click

from gateway.config.keys import KEY_BYTES, encode_key
from gateway.crypto.tokens import random_bytes


@click.group("keys")
def command() -> None:
    """Make secrets for sealing."""


@command.command("generate")
@click.option("--config", expose_value=False, hidden=True, help="Every command takes it; a secret needs none.")
def generate() -> None:
    """Print a new secret for `keys:`: 32 random bytes."""
    click.echo(encode_key(random_bytes(KEY_BYTES)))
