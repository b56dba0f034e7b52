"""The benchmark: requests a second and p99 through the gateway, beside nginx (and a bare Go reverse proxy) on the same core.

`make bench`, or `python -m bench`. Absolute figures say little about another machine; the ratios are what is compared from change to change.
"""
