"""The benchmark: the gateway beside nginx, a bare Go reverse proxy and oauth2-proxy, on one core, in one run.

`make bench`, or `python -m bench`. Absolute figures say little about another machine; the ratios are what is compared from change to change.

    __main__.py   the command: what is asked for, progress, where results go
    cases.py      every case by name; cases_*.py have them
    stage.py      what runs throughout (Redis, the upstream), and everything that may stand on the stage beside it
    contest.py    interleaved runs of the contestants of a case
    load.py       one run of wrk; lua/ are its scripts
    meter.py      processor time and memory of processes; commands.py what the store was asked
    results.py    figures: samples, medians, ratios
    goals.py      the figures to reach
    report.py     Markdown, JSON; plot.py the picture

Three commands of their own prove what no short run can:

    revocation.py how soon a logout on one process is felt by another one at full load
    soak.py       whether memory stays flat over millions of requests, no two of them alike
    equal_times.py whether answers take one time, whoever an address belongs to; residents.py are the accounts that it asks about

Everything listens on and talks to 127.0.0.1 only, and what was started here is stopped by its process id, also on Ctrl-C.
"""
