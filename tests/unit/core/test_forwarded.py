"""Whose word counts, as tables: the client is the rightmost hop that is not a trusted proxy."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from gateway.core.forwarded import _MOST_JUDGED, Trust, parse_hop

TRUST = Trust([ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"), ip_network("127.0.0.1/32")], unix=True)
REAL = "198.51.100.7"


@pytest.mark.parametrize(
    ("peer", "believed"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("11.0.0.1", False),
        ("2001:db8::1", True),
        ("2001:DB8:0:0::1", True),
        ("2001:db9::1", False),
        ("127.0.0.1", True),
        ("127.0.0.2", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("2001:db8::1%eth0", True),
        ("10.1.2", False),
        ("010.1.2.3", False),
        ("", False),
        ("unix", False),
        ("10.0.0.1, 10.0.0.2", False),
        (None, True),
    ],
)
def test_who_is_believed(peer: str | None, believed: bool) -> None:
    assert TRUST.believes(peer) is believed
    assert TRUST.believes(peer) is believed, "and so it is when asked again"


def test_nobody_is_believed_unless_configured() -> None:
    assert not any(Trust().believes(peer) for peer in ("127.0.0.1", "::1", "10.0.0.1", None))


@pytest.mark.parametrize(
    ("peer", "header", "client"),
    [
        # nobody whom we trust: the header does not exist
        (REAL, None, REAL),
        (REAL, "10.0.0.1", REAL),
        (REAL, "1.2.3.4, 10.0.0.1", REAL),
        # one proxy
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", REAL, REAL),
        ("10.0.0.1", f" {REAL} ", REAL),
        # what the client wrote itself stands left of what the proxy saw
        ("10.0.0.1", f"10.0.0.9, {REAL}", REAL),
        ("10.0.0.1", f"1.1.1.1, 2.2.2.2, {REAL}", REAL),
        ("10.0.0.1", f"127.0.0.1,{REAL}", REAL),
        # a chain
        ("10.0.0.1", f"{REAL}, 10.0.0.2", REAL),
        ("10.0.0.1", f"6.6.6.6, {REAL}, 10.0.0.3, 2001:db8::9", REAL),
        ("10.0.0.1", "10.0.0.5, 10.0.0.4", "10.0.0.5"),
        # spellings
        ("10.0.0.1", f"{REAL}:51234", REAL),
        ("10.0.0.1", "[2001:dead::1]:443", "2001:dead::1"),
        ("10.0.0.1", "2001:DEAD:0:0:0:0:0:1", "2001:dead::1"),
        ("10.0.0.1", f"::ffff:{REAL}", REAL),
        ("10.0.0.1", f"6.6.6.6, ::ffff:{REAL}, ::ffff:10.0.0.7", REAL),
        # what is no address ends the search
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", f"{REAL}, unknown", "10.0.0.1"),
        ("10.0.0.1", f"{REAL}, garbage, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", f"{REAL},", "10.0.0.1"),
        ("10.0.0.1", f"{REAL},,10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "127.1", "10.0.0.1"),
        ("10.0.0.1", "0x7f.0.0.1", "10.0.0.1"),
        ("10.0.0.1", "2130706433", "10.0.0.1"),
        ("10.0.0.1", f"for={REAL}", "10.0.0.1"),
        ("10.0.0.1", "<script>", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7\x00", "10.0.0.1"),
        ("10.0.0.1", "１９８.51.100.7", "10.0.0.1"),
        # unix sockets
        (None, None, "unix"),
        (None, REAL, REAL),
        (None, f"6.6.6.6, {REAL}, 10.0.0.2", REAL),
    ],
)
def test_the_client_is_the_rightmost_untrusted_hop(peer: str | None, header: str | None, client: str) -> None:
    assert TRUST.client(peer, header) == client


def test_a_unix_peer_that_is_not_trusted_is_not_believed() -> None:
    assert Trust([ip_network("10.0.0.0/8")]).client(None, REAL) == "unix"


@pytest.mark.parametrize(
    ("text", "hop"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:80", "192.0.2.1"),
        ("[::1]", "::1"),
        ("[::1]:80", "::1"),
        ("::1", "::1"),
        ("0:0:0:0:0:0:0:1", "::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("192.0.2.256", None),
        ("192.0.2", None),
        ("", None),
        ("[", None),
        ("[]", None),
        ("example.com", None),
        ("_hidden", None),
        ('"192.0.2.1"', None),
        ("192.0.2.1 192.0.2.2", None),
        ("192.0.2.1/8", None),
    ],
)
def test_a_hop_is_an_address_or_nothing(text: str, hop: str | None) -> None:
    assert parse_hop(text) == hop


def test_the_memory_of_peers_is_bounded() -> None:
    trust = Trust([ip_network("10.0.0.0/8")])
    for number in range(_MOST_JUDGED * 2 + 10):
        trust.believes(f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}")
    assert len(trust._judged) <= _MOST_JUDGED
