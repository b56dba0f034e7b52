"""The command line in this process: for commands that start no server."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from gateway.cli import root


def gateway(*arguments: str | Path, environ: dict[str, str] | None = None, stdin: str = "") -> Result:
    """What `gateway` does with these arguments. GATEWAY_CONFIG is not set unless `environ` does."""
    return CliRunner(env={"GATEWAY_CONFIG": None, **(environ or {})}).invoke(root, [str(argument) for argument in arguments], input=stdin)
