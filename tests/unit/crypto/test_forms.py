"""The form cookie and the field: good for one browser, one session and four hours, and for nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.crypto.forms import FIELD_LIFE, FormCookie, check_field, make_field, new_form_cookie, read_form_cookie, write_form_cookie
from gateway.crypto.keys import Key, KeyRing
from tests.samples import NOW, sample_ring

RING = sample_ring("2026a", "2026b")
COOKIE = FormCookie(b"r" * 16, int(NOW))
MEMBER = "ab" * 32


def test_a_cookie_comes_back_as_it_was_written():
    assert read_form_cookie(RING, write_form_cookie(RING, COOKIE)) == COOKIE
    fresh = new_form_cookie()
    assert fresh.login == 0
    assert fresh.random != new_form_cookie().random
    assert fresh.marked(NOW + 0.9).login == int(NOW)
    assert fresh.marked(NOW).random == fresh.random, "a login keeps the browser, so forms of other tabs work"


def test_a_cookie_holds_together():
    value = write_form_cookie(RING, COOKIE)
    assert len(value) == 75
    for index in range(len(value)):
        changed = value[:index] + ("A" if value[index] != "A" else "B") + value[index + 1 :]
        assert read_form_cookie(RING, changed) is None


def test_a_field_is_good_for_its_browser_session_and_time():
    field = make_field(RING, COOKIE, MEMBER, NOW)
    assert check_field(RING, COOKIE, MEMBER, field, NOW)
    assert check_field(RING, COOKIE.marked(0), MEMBER, field, NOW), "the login mark is no part of it"
    assert not check_field(RING, new_form_cookie(), MEMBER, field, NOW)
    assert not check_field(RING, COOKIE, None, field, NOW)
    assert not check_field(RING, COOKIE, "cd" * 32, field, NOW)
    assert check_field(RING, COOKIE, None, make_field(RING, COOKIE, None, NOW), NOW)


@pytest.mark.parametrize(("after", "good"), [(-61, False), (-60, True), (0, True), (FIELD_LIFE - 1, True), (FIELD_LIFE, False), (10**9, False)])
def test_four_hours_and_clocks_that_differ(after: int, good: bool):
    assert check_field(RING, COOKIE, MEMBER, make_field(RING, COOKIE, MEMBER, NOW), NOW + after) is good


def test_keys_can_be_replaced():
    old, both, new = sample_ring("2026a"), KeyRing([Key("2026b", b"b" * 32), Key("2026a", (b"2026a" * 32)[:32], seals=False)]), sample_ring("2027x")
    cookie, field = write_form_cookie(old, COOKIE), make_field(old, COOKIE, None, NOW)
    assert read_form_cookie(both, cookie) == COOKIE
    assert check_field(both, COOKIE, None, field, NOW)
    assert write_form_cookie(both, COOKIE) != cookie, "the first key that seals makes"
    assert read_form_cookie(new, cookie) is None
    assert not check_field(new, COOKIE, None, field, NOW)


def test_neither_stands_in_for_the_other():
    assert not check_field(RING, COOKIE, None, write_form_cookie(RING, COOKIE), NOW)
    assert read_form_cookie(RING, make_field(RING, COOKIE, None, NOW)) is None


@given(st.text(max_size=120))
def test_anything_else_is_refused_without_an_exception(text: str):
    assert read_form_cookie(RING, text) is None
    assert not check_field(RING, COOKIE, None, text, NOW)


@pytest.mark.parametrize(
    "change", [lambda v: v + "=", lambda v: v + "\n", lambda v: " " + v, lambda v: v[:-1] + "!", lambda v: v.replace(v[0], "+", 1)]
)
def test_there_is_one_spelling(change):
    assert read_form_cookie(RING, change(write_form_cookie(RING, COOKIE))) is None


def test_nothing_secret_is_in_a_repr():
    assert "rrrr" not in repr(COOKIE)
