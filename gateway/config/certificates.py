"""Certificates and keys in files: whether a server could use them, told file by file before it tries to.

Only what is wrong is told, and nothing of what the files hold. Whether a certificate is trusted by anybody is not asked: its issuer need not be known
here.
"""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


@dataclass(frozen=True, slots=True)
class Flaw:
    """`of_key`: it is the key's, not the certificate's. `fatal`: nothing can be served with it."""

    problem: str
    of_key: bool = False
    fatal: bool = True


def unreadable(file: str) -> str | None:
    """Why a file cannot be read, None when it can."""
    try:
        with Path(file).open("rb") as stream:
            stream.read(1)
    except (OSError, ValueError) as error:
        return f"{file} cannot be read: {getattr(error, 'strerror', None) or 'not a file name'}"
    return None


def flaws_of_pair(certificate: str, key: str, now: datetime) -> Sequence[Flaw]:
    """What is wrong with a certificate chain, whose first is the server's own, and its private key, both PEM."""
    flaws = [Flaw(reason, of_key) for file, of_key in ((certificate, False), (key, True)) if (reason := unreadable(file)) is not None]
    if flaws:
        return flaws
    chain = _certificates(certificate)
    if not chain:
        flaws.append(Flaw(f"{certificate} holds no certificate in PEM"))
    public = _public_key(key)
    if isinstance(public, str):
        flaws.append(Flaw(public, of_key=True))
    elif chain and not _fits(chain[0], public):
        flaws.append(Flaw(f"{key} is not the key of the first certificate in {certificate}", of_key=True))
    if flaws:
        return flaws
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except (ssl.SSLError, OSError) as error:  # too short a key, say: what this machine's OpenSSL allows
        return [Flaw(f"{certificate} cannot be used: {getattr(error, 'reason', None) or error}")]
    return _times(certificate, chain[:1], now)


def flaws_of_authorities(file: str, now: datetime) -> Sequence[Flaw]:
    """What is wrong with certificates that are to be trusted."""
    if (reason := unreadable(file)) is not None:
        return [Flaw(reason)]
    chain = _certificates(file)
    return _times(file, chain, now) if chain else [Flaw(f"{file} holds no certificate in PEM")]


def _times(file: str, chain: Sequence[Certificate], now: datetime) -> Sequence[Flaw]:
    """None where one of them is good now."""
    if any(one.not_valid_before_utc <= now <= one.not_valid_after_utc for one in chain):
        return []
    last = max(one.not_valid_after_utc for one in chain)
    if last < now:
        return [Flaw(f"{file} expired on {last:%Y-%m-%d}", fatal=False)]
    return [Flaw(f"{file} is not valid before {min(one.not_valid_before_utc for one in chain):%Y-%m-%d %H:%M} UTC", fatal=False)]


def _certificates(file: str) -> Sequence[Certificate]:
    from cryptography.x509 import load_pem_x509_certificates  # with the first certificate: no start without one is slower for it

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of serial numbers that no authority should give out, and some that everybody trusts did
        try:
            return load_pem_x509_certificates(Path(file).read_bytes())
        except (ValueError, OSError):
            return []


def _fits(certificate: Certificate, public: bytes) -> bool:
    """Whether it is of that public key; one of a kind that cannot be read is of none that can."""
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        return _public_bytes(certificate.public_key()) == public
    except (ValueError, UnsupportedAlgorithm):
        return False


def _public_key(file: str) -> bytes | str:
    """What belongs to a private key, or why there is none."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return _public_bytes(load_pem_private_key(Path(file).read_bytes(), None).public_key())
    except TypeError:
        return f"{file}: the key is encrypted; the gateway needs it in the clear, readable by its own user only"
    except (ValueError, OSError, UnsupportedAlgorithm):
        return f"{file} holds no private key in PEM"


def _public_bytes(key: object) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    shown: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]  # every kind of public key has it
    return shown
