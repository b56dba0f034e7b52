"""What is refused as a new password, and for which of the seven reasons."""

from __future__ import annotations

import re
from typing import NoReturn

import pytest

from gateway.core.password import PasswordPolicy, Weakness
from gateway.core.patterns import forms, is_repetitive, is_sequential
from gateway.crypto.wordlists import word_lists

POLICY = PasswordPolicy(context=("Blue Harbour", "wiki.example.org", "*.apps.example.net", "Kranich7"), lists=word_lists)
OWN = ("Ann.Mueller@posteo.test", "Ann Müller", "Öztürk")


@pytest.mark.parametrize(
    ("password", "weakness"),
    [
        ("", Weakness.TOO_SHORT),
        ("seven77", Weakness.TOO_SHORT),
        ("öäüß", Weakness.TOO_SHORT),
        ("a\u0308" * 7, Weakness.TOO_SHORT),
        ("a" * 257, Weakness.TOO_LONG),
        ("correct horse battery staple " * 9, Weakness.TOO_LONG),
        ("BLUEHARBOUR", Weakness.CONTEXT),
        ("blue-harbour", Weakness.CONTEXT),
        ("Harbour2026!", Weakness.CONTEXT),
        ("kranich8", Weakness.CONTEXT),
        ("wiki.example.org", Weakness.CONTEXT),
        ("example.org", Weakness.CONTEXT),
        ("apps.example.net", Weakness.CONTEXT),
        ("ann.mueller@posteo.test", Weakness.CONTEXT),
        ("ann.mueller", Weakness.CONTEXT),
        ("AnnMueller79", Weakness.CONTEXT),
        ("annmüller", Weakness.CONTEXT),
        ("müller1234", Weakness.CONTEXT),
        ("ÖZTÜRK!!", Weakness.CONTEXT),
        ("öztürköztürk", Weakness.CONTEXT),
        ("posteo.test", Weakness.CONTEXT),
        ("password", Weakness.COMPROMISED),
        ("Password1!", Weakness.COMPROMISED),
        ("fOOTBALL", Weakness.COMPROMISED),
        ("ｆｏｏｔｂａｌｌ", Weakness.COMPROMISED),
        ("passwordpassword", Weakness.COMPROMISED),
        ("trustno1", Weakness.COMPROMISED),
        ("12345678!", Weakness.COMPROMISED),
        ("Massachusetts", Weakness.DICTIONARY),
        ("algorithm_", Weakness.DICTIONARY),
        ("abababab", Weakness.REPETITIVE),
        ("aaaaaaab", Weakness.REPETITIVE),
        ("öäüßöäüß", Weakness.REPETITIVE),
        ("kxqkxqkx!", Weakness.REPETITIVE),
        ("kqxzwvkqxzwv", Weakness.REPETITIVE),
        ("kqxzwvmpkqxzwvmp", None),
        ("aaaaabbbbbccccc", Weakness.REPETITIVE),
        (" " * 8, Weakness.REPETITIVE),
        ("876543210", Weakness.SEQUENTIAL),
        ("90123456", Weakness.SEQUENTIAL),
        ("zyxwvuts", Weakness.SEQUENTIAL),
        ("lkjhgfdsa1", Weakness.SEQUENTIAL),
        ("QWERTZUIOPÜ", Weakness.SEQUENTIAL),
        ("йцукенгшщ", Weakness.SEQUENTIAL),
        ("mlkjhgfdsq", Weakness.SEQUENTIAL),
        ("zaq12wsxcde3", Weakness.SEQUENTIAL),
        ("defg7654lkjh", Weakness.SEQUENTIAL),
        ("correct horse battery staple", None),
        ("in the rain we went to see a football match", None),
        ("the blue harbour at half past nine", None),
        ("Müllers Esel frisst Disteln", None),
        ("kX9#vQ2$", None),
        ("5a8f3c1e", None),
        ("37774921", None),
        ("日本語のパスワード", None),
        ("a\u0308x9" * 3 + "kranke Möwe", None),
        ("correct horse battery staple " * 8, None),
    ],
)
def test_reasons(password, weakness):
    assert POLICY.weakness(password, OWN) is weakness


def test_what_is_somebody_elses_name_is_no_context():
    assert POLICY.weakness("ann.mueller", ("bob@example.test",)) is None


def test_lengths_are_configured():
    policy = PasswordPolicy(12, 64, lists=word_lists)
    assert [policy.weakness(password) for password in ("kX9#vQ2$", "kX9#vQ2$pLw!", "kX9#vQ2$" * 9)] == [
        Weakness.TOO_SHORT,
        None,
        Weakness.TOO_LONG,
    ]


def test_the_lists_are_not_asked_for_what_is_refused_anyway():
    def never() -> NoReturn:
        raise AssertionError

    assert PasswordPolicy(lists=never).weakness("short") is Weakness.TOO_SHORT
    assert PasswordPolicy(lists=never).weakness("ann@example.com", ("ann@example.com",)) is Weakness.CONTEXT


def test_the_lists_hold_what_they_promise():
    lists = word_lists()
    assert lists is word_lists()
    assert lists.leaked.count("\n") >= 30_000
    assert lists.words.count("\n") >= 60_000
    for text in (lists.leaked, lists.words):
        assert text == text.casefold()
        assert (text[0], text[-1]) == ("\n", "\n")
    assert "\npassword\n12345678\n" in lists.leaked
    assert PasswordPolicy(lists=word_lists).weakness("password\n12345678") is None  # two lines of a list are no word of it


def test_what_is_hung_on_at_the_end():
    assert list(forms("word12!")) == ["word12!", "word12", "word1", "word"]
    assert list(forms("87654321!")) == ["87654321!", "87654321"]
    assert list(forms("word")) == ["word"]
    assert len(list(forms("word" + "1" * 100))) == 6
    assert list(forms("a1")) == ["a1"]
    assert list(forms("")) == [""]


@pytest.mark.parametrize("text", ["", "kite", "ab1cd2ef3", "abcxyz123789qweasdzxc"])
def test_what_is_no_pattern(text):
    assert not is_sequential(text)
    assert not is_repetitive(text, 8) or text == ""


def test_the_longest_password_is_judged_at_once():
    policy = PasswordPolicy(max_length=1024, lists=word_lists)
    assert policy.weakness("ab" * 500 + "!?") is Weakness.REPETITIVE
    assert policy.weakness("".join(chr(0x4E00 + number * 7919 % 20000) for number in range(1024))) is None


def test_codes_are_what_programs_read():
    assert [weakness.value for weakness in Weakness] == [
        "too_short",
        "too_long",
        "context",
        "compromised",
        "dictionary",
        "repetitive",
        "sequential",
    ]
    assert all(re.fullmatch("[a-z_]+", weakness) for weakness in Weakness)
