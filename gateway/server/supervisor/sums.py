"""The metrics of several workers as if one process had counted them, in Prometheus's text format (0.0.4).

Counters and histograms are added, and those of workers that are gone stay in the sum: a counter never falls. Gauges are added over those that
answered. `…_info` is the same in all, so it is not added; `process_…` is about one process and gets the label `worker`.
"""

from __future__ import annotations

from typing import Final

_KEPT: Final = ("counter", "histogram")


class Sums:
    """Adds pages of metrics up."""

    def __init__(self) -> None:
        self._heads: dict[str, dict[str, str]] = {}
        self._series: dict[str, dict[str, float]] = {}

    def add(self, page: str, *, worker: str | None = None, gauges: bool = True) -> None:
        """One worker's page; `worker` names it in `process_…`, without it these are left out. `gauges`: whether what it has now counts too."""
        family, kind = "", ""
        for line in page.splitlines():
            if line.startswith("#"):
                _, word, family, rest = (*line.split(" ", 3), "")[:4]
                kind = rest if word == "TYPE" else kind
                self._heads.setdefault(family, {}).setdefault(word, line)
                continue
            series, _, value = line.rpartition(" ")
            counted = self._series.setdefault(family, {})
            if family.startswith("process_"):
                if worker is not None:
                    counted[f'{series}{{worker="{worker}"}}'] = float(value)
            elif family.endswith("_info"):
                counted[series] = float(value)
            elif gauges or kind in _KEPT:
                counted[series] = counted.get(series, 0.0) + float(value)

    def merge(self, other: Sums) -> None:
        """All of another sum too."""
        self.add(other.text())

    def text(self) -> str:
        """As a page."""
        lines: list[str] = []
        for family, heads in self._heads.items():
            series = self._series.get(family)
            if series:
                lines += heads.values()
                lines += [f"{name} {_number(value)}" for name, value in series.items()]
        return "\n".join([*lines, ""])


def _number(value: float) -> str:
    return {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}.get(text := repr(value), text)
