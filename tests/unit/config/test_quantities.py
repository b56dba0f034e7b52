"""Durations, sizes and rates, there and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.quantities import format_duration, format_rate, format_size, parse_duration, parse_rate, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("0s", 0.0), ("30s", 30.0), ("15m", 900.0), ("12h", 43200.0), ("30d", 2592000.0), ("1.5h", 5400.0)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "s", "-5s", "5 years", "1h30m", "1e3s", "٣s", "99999999d", True, 30, None, [], 1.5])
def test_what_is_no_duration(text: object) -> None:
    with pytest.raises(ValueError):
        parse_duration(text)


@pytest.mark.parametrize(("text", "size"), [("1B", 1), ("8KiB", 8192), ("10MiB", 10 << 20), ("2GiB", 2 << 30), ("1.5KiB", 1536)])
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "10", "10MB", "10 bytes", "-1B", 10, True, None])
def test_what_is_no_size(text: object) -> None:
    with pytest.raises(ValueError):
        parse_size(text)


@pytest.mark.parametrize("text", ["", "20", "20/", "/1m", "0/1m", "a/1m", "20/0s", 20, None])
def test_what_is_no_rate(text: object) -> None:
    with pytest.raises(ValueError):
        parse_rate(text)


@given(st.integers(0, 10**9))
def test_durations_come_back(milliseconds: int) -> None:
    if milliseconds % 1000 == 0 or milliseconds < 10**6:
        assert round(parse_duration(format_duration(milliseconds / 1000)) * 1000) == milliseconds


@given(st.integers(1, 10**8))
def test_sizes_come_back(size: int) -> None:
    assert parse_size(format_size(size)) == size


def test_rates_come_back() -> None:
    assert format_rate(parse_rate("20/m")) == "20/1m"
    assert format_rate(parse_rate("5/90s")) == "5/90s"
