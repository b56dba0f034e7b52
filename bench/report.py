"""Results as Markdown and JSON, and where they go: `performance.md` between its markers, `performance.json`, `images/performance.svg`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import plot
from bench.goals import goals
from bench.results import COLUMNS, Result, Row

BEGIN = "<!-- what follows is written by `make bench` -->"
END = "<!-- what precedes is written by `make bench` -->"


def markdown(results: Sequence[Result], machine: Mapping[str, Any]) -> str:
    """The generated part of the document, between the markers."""
    by_name = {result.case: result for result in results}
    about = "; ".join(f"{name} {value}" for name, value in machine.items())
    lines = [BEGIN, "", f"Measured with: {about}.", "", "![Requests a second, the bare Go program being 1](images/performance.svg)", ""]
    lines += ["### Figures to reach", "", "| | at least | stretch | measured | |", "|---|---|---|---|---|"]
    lines += [f"| {' | '.join(goal)} |" for goal in goals(by_name)]
    for result in results:
        lines += ["", f"### {result.title}", "", *_table(result)]
        if result.note:
            lines += ["", result.note]
    return "\n".join([*lines, "", END])


def text(results: Sequence[Result]) -> str:
    """The same tables for a terminal."""
    return "\n\n".join("\n".join([result.title, *_table(result), *([result.note] if result.note else [])]) for result in results)


def as_json(results: Sequence[Result], machine: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """Everything, samples included."""
    cases = {
        result.case: {
            "title": result.title,
            "yardstick": result.yardstick,
            "contestants": {
                row.contestant: {
                    key: {
                        "median": spread.middle,
                        "min": spread.low,
                        "max": spread.high,
                        "samples": [sample[key] for sample in row.samples if key in sample],
                    }
                    for key in COLUMNS
                    if (spread := row.spread(key)) is not None
                }
                for row in result.rows
            },
        }
        for result in results
    }
    reached = [goal._asdict() for goal in goals({result.case: result for result in results})]
    units = {key: column.heading for key, column in COLUMNS.items()}
    whole = {"machine": dict(machine), "settings": dict(settings), "units": units, "cases": cases, "goals": reached}
    return json.dumps(_rounded(whole), indent=1, ensure_ascii=False) + "\n"


def write(folder: Path, results: Sequence[Result], machine: Mapping[str, Any], settings: Mapping[str, Any]) -> list[Path]:
    """Write all three below `folder`; the paths. A document that is there keeps what stands outside the markers."""
    document, figures, picture = folder / "performance.md", folder / "performance.json", folder / "images" / "performance.svg"
    picture.parent.mkdir(parents=True, exist_ok=True)
    before = document.read_text() if document.exists() else f"# Performance\n\n{BEGIN}\n{END}\n"
    document.write_text(spliced(before, markdown(results, machine)))
    figures.write_text(as_json(results, machine, settings))
    picture.write_text(plot.svg(results))
    return [document, figures, picture]


def spliced(document: str, generated: str) -> str:
    """The document with another generated part. Raises ValueError unless its markers stand in it once, in their order."""
    head, begin, rest = document.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in head + tail:
        raise ValueError("the document's markers are missing, doubled, or in the wrong order")
    return head + generated + tail


def _table(result: Result) -> list[str]:
    keys = [key for key in COLUMNS if key not in result.hidden and any(row.spread(key) for row in result.rows)]
    ratios = [key for key in ("rate", "cpu") if result.yardstick and key in keys]
    names = [f"{COLUMNS[key].heading.removesuffix(' each')}, of {result.yardstick}" for key in ratios]
    head = ["", *(COLUMNS[key].heading for key in keys), *names]
    body = [[row.contestant, *(_cell(row, key) for key in keys), *(_of(result, row, key) for key in ratios)] for row in result.rows]
    widths = [max(len(line[column]) for line in [head, *body]) for column in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        padded = [cells[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))]
        return f"| {' | '.join(padded)} |"

    return [line(head), f"|{'-' * (widths[0] + 2)}|{'|'.join('-' * (width + 1) + ':' for width in widths[1:])}|", *map(line, body)]


def _cell(row: Row, key: str) -> str:
    """The median, and the least and the most where there are more rounds than one."""
    spread, digits = row.spread(key), COLUMNS[key].digits
    if spread is None:
        return ""
    middle, low, high = (f"{value:,.{digits}f}".replace(",", "\u202f") for value in spread)
    return middle if len(row.samples) == 1 or low == high else f"{middle} ({low}–{high})"


def _of(result: Result, row: Row, key: str) -> str:
    ratio = result.ratio(key, row.contestant)
    return "" if ratio is None else f"{ratio:.2f} ×"


def _rounded(value: Any) -> Any:
    """Numbers with no more digits than mean something."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list) else value
