"""What was measured, as numbers: samples of each contestant, round by round, and what is made of them.

A figure's key stands for the same unit everywhere; `COLUMNS` has its heading and how many digits after the point are worth reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

#: What one round measured of one contestant: key of COLUMNS → number.
Sample = dict[str, float]


class Column(NamedTuple):
    """A heading, and digits after the point."""

    heading: str
    digits: int


COLUMNS = {
    "rate": Column("requests/s", 0),
    "cpu": Column("CPU µs each", 1),
    "p50": Column("p50 ms", 2),
    "p99": Column("p99 ms", 2),
    "rss": Column("RSS MiB", 1),
    "growth": Column("peak growth MiB", 1),
    "commands": Column("store commands each", 4),
    "pings": Column("lease PINGs/s", 1),
    "mib_per_second": Column("MiB/s", 0),
    "cpu_per_mib": Column("CPU µs a MiB", 0),
    "seconds": Column("seconds", 3),
    "cpu_seconds": Column("CPU seconds", 3),
    "each": Column("KiB each", 1),
    "open_rss": Column("RSS MiB with them", 1),
}


class Spread(NamedTuple):
    """The median of some samples, the least and the most."""

    middle: float
    low: float
    high: float


@dataclass(slots=True)
class Row:
    """A contestant in a case, and its samples in the order of the rounds."""

    contestant: str
    samples: list[Sample] = field(default_factory=list)

    def spread(self, key: str) -> Spread | None:
        """What its samples say of one figure; None where it was not measured."""
        values = [sample[key] for sample in self.samples if key in sample]
        return Spread(median(values), min(values), max(values)) if values else None

    def middle(self, key: str) -> float | None:
        """The median of one figure."""
        spread = self.spread(key)
        return None if spread is None else spread.middle


@dataclass(slots=True)
class Result:
    """A case. `yardstick` is the contestant to which the others are compared, "" for none; `note` is a sentence for the reader; `hidden` are figures
    that only the JSON has."""

    case: str
    title: str
    rows: list[Row]
    yardstick: str = ""
    note: str = ""
    hidden: frozenset[str] = frozenset({"pings"})

    def row(self, contestant: str) -> Row | None:
        """The row of a contestant, None where it did not take part."""
        return next((row for row in self.rows if row.contestant == contestant), None)

    def ratio(self, key: str, contestant: str, other: str | None = None) -> float | None:
        """The median of the rounds' ratios of one figure, of a contestant to the yardstick or `other`. Round by round, since what disturbs the
        machine for a while disturbs all contestants of a round."""
        one, two = self.row(contestant), self.row(self.yardstick if other is None else other)
        if one is None or two is None:
            return None
        return ratio(one.samples, two.samples, key)


def ratio(ones: Sequence[Sample], others: Sequence[Sample], key: str) -> float | None:
    """The median of the ratios of samples of the same round; None without any."""
    ratios = [one[key] / other[key] for one, other in zip(ones, others, strict=False) if key in one and other.get(key)]
    return median(ratios) if ratios else None
