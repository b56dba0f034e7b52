"""What wrk reports is read right, and a run with errors is no measurement."""

from __future__ import annotations

import pytest

from bench.load import Figures, Spoiled, middle, read

REPORT = """Running 3s test @ http://127.0.0.1:20001/small
  1 threads and 32 connections
  Latency Distribution
     50%    1.10ms
     99%  {p99}
  29371 requests in 3.00s, 9.83MB read
{trouble}Requests/sec:   9787.25
Transfer/sec:      3.28MB
"""


@pytest.mark.parametrize(("written", "milliseconds"), [("2.50ms", 2.5), ("812.00us", 0.812), ("1.20s", 1200.0)])
def test_rate_and_p99_are_read(written, milliseconds):
    figures = read(REPORT.format(p99=written, trouble=""))
    assert figures.rate == 9787.25
    assert figures.p99 == pytest.approx(milliseconds)


@pytest.mark.parametrize("trouble", ["  Non-2xx or 3xx responses: 12\n", "  Socket errors: connect 0, read 3, write 0, timeout 0\n"])
def test_a_run_with_errors_is_spoiled(trouble):
    with pytest.raises(Spoiled, match=trouble.strip()):
        read(REPORT.format(p99="2.50ms", trouble=trouble))


def test_medians_are_taken_figure_by_figure():
    assert middle([Figures(1, 9), Figures(3, 5), Figures(2, 7)]) == Figures(2, 7)
