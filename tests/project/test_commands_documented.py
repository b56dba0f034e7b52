"""docs/commands.md names every command with its options, and nothing that there is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from gateway.cli import COMMANDS, root

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "commands.md").read_text()
ROWS = [line for line in PAGE.splitlines() if line.startswith("| `gateway ")]
#: On all of them, or another way to say an argument.
_EVERYWHERE = {"--config", "--json", "--help", "-h"}
_SAID_OTHERWISE = {"users set-groups": {"--group"}}


def commands() -> Iterator[tuple[str, click.Command]]:
    """What is typed behind `gateway`, and the command."""
    context = click.Context(root)
    for name in COMMANDS:
        command = root.get_command(context, name)
        assert isinstance(command, click.Command)
        if isinstance(command, click.Group):
            for one in command.list_commands(context):
                yield f"{name} {one}", command.commands[one]
        else:
            yield name, command


def row_of(name: str) -> str:
    found = [row for row in ROWS if re.search(rf"`gateway {name}[ `]", row)]
    assert len(found) == 1, name
    return found[0]


def test_every_command_has_a_row_that_names_its_options():
    missing = []
    for name, command in commands():
        options = {option for parameter in command.params if isinstance(parameter, click.Option) for option in parameter.opts}
        missing += [f"{name} {option}" for option in options - _EVERYWHERE - _SAID_OTHERWISE.get(name, set()) if option not in row_of(name)]
    assert missing == []


def test_no_command_is_documented_that_is_not_there():
    names = {name for name, _ in commands()}
    written = [found for row in ROWS for found in re.findall(r"`gateway ([a-z]+(?: [a-z-]+)?)", row)]
    assert {name for name in written if name not in names and name.split()[0] not in names} == set()
