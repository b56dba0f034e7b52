"""Which processor cores do what: whatever is measured has one for itself, everything else shares the others."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cores:
    """`measured` is the core of whatever is measured; the load, Redis and the upstream share `others`."""

    measured: frozenset[int]
    others: frozenset[int]

    @staticmethod
    def of_this_machine() -> Cores:
        """The last core against the rest, since the first often serves the machine's interrupts; one for everything where there is no more."""
        *rest, last = sorted(os.sched_getaffinity(0))
        return Cores(frozenset({last}), frozenset(rest or [last]))

    @property
    def apart(self) -> bool:
        """Whether the load runs elsewhere than what it loads."""
        return self.measured != self.others


@contextmanager
def on(cores: frozenset[int]) -> Iterator[None]:
    """Run the calling thread, and what it starts, on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
