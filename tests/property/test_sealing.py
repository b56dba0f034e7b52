"""Sealing: what was sealed opens where it belongs, and nothing else opens anywhere."""

from __future__ import annotations

import base64
from binascii import b2a_base64

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.crypto.keys import Key, KeyRing, Purpose
from gateway.crypto.sealing import MOST_COOKIE, Ticket, open_cookie, open_record, revision_of, seal_cookie, seal_record
from gateway.crypto.tokens import SESSION_ID_BYTES, SESSION_SECRET_BYTES

KEY_IDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=16)
SECRETS = st.binary(min_size=32, max_size=32)
KEYS = st.builds(Key, KEY_IDS, SECRETS)
RINGS = st.lists(KEYS, min_size=1, max_size=3, unique_by=lambda key: key.id).map(KeyRing)
TICKETS = st.binary(min_size=48, max_size=48).map(lambda data: Ticket(data[:16], data[16:]))
NAMES = st.sampled_from(["__Host-gw", "__Secure-gw", "gw"])
SESSIONS = st.binary(min_size=32, max_size=32)
STORE_KEYS = st.text(min_size=1, max_size=80).filter(lambda text: text.isprintable())
REVISIONS = st.integers(0, 2**64 - 1)
RING = KeyRing([Key("2026a", b"a" * 32)])
TICKET = Ticket(b"i" * SESSION_ID_BYTES, b"s" * SESSION_SECRET_BYTES)
STORE_KEY = "gw:s:" + "0" * 64
SESSION = b"h" * 32


