"""placeholder"""
from __future__ import annotations
from collections.abc import Iterator
from gateway.config.errors import Problem
from gateway.config.marks import Marks
from gateway.config.model import Settings
def check(settings: Settings, marks: Marks, *, serving: bool) -> Iterator[Problem]:
    """x"""
    yield from ()
