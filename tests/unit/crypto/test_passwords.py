from __future__ import annotations

import bcrypt
import pytest

from gateway.core.password import Argon2Cost
from gateway.crypto.passwords import CHEAPEST, Hasher, scheme_of

HASHER = Hasher(CHEAPEST)
SALT, TAIL = "c29tZXNhbHRzb21lc2FsdA", "x" * 43


def bcrypted(password: bytes, prefix: bytes = b"2b") -> str:
    made = bcrypt.hashpw(password, bcrypt.gensalt(4, prefix=b"2b"))
    return made.replace(b"$2b$", b"$" + prefix + b"$").decode()


def test_a_password_is_known_again_and_no_other():
    stored = HASHER.hash("correct horse battery staple")
    assert HASHER.verify(stored, "correct horse battery staple")
    assert not HASHER.verify(stored, "correct horse battery stapl")
    assert "horse" not in stored


def test_every_keyboard_types_the_same_password():
    stored = HASHER.hash("schöne Grüße ﬁn")
    assert HASHER.verify(stored, "scho\u0308ne Gru\u0308ße fin")


@pytest.mark.parametrize("prefix", [b"2a", b"2b", b"2y"])
def test_bcrypt_hashes_are_accepted_and_due_for_argon2(prefix):
    stored = bcrypted("geheim ÄÖ".encode(), prefix)
    assert HASHER.verify(stored, "geheim ÄÖ")
    assert not HASHER.verify(stored, "geheim")
    assert HASHER.needs_rehash(stored)


def test_bcrypt_reads_72_bytes_as_the_programs_did_that_made_it():
    stored = bcrypted(b"x" * 72)
    assert HASHER.verify(stored, "x" * 100)
    assert not HASHER.verify(stored, "x" * 71)
    assert not HASHER.verify(stored, "with\0nul")


def test_other_costs_are_accepted_and_due():
    stored = Hasher(Argon2Cost(16, 2, 1)).hash("password")
    assert HASHER.verify(stored, "password")
    assert HASHER.needs_rehash(stored)
    assert not HASHER.needs_rehash(HASHER.hash("password"))


@pytest.mark.parametrize(
    "stored",
    [
        None,
        "",
        "garbage",
        "hunter2",
        "$argon2id$",
        "$argon2id$v=19$m=8,t=1,p=1$!!!!$????",
        f"$argon2id$v=19$m=8,t=1,p=1$c${TAIL}",
        f"$argon2id$v=19$m=99999999,t=1,p=1${SALT}${TAIL}",
        f"$argon2id$v=19$m=8,t=999,p=1${SALT}${TAIL}",
        f"$argon2id$v=19$m=8,t=1,p=0${SALT}${TAIL}",
        f"$argon2id$v=19$m=8,t=1,p=255${SALT}${TAIL}",
        f"$argon2é$v=19$m=8,t=1,p=1${SALT}${TAIL}",
        "$2b$31$" + "a" * 53,
        "$2b$04$" + "a" * 52,
        "$2x$04$" + "a" * 53,
        "$2b$00$" + "a" * 53,
        "\0\ud800",
    ],
)
def test_what_is_no_good_hash_is_nobodys_password(stored):
    assert not HASHER.verify(stored, "hunter2")
    assert not HASHER.verify(stored, "")
    assert stored is None or HASHER.needs_rehash(stored) or scheme_of(stored) is not None


def test_a_password_that_is_no_unicode_is_only_wrong():
    assert not HASHER.verify(HASHER.dummy, "\ud800\udfff")


def test_nobody_knows_the_dummys_password():
    assert HASHER.dummy != Hasher(CHEAPEST).dummy
    assert not HASHER.needs_rehash(HASHER.dummy)
    assert scheme_of(HASHER.dummy) == scheme_of(HASHER.hash("password"))
    assert len(HASHER.dummy) == len(HASHER.hash("password"))


class Counting(Hasher):
    """Keeps the kind of every hash that it works on."""

    def __init__(self) -> None:
        super().__init__(CHEAPEST)
        self.worked: list[str | None] = []

    def _check_argon2(self, stored: str, secret: bytes) -> bool:
        self.worked.append(scheme_of(stored))
        return super()._check_argon2(stored, secret)


@pytest.mark.parametrize("stored", [None, "garbage", f"$argon2id$v=19$m=99999999,t=1,p=1${SALT}${TAIL}", HASHER.dummy])
def test_without_a_good_hash_the_work_is_the_same(stored):
    """Whoever has no account, or a corrupt hash, is refused after as much work as anybody."""
    hasher = Counting()
    assert not hasher.verify(stored, "hunter2")
    assert hasher.worked == [scheme_of(hasher.dummy)]
