"""What counts as the same place."""

from __future__ import annotations

import pytest

from gateway.core.binding import MOST_USER_AGENT, Binding, Bound, Moved


@pytest.mark.parametrize(
    ("began", "used", "same"),
    [
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.250", True),
        ("192.0.2.7", "192.0.3.7", False),
        ("2001:db8:0:1200::1", "2001:db8:0:12ff::9", True),
        ("2001:db8:0:1200::1", "2001:db8:0:1300::1", False),
        ("::ffff:192.0.2.7", "192.0.2.9", True),
        ("[2001:db8::1]", "2001:db8::2", True),
        ("fe80::1%eth0", "fe80::2", True),
        ("192.0.2.7", "2001:db8::1", False),
        ("0.0.0.0", "::", False),
        ("unix:", "unix:", True),
        ("unix:", "192.0.2.7", False),
        ("", "192.0.2.7", False),
    ],
)
def test_networks(began: str, used: str, same: bool) -> None:
    for one, other in ((began, used), (used, began)):
        moves = Binding(ip=Bound.END).moves(one, "Browser/1", other, "Browser/1")
        assert moves == (() if same else ((Moved.ADDRESS, Bound.END),))


@pytest.mark.parametrize(
    ("bits", "used", "same"),
    [(32, "192.0.2.8", False), (32, "192.0.2.7", True), (8, "192.250.0.1", True), (1, "10.0.0.1", False), (1, "200.0.0.1", True)],
)
def test_prefixes_of_ipv4(bits: int, used: str, same: bool) -> None:
    assert (not Binding(ip=Bound.WARN, ipv4_prefix=bits).moves("192.0.2.7", "", used, "")) is same


@pytest.mark.parametrize(("bits", "used", "same"), [(128, "2001:db8::2", False), (64, "2001:db8::2", True), (32, "2001:db8:ffff::1", True)])
def test_prefixes_of_ipv6(bits: int, used: str, same: bool) -> None:
    assert (not Binding(ip=Bound.WARN, ipv6_prefix=bits).moves("2001:db8::1", "", used, "")) is same


def test_browsers_are_compared_as_far_as_they_are_kept() -> None:
    kept = "x" * MOST_USER_AGENT
    binding = Binding(user_agent=Bound.END)
    assert binding.moves("", kept, "", kept + " and more") == ()
    assert binding.moves("", "Browser/1", "", "Browser/2") == ((Moved.BROWSER, Bound.END),)


def test_each_is_judged_by_its_own_word() -> None:
    binding = Binding(ip=Bound.WARN, user_agent=Bound.END)
    assert binding.moves("192.0.2.7", "a", "10.0.0.1", "b") == ((Moved.ADDRESS, Bound.WARN), (Moved.BROWSER, Bound.END))
    assert not binding.loose
    assert Binding().loose
    assert Binding().moves("192.0.2.7", "a", "10.0.0.1", "b") == ()
