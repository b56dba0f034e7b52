"""What wrk reports is read right, and a run with errors is no measurement."""

from __future__ import annotations

import pytest

from bench.load import Spoiled, read

REPORT = """Running 3s test @ http://127.0.0.1:20001/small
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.20ms  310.00us   9.10ms   91.50%
    Req/Sec     9.80k   812.00     10.90k    70.00%
  Latency Distribution
     50%    1.10ms
     75%    1.31ms
     90%    1.52ms
     99%  {p99}
  {requests} requests in 3.00s, 9.83MB read
{trouble}Requests/sec:   9787.25
Transfer/sec:      3.28MB
"""


def report(p99="2.50ms", trouble="", requests=29371):
    return REPORT.format(p99=p99, trouble=trouble, requests=requests)


@pytest.mark.parametrize(("written", "milliseconds"), [("2.50ms", 2.5), ("812.00us", 0.812), ("1.20s", 1200.0)])
def test_rate_and_latency_are_read(written, milliseconds):
    run = read(report(p99=written))
    assert (run.rate, run.requests, run.p50) == (9787.25, 29371, 1.1)
    assert run.p99 == pytest.approx(milliseconds)


@pytest.mark.parametrize("trouble", ["  Non-2xx or 3xx responses: 12\n", "  Socket errors: connect 0, read 3, write 0, timeout 0\n"])
def test_a_run_with_errors_is_spoiled(trouble):
    with pytest.raises(Spoiled, match=trouble.strip()):
        read(report(trouble=trouble))


def test_a_run_without_an_answer_is_spoiled():
    with pytest.raises(Spoiled, match="nothing was answered"):
        read(report(requests=0))


def test_where_everybody_must_be_refused_all_are():
    assert read(report(trouble="  Non-2xx or 3xx responses: 29371\n"), refused=True).requests == 29371


@pytest.mark.parametrize("trouble", ["", "  Non-2xx or 3xx responses: 29370\n"])
def test_where_everybody_must_be_refused_one_that_is_let_in_spoils_the_run(trouble):
    with pytest.raises(Spoiled):
        read(report(trouble=trouble), refused=True)


def test_what_is_no_report_is_an_error():
    with pytest.raises(ValueError, match="something else"):
        read("wrk: command not found")
