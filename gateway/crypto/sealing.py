"""Sealing: AES-256-GCM (NIST SP 800-38D) for the session cookie, for session records, and for what waits in the database.

Cookie: base64url of `version ‖ length of key id ‖ key id ‖ nonce ‖ ciphertext`, at most 200 characters; inside are the session's id and its secret,
no user data. Record: `format ‖ revision (8 bytes) ‖ length of key id ‖ key id ‖ nonce ‖ ciphertext`. Note: `format ‖ length of
key id ‖ key id ‖ nonce ‖ ciphertext`. The header fields, the purpose and the cookie's name, the store's key or the row's id are authenticated with
it, so nothing sealed can be moved to another place. What does not open is None, never an exception: it is the client's input.
"""

from __future__ import annotations

import binascii
import re
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.crypto.keys import KeyRing, Purpose
from gateway.crypto.tokens import SESSION_ID_BYTES, SESSION_SECRET_BYTES, random_bytes

COOKIE_VERSION: Final = 1
RECORD_FORMAT: Final = 1
NOTE_FORMAT: Final = 1
MOST_COOKIE: Final = 200
_NONCE: Final = 12
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]{40,200}")


class Ticket(NamedTuple):
    """What a session cookie holds."""

    id: bytes
    secret: bytes

    def __repr__(self) -> str:
        return "Ticket(…)"


def seal_cookie(ring: KeyRing, name: str, ticket: Ticket) -> str:
    """The value of the cookie `name`."""
    key = ring.sealing
    head = bytes((COOKIE_VERSION, len(key.id))) + key.id.encode("ascii")
    nonce = random_bytes(_NONCE)
    sealed = key.cookie_cipher.encrypt(nonce, ticket.id + ticket.secret, _cookie_context(name, head))
    return _to_base64url(head + nonce + sealed).decode("ascii")


def open_cookie(ring: KeyRing, name: str, value: str) -> Ticket | None:
    """What the cookie `name` holds; None for anything that this ring did not seal for this name."""
    if not _BASE64URL.fullmatch(value):
        return None
    text = value.encode("ascii").translate(_FROM_URL)
    try:
        data = binascii.a2b_base64(text + b"=" * (-len(text) % 4), strict_mode=True)
    except binascii.Error:
        return None
    if data[0] != COOKIE_VERSION or _to_base64url(data) != value.encode("ascii"):
        return None  # the second: spare bits at the end are set, and a cookie has only one spelling
    end = 2 + data[1]
    head = data[:end]
    key = ring.get(head[2:].decode("latin-1"))
    if key is None:
        return None
    try:
        inside = key.cookie_cipher.decrypt(data[end : end + _NONCE], data[end + _NONCE :], _cookie_context(name, head))
    except (InvalidTag, ValueError):
        return None
    if len(inside) != SESSION_ID_BYTES + SESSION_SECRET_BYTES:
        return None
    return Ticket(inside[:SESSION_ID_BYTES], inside[SESSION_ID_BYTES:])


def seal_record(ring: KeyRing, store_key: str, session: bytes, revision: int, plain: bytes) -> bytes:
    """A record for `store_key`; `session` is the SHA-256 of the session's id."""
    key = ring.sealing
    head = bytes((RECORD_FORMAT,)) + revision.to_bytes(8, "big") + bytes((len(key.id),)) + key.id.encode("ascii")
    nonce = random_bytes(_NONCE)
    return head + nonce + key.record_cipher(session).encrypt(nonce, plain, _record_context(store_key, head))


def open_record(ring: KeyRing, store_key: str, session: bytes, record: bytes) -> bytes | None:
    """The inside of a record; None for anything that this ring did not seal for this place."""
    if len(record) < 10 or record[0] != RECORD_FORMAT:
        return None
    end = 10 + record[9]
    head = record[:end]
    key = ring.get(head[10:].decode("latin-1"))
    if key is None:
        return None
    try:
        return key.record_cipher(session).decrypt(record[end : end + _NONCE], record[end + _NONCE :], _record_context(store_key, head))
    except (InvalidTag, ValueError):
        return None


def seal_note(ring: KeyRing, purpose: Purpose, place: str, plain: bytes) -> bytes:
    """What may lie in the database's row `place` without being read there."""
    key = ring.sealing
    head = bytes((NOTE_FORMAT, len(key.id))) + key.id.encode("ascii")
    nonce = random_bytes(_NONCE)
    return head + nonce + AESGCM(key.derived[purpose]).encrypt(nonce, plain, _note_context(purpose, place, head))


def open_note(ring: KeyRing, purpose: Purpose, place: str, note: bytes) -> bytes | None:
    """The inside of a note; None for anything that this ring did not seal for this purpose and place."""
    if len(note) < 2 or note[0] != NOTE_FORMAT:
        return None
    end = 2 + note[1]
    head = note[:end]
    key = ring.get(head[2:].decode("latin-1"))
    if key is None:
        return None
    try:
        return AESGCM(key.derived[purpose]).decrypt(note[end : end + _NONCE], note[end + _NONCE :], _note_context(purpose, place, head))
    except (InvalidTag, ValueError):
        return None


def revision_of(record: bytes) -> bytes:
    """The 8 bytes on which a change is compared."""
    return record[1:9]


def _to_base64url(data: bytes) -> bytes:
    return binascii.b2a_base64(data, newline=False).rstrip(b"=").translate(_TO_URL)


_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_FROM_URL: Final = bytes.maketrans(b"-_", b"+/")


def _cookie_context(name: str, head: bytes) -> bytes:
    return Purpose.COOKIE.value + b"\0" + name.encode("ascii") + b"\0" + head


def _record_context(store_key: str, head: bytes) -> bytes:
    return Purpose.RECORD.value + b"\0" + store_key.encode("utf-8") + b"\0" + head


def _note_context(purpose: Purpose, place: str, head: bytes) -> bytes:
    return purpose.value + b"\0" + place.encode("utf-8") + b"\0" + head
