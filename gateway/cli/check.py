"""`gateway check`: every problem of the configuration at once, warnings too. Exit status 2 if there is an error."""

from __future__ import annotations

import json
from pathlib import Path

import click

from gateway.cli.options import config_option, environment, json_option
from gateway.config.load import examine


@click.command("check")
@config_option
@json_option
def command(config: Path, as_json: bool) -> None:
    """Show every problem of the configuration, with its file and line and what to write instead."""
    _, problems = examine(config, environment())
    errors = sum(problem.severity == "error" for problem in problems)
    if as_json:
        click.echo(json.dumps({"ok": not errors, "problems": [problem.as_json() for problem in problems]}, indent=2, ensure_ascii=False))
    else:
        for problem in problems:
            click.echo(str(problem))
        warnings = len(problems) - errors
        click.echo(f"{config}: {_count(errors, 'error')}, {_count(warnings, 'warning')}" if problems else f"{config}: no problems", err=True)
    raise SystemExit(2 if errors else 0)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
