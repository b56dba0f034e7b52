"""Medians and ratios: figure by figure, and ratios round by round."""

from __future__ import annotations

from bench.results import Result, Row, Spread


def result():
    ours = Row("ours", [{"rate": 50.0, "cpu": 10.0}, {"rate": 10.0, "cpu": 30.0}, {"rate": 60.0, "cpu": 20.0}])
    other = Row("other", [{"rate": 100.0}, {"rate": 20.0}, {"rate": 30.0}])
    return Result("case", "A case", [ours, other], "other")


def test_a_spread_is_median_least_and_most():
    assert result().rows[0].spread("cpu") == Spread(20.0, 10.0, 30.0)


def test_what_was_not_measured_has_no_spread():
    assert result().rows[1].spread("cpu") is None
    assert result().rows[1].middle("cpu") is None


def test_ratios_are_taken_round_by_round():
    assert result().ratio("rate", "ours") == 0.5  # of 0.5, 0.5 and 2; the medians' ratio would be 50 / 30


def test_there_is_no_ratio_to_who_did_not_take_part():
    assert result().ratio("rate", "ours", "a third") is None
    assert result().ratio("cpu", "ours", "other") is None
