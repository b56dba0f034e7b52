"""What the commands that only read a configuration share. Imports nothing heavy, so that they start at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import click


def _named(_context: click.Context, _option: click.Parameter, value: Path | None) -> Path:
    if value is None:
        raise click.UsageError("which configuration? Name its file with --config FILE or in GATEWAY_CONFIG.")
    return value


config_option = click.option(
    "--config",
    metavar="FILE",
    type=click.Path(path_type=Path),
    envvar="GATEWAY_CONFIG",
    callback=_named,
    help="The configuration: a file, or a folder of *.yml. GATEWAY_CONFIG names it too.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def environment() -> Mapping[str, str]:
    """What ${NAME} and GATEWAY__SECTION__KEY are looked up in."""
    return os.environ  # noqa: TID251 - handed on to config/, which reads it


def own_command() -> list[str]:
    """The command line that starts this program again, as it is installed now."""
    return [sys.executable, *sys.orig_argv[1:]]