def decoded(value: str) -> bytes:
    return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def flipped(data: bytes, bit: int) -> bytes:
    position = bit % (len(data) * 8)
    changed = bytearray(data)
    changed[position // 8] ^= 1 << position % 8
    return bytes(changed)


@given(RINGS, NAMES, TICKETS)
def test_a_cookie_opens_where_it_belongs(ring: KeyRing, name: str, ticket: Ticket) -> None:
    value = seal_cookie(ring, name, ticket)
    assert open_cookie(ring, name, value) == ticket
    assert len(value) <= MOST_COOKIE == 200
    assert value.isascii()
    assert not set(value) & set(' ",;\\=+/')


@given(TICKETS)
def test_a_cookie_of_the_longest_key_id_is_at_most_200_long(ticket: Ticket) -> None:
    assert len(seal_cookie(KeyRing([Key("a" * 16, b"a" * 32)]), "__Secure-gw", ticket)) <= 200


@given(TICKETS)
def test_two_cookies_of_one_ticket_are_different(ticket: Ticket) -> None:
    assert seal_cookie(RING, "gw", ticket) != seal_cookie(RING, "gw", ticket)


def test_every_single_bit_of_a_cookie_counts() -> None:
    data = decoded(seal_cookie(RING, "gw", TICKET))
    for bit in range(len(data) * 8):
        assert open_cookie(RING, "gw", encoded(flipped(data, bit))) is None


def test_no_beginning_of_a_cookie_opens_and_nothing_may_follow_it() -> None:
    value = seal_cookie(RING, "gw", TICKET)
    for length in range(len(value)):
        assert open_cookie(RING, "gw", value[:length]) is None
    for more in ("A", "AA", "AAAA", "=", "==", ".", " ", "\n", "\x00", "é", "%3D"):
        assert open_cookie(RING, "gw", value + more) is None
        assert open_cookie(RING, "gw", more + value) is None


@given(KEY_IDS)
def test_a_cookie_has_one_spelling(key_id: str) -> None:
    """base64 has spare bits at its end; a value with other spare bits is not the value that was set."""
    ring = KeyRing([Key(key_id, b"a" * 32)])
    value = seal_cookie(ring, "gw", TICKET)
    for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_":
        assert (open_cookie(ring, "gw", value[:-1] + last) is not None) == (last == value[-1])


@given(RINGS, TICKETS, st.permutations(["__Host-gw", "__Secure-gw", "gw", "gw-csrf"]))
def test_a_cookie_does_not_open_under_another_name(ring: KeyRing, ticket: Ticket, names: list[str]) -> None:
    value = seal_cookie(ring, names[0], ticket)
    assert all(open_cookie(ring, name, value) is None for name in names[1:])


@given(KEYS, SECRETS, TICKETS)
def test_a_cookie_does_not_open_with_another_secret_of_the_same_id(key: Key, secret: bytes, ticket: Ticket) -> None:
    assume(secret != key.secret)
    value = seal_cookie(KeyRing([key]), "gw", ticket)
    assert open_cookie(KeyRing([Key(key.id, secret)]), "gw", value) is None


@given(KEYS, KEY_IDS, TICKETS)
def test_the_same_secret_under_another_id_does_not_open(key: Key, other: str, ticket: Ticket) -> None:
    assume(other != key.id)
    assert open_cookie(KeyRing([Key(other, key.secret)]), "gw", seal_cookie(KeyRing([key]), "gw", ticket)) is None


@given(st.text(max_size=250) | st.binary(max_size=200).map(encoded))
def test_no_garbage_opens_as_a_cookie_and_none_raises(value: str) -> None:
    assert open_cookie(RING, "gw", value) is None


@given(st.binary(max_size=200))
def test_no_garbage_behind_a_right_head_opens(tail: bytes) -> None:
    assert open_cookie(RING, "gw", encoded(b"\x01\x052026a" + tail)) is None


@given(RINGS, STORE_KEYS, SESSIONS, REVISIONS, st.binary(max_size=2000))
def test_a_record_opens_where_it_belongs(ring: KeyRing, store_key: str, session: bytes, revision: int, plain: bytes) -> None:
    record = seal_record(ring, store_key, session, revision, plain)
    assert open_record(ring, store_key, session, record) == plain
    assert revision_of(record) == revision.to_bytes(8, "big")
    assert len(plain) < 8 or plain not in record


def test_every_single_bit_of_a_record_counts() -> None:
    """The revision too, though it stands outside the seal: it is authenticated with it."""
    record = seal_record(RING, STORE_KEY, SESSION, 258, b"inside")
    for bit in range(len(record) * 8):
        assert open_record(RING, STORE_KEY, SESSION, flipped(record, bit)) is None


def test_no_beginning_of_a_record_opens_and_nothing_may_follow_it() -> None:
    record = seal_record(RING, STORE_KEY, SESSION, 258, b"inside")
    for length in range(len(record)):
        assert open_record(RING, STORE_KEY, SESSION, record[:length]) is None
    assert open_record(RING, STORE_KEY, SESSION, record + b"\x00") is None


@given(STORE_KEYS, STORE_KEYS, SESSIONS, SESSIONS, st.binary(max_size=50))
def test_a_record_cannot_be_moved(store_key: str, other_key: str, session: bytes, other: bytes, plain: bytes) -> None:
    record = seal_record(RING, store_key, session, 1, plain)
    if store_key != other_key:
        assert open_record(RING, other_key, session, record) is None
    if session != other:
        assert open_record(RING, store_key, other, record) is None


@given(st.binary(max_size=300))
def test_no_garbage_opens_as_a_record_and_none_raises(data: bytes) -> None:
    assert open_record(RING, STORE_KEY, SESSION, data) is None
    assert open_record(RING, STORE_KEY, SESSION, b"\x01" + bytes(8) + b"\x052026a" + data) is None


@given(RINGS, TICKETS)
def test_nothing_sealed_for_one_purpose_opens_for_another(ring: KeyRing, ticket: Ticket) -> None:
    cookie = seal_cookie(ring, "gw", ticket)
    assert open_record(ring, STORE_KEY, SESSION, decoded(cookie)) is None
    record = seal_record(ring, STORE_KEY, SESSION, 1, ticket.id + ticket.secret)
    assert open_cookie(ring, "gw", b2a_base64(record, newline=False).rstrip(b"=").decode()) is None


@given(RINGS)
def test_every_purpose_has_keys_of_its_own(ring: KeyRing) -> None:
    keys = [key for purpose in Purpose for key in ring.derived(purpose)]
    assert len(set(keys)) == len({key.secret for key in ring.keys}) * len(Purpose)


@given(KEYS, KEYS, KEYS, TICKETS, st.binary(max_size=50))
def test_keys_are_replaced_without_ending_anything(old: Key, new: Key, foreign: Key, ticket: Ticket, plain: bytes) -> None:
    """The way of an operator: the new key opens first, then seals; at last the old one goes, and what it sealed with it."""
    assume(len({old.id, new.id, foreign.id}) == 3)
    first = KeyRing([old, Key(new.id, new.secret, seals=False)])
    second = KeyRing([new, old])
    third = KeyRing([new])
    before = seal_cookie(first, "gw", ticket)
    record = seal_record(first, STORE_KEY, SESSION, 1, plain)
    after = seal_cookie(second, "gw", ticket)
    assert first.sealing is old
    assert open_cookie(second, "gw", before) == open_cookie(first, "gw", after) == open_cookie(third, "gw", after) == ticket
    assert open_record(second, STORE_KEY, SESSION, record) == plain
    assert open_cookie(third, "gw", before) is None
    assert open_record(third, STORE_KEY, SESSION, record) is None
    assert open_cookie(KeyRing([foreign]), "gw", after) is None


def test_a_ring_that_cannot_seal_is_refused() -> None:
    with pytest.raises(ValueError, match="seals"):
        KeyRing([Key("a", b"a" * 32, seals=False)])
    with pytest.raises(ValueError, match="seals"):
        KeyRing([])
    with pytest.raises(ValueError, match="same id"):
        KeyRing([Key("a", b"a" * 32), Key("a", b"b" * 32)])


@given(KEYS, TICKETS)
def test_no_repr_tells_a_secret(key: Key, ticket: Ticket) -> None:
    secret = repr(key.secret)[2:-1]
    assert secret not in repr(key)
    assert repr(KeyRing([key])).count(key.secret.hex()) == 0
    assert repr(ticket.secret) not in f"{ticket!r} {ticket}"
