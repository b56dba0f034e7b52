"""What the soak calls growth."""

from __future__ import annotations

import pytest

from bench.soak import growth


def test_the_warm_up_does_not_count():
    assert growth([(100, 50.0), (200, 90.0), (300, 100.0), (400, 100.0), (500, 101.0)], 300) == pytest.approx(1.0)


def test_a_leak_is_seen_and_one_large_look_is_not():
    steady = [(number, 100.0) for number in range(100)]
    assert growth(steady, 10) == 0
    assert growth([*steady[:-1], (99, 400.0)], 10) == 0
    assert growth([(number, 100.0 + number / 10) for number in range(100)], 10) == pytest.approx(8.5)


def test_few_looks_are_compared_as_they_are():
    assert growth([(10, 100.0), (20, 103.0)], 10) == pytest.approx(3.0)
    assert growth([(10, 100.0), (20, 103.0)], 20) == 0
