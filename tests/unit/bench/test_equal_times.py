"""What counts as one time."""

from __future__ import annotations

import pytest

from bench.equal_times import Measured


@pytest.mark.parametrize(
    ("medians", "equal"),
    [
        ((0.250, 0.2545), True),
        ((0.250, 0.256), False),  # little of so much, and still 6 ms
        ((0.0100, 0.0108), True),
        ((0.0100, 0.0112), False),  # little, and more than a tenth
    ],
)
def test_medians_are_near_in_share_and_in_seconds(medians: tuple[float, float], equal: bool):
    assert Measured(dict(zip(("unknown", "verified"), medians, strict=True))).equal is equal


def test_it_says_which_state_took_how_long():
    assert str(Measured({"free": 0.25, "taken": 0.3})) == "NOT EQUAL: 50.00 ms apart, 20.0% (free 250.00, taken 300.00)"
