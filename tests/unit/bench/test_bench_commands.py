"""Commands that were sent, told from those that scripts made inside Redis."""

from __future__ import annotations

from bench.commands import sent


def test_what_a_script_does_inside_is_not_sent():
    before = {"evalsha": 10, "get": 10, "set": 9, "mget": 100, "ping": 7, "info": 1}
    after = {"evalsha": 13, "get": 13, "set": 11, "mget": 104, "ping": 27, "info": 2}
    assert sent(before, after) == (3 + 4, 20)  # scripts and reads; one of the scripts wrote nothing


def test_reads_that_are_no_scripts_count():
    assert sent({}, {"get": 1000, "ping": 1}) == (1000, 1)


def test_nothing_is_nothing():
    same = {"get": 5, "evalsha": 2, "ping": 1}
    assert sent(same, same) == (0, 0)
