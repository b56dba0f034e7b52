"""What commands print: a table for people, JSON for programs. One line a row, nothing that a terminal would obey."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import click

Value = str | int | bool | None | list[str] | dict[str, str | int]


def print_rows(rows: Sequence[Mapping[str, Value]], columns: Mapping[str, str], *, as_json: bool, nothing: str) -> None:
    """`columns` maps headings to keys. With `as_json` a list of objects with every key; else a table, or on stderr `nothing`."""
    if as_json:
        click.echo(json.dumps(list(rows), indent=2, ensure_ascii=False))
        return
    if not rows:
        click.echo(nothing, err=True)
        return
    lines = [list(columns), *([_cell(row[key]) for key in columns.values()] for row in rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def print_line(cells: Sequence[Value], widths: Sequence[int]) -> None:
    """One line of a table whose rows are not known yet; a cell that is wider than its column moves the rest."""
    click.echo("  ".join(_cell(cell).ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())


def print_fields(fields: Mapping[str, Value], *, as_json: bool) -> None:
    """One thing: an object, or a line for each of its fields."""
    if as_json:
        click.echo(json.dumps(dict(fields), indent=2, ensure_ascii=False))
        return
    width = max(len(name) for name in fields)
    for name, value in fields.items():
        click.echo(f"{name.replace('_', ' ').ljust(width)}  {_cell(value)}".rstrip())


def moment(seconds: float | None, timespec: str = "seconds") -> str | None:
    """A time as ISO 8601 in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def _cell(value: Value) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        value = [f"{name}={one}" for name, one in value.items()]
    text = ", ".join(value) if isinstance(value, list) else str(value)
    return "".join(character if character.isprintable() else "?" for character in text)
