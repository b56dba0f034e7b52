"""`gateway config`: the schema, the reference, and the configuration in effect."""

from __future__ import annotations

import json
from pathlib import Path

import click

from gateway.cli.options import config_option, environment, json_option
from gateway.config.errors import ConfigErrors
from gateway.config.load import load
from gateway.config.reference import reference as make_reference
from gateway.config.schema import json_schema
from gateway.config.show import as_yaml, effective

_unused_config = click.option("--config", type=click.Path(path_type=Path), envvar="GATEWAY_CONFIG", expose_value=False, hidden=True)


@click.group("config")
def command() -> None:
    """Schema, reference, and the configuration in effect."""


@command.command("schema")
@_unused_config
def schema() -> None:
    """Print the JSON Schema, for editors."""
    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))


@command.command("reference")
@_unused_config
def reference() -> None:
    """Print the reference: every key, its default and what it is for."""
    click.echo(make_reference(), nl=False)


@command.command("show")
@config_option
@json_option
def show(config: Path, as_json: bool) -> None:
    """Print the configuration in effect, secrets masked."""
    try:
        loaded = load(config, environment(), serving=False)
    except ConfigErrors as errors:
        for problem in errors.problems:
            click.echo(str(problem), err=True)
        raise SystemExit(2) from None
    shown = effective(loaded.settings)
    click.echo(json.dumps(shown, indent=2, ensure_ascii=False) if as_json else as_yaml(shown).rstrip())
