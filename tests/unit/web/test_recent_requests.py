"""What is taken over from a connection's last request is what would have been read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.core.urls import Malformed
from gateway.web.request import read_facts, read_facts_again, to_remember
from tests.samples import sample_snapshot

SNAPSHOT = sample_snapshot()
HEADERS = (
    (b"Host", b"wiki.example.com"),
    (b"Accept", b"text/html"),
    (b"Cookie", b"a=1; __Host-gw=abc"),
    (b"Referer", b"https://wiki.example.com/"),
    (b"User-Agent", b"x"),
)
TARGETS = ["/", "/a/b?c=d", "/%C3%B6", "/a%2Fb", "/..%2f", "/?next=//x"]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("target", TARGETS)
def test_a_further_target_is_read_as_it_would_be_alone(method: str, target: str) -> None:
    first = read_facts(method, "/first", HEADERS, "192.0.2.1", "https", SNAPSHOT)
    recent = to_remember(HEADERS, SNAPSHOT, first)
    alone = read_facts(method, target, HEADERS, "192.0.2.1", "https", SNAPSHOT)
    assert read_facts_again(recent, method, target, tuple(HEADERS), SNAPSHOT) == alone


def test_what_differs_is_read_anew() -> None:
    recent = to_remember(HEADERS, SNAPSHOT, read_facts("GET", "/", HEADERS, "192.0.2.1", "https", SNAPSHOT))
    assert recent is not None
    assert read_facts_again(recent, "GET", "/", HEADERS, SNAPSHOT) is not None
    assert read_facts_again(None, "GET", "/", HEADERS, SNAPSHOT) is None
    assert read_facts_again(recent, "POST", "/", HEADERS, SNAPSHOT) is None
    assert read_facts_again(recent, "GET", "https://wiki.example.com/", HEADERS, SNAPSHOT) is None
    assert read_facts_again(recent, "GET", "/", HEADERS, replace(SNAPSHOT)) is None
    for number in range(len(HEADERS)):
        name, value = HEADERS[number]
        for other in ((name, value + b"x"), (name.lower(), value)):
            assert read_facts_again(recent, "GET", "/", (*HEADERS[:number], other, *HEADERS[number + 1 :]), SNAPSHOT) is None
    assert read_facts_again(recent, "GET", "/", (*HEADERS, (b"Host", b"other")), SNAPSHOT) is None


def test_a_malformed_target_is_refused_again() -> None:
    recent = to_remember(HEADERS, SNAPSHOT, read_facts("GET", "/", HEADERS, "192.0.2.1", "https", SNAPSHOT))
    for target in ("/%", "/\x01", "/#x"):
        with pytest.raises(Malformed):
            read_facts_again(recent, "GET", target, HEADERS, SNAPSHOT)


def test_large_heads_are_not_kept() -> None:
    facts = read_facts("GET", "/", HEADERS, "192.0.2.1", "https", SNAPSHOT)
    assert to_remember((*HEADERS, (b"X", b"y" * 4096)), SNAPSHOT, facts) is None
    assert to_remember((*HEADERS, *((b"X", b"y"),) * 32), SNAPSHOT, facts) is None
