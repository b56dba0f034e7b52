"""Tokens and codes that travel by mail."""

from __future__ import annotations

import pytest

from gateway.crypto.mailed import code_macs, new_code, new_token, spoken, token_hash, typed_code
from tests.samples import sample_ring

ANN = "0190a000-0000-7000-8000-000000616e6e"
BOB = "0190a000-0000-7000-8000-000000626f62"


def test_a_token_is_32_random_bytes_and_found_by_a_hash_of_its_purpose():
    token = new_token()
    assert len(token) == 43
    assert token != new_token()
    found = token_hash("verify", token)
    assert found is not None
    assert len(found) == 64
    assert found != token_hash("reset", token)
    assert token not in found


@pytest.mark.parametrize("text", ["", "a", "ä" * 43, "a" * 42, "a" * 44, "a" * 42 + "\n", "a" * 42 + "="])
def test_what_cannot_be_a_token_has_no_hash(text: str):
    assert token_hash("verify", text) is None


def test_a_code_is_read_in_two_groups_and_typed_in_any():
    code = new_code()
    assert typed_code(code) == typed_code(spoken(code)) == typed_code(f" {code[0]} {code[1:]}\t") == code
    assert len({new_code() for _ in range(50)}) > 40


@pytest.mark.parametrize("text", ["", "12345", "1234567", "12345a", "١٢٣٤٥٦", "12-3456"])
def test_what_cannot_be_a_code_is_none(text: str):
    assert typed_code(text) is None


def test_a_code_is_kept_under_a_key_and_bound_to_purpose_and_user():
    old, new = sample_ring("old"), sample_ring("new", "old")
    made = code_macs(old, "verify", ANN, "123456")[0]
    assert code_macs(old, "verify", ANN, "123456") == [made]
    assert code_macs(new, "verify", ANN, "123456")[0] != made, "made with the key that seals"
    assert made in code_macs(new, "verify", ANN, "123456"), "checked with every key"
    others = [code_macs(old, "reset", ANN, "123456"), code_macs(old, "verify", BOB, "123456"), code_macs(old, "verify", ANN, "123457")]
    assert all(made not in macs for macs in others)
