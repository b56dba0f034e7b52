"""Certificates that could not be served, and authorities that nobody is verified with, are told with their key and line before anything is served."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from gateway.config.certificates import flaws_of_authorities
from gateway.config.errors import Problem
from tests.certificates import Authority
from tests.configurations import KEY, problems

CERTIFICATE, PRIVATE = "server.tls.certificate_file", "server.tls.key_file"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def of_server(folder: Path, certificate: Path, key: Path) -> list[Problem]:
    """What is said of the pair; it stands in the lines 3 and 4."""
    text = "\n".join(
        [
            "server:",
            "  tls:",
            f"    certificate_file: {certificate}",
            f"    key_file: {key}",
            "  public_url: https://auth.example.com",
            f"keys: [{{id: a, secret: {KEY}}}]",
        ]
    )
    return [problem for problem in problems(folder, text) if problem.key.startswith("server.tls")]


def encrypted(file: Path) -> None:
    key = serialization.load_pem_private_key(file.read_bytes(), None)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x"))
    file.write_bytes(key.private_bytes(*form))


def test_a_pair_that_fits_is_nothing_to_talk_of(tmp_path: Path, authority: Authority) -> None:
    issued = authority.issue("auth.example.com")
    assert of_server(tmp_path, issued.certificate, issued.key) == []
    issued.certificate.write_bytes(issued.certificate.read_bytes() + authority.file.read_bytes())
    assert of_server(tmp_path, issued.certificate, issued.key) == [], "a chain"


@pytest.mark.parametrize(
    ("spoil", "key", "said"),
    [
        (lambda certificate, key: certificate.unlink(), CERTIFICATE, "cannot be read: No such file"),
        (lambda certificate, key: key.unlink(), PRIVATE, "cannot be read: No such file"),
        (lambda certificate, key: certificate.write_text("x"), CERTIFICATE, "holds no certificate in PEM"),
        (lambda certificate, key: certificate.write_bytes(key.read_bytes()), CERTIFICATE, "holds no certificate in PEM"),
        (lambda certificate, key: key.write_text("x"), PRIVATE, "holds no private key in PEM"),
        (lambda certificate, key: key.write_bytes(certificate.read_bytes()), PRIVATE, "holds no private key in PEM"),
        (lambda certificate, key: encrypted(key), PRIVATE, "the key is encrypted"),
    ],
)
def test_a_pair_that_cannot_be_served_is_an_error(
    tmp_path: Path, authority: Authority, spoil: Callable[[Path, Path], object], key: str, said: str
) -> None:
    issued = authority.issue("auth.example.com")
    spoil(issued.certificate, issued.key)
    (found,) = of_server(tmp_path, issued.certificate, issued.key)
    assert (found.key, found.severity, found.mark.line) == (key, "error", 3 if key == CERTIFICATE else 4)
    assert said in found.message
    assert "BEGIN" not in found.message


def test_both_files_are_told_at_once(tmp_path: Path) -> None:
    assert [problem.key for problem in of_server(tmp_path, tmp_path / "a", tmp_path / "b")] == [CERTIFICATE, PRIVATE]


def test_anothers_key_is_the_keys_mistake(tmp_path: Path, authority: Authority) -> None:
    mine, theirs = authority.issue("auth.example.com"), authority.issue("auth.example.com")
    (found,) = of_server(tmp_path, mine.certificate, theirs.key)
    assert (found.key, found.severity) == (PRIVATE, "error")
    assert "is not the key of the first certificate" in found.message
    mine.certificate.write_bytes(authority.file.read_bytes() + mine.certificate.read_bytes())
    (found,) = of_server(tmp_path, mine.certificate, mine.key)
    assert found.key == PRIVATE, "its own certificate must be the first"


def test_a_certificate_of_a_key_that_nobody_here_can_read_is_not_the_keys(tmp_path: Path, authority: Authority) -> None:
    issued = authority.issue("auth.example.com")
    certificate = x509.load_pem_x509_certificate(issued.certificate.read_bytes())
    curve = bytes.fromhex("06082a8648ce3d030107")  # prime256v1 (RFC 5480 section 2.1.1.1) becomes one that is not known
    spoilt = certificate.public_bytes(serialization.Encoding.DER).replace(curve, curve[:-1] + b"\x7f", 1)
    issued.certificate.write_text(ssl.DER_cert_to_PEM_cert(spoilt))
    (found,) = of_server(tmp_path, issued.certificate, issued.key)
    assert found.key == PRIVATE
    assert "is not the key of the first certificate" in found.message


@pytest.mark.parametrize(("days", "said"), [(-2, "expired on 20"), (2, "is not valid before 20")])
def test_a_certificate_outside_its_time_is_a_warning(tmp_path: Path, authority: Authority, days: int, said: str) -> None:
    issued = authority.issue("auth.example.com", days=days)
    (found,) = of_server(tmp_path, issued.certificate, issued.key)
    assert (found.key, found.severity, found.mark.line) == (CERTIFICATE, "warning", 3)
    assert said in found.message


def test_what_openssl_does_not_take_is_told_in_its_words(tmp_path: Path) -> None:
    weak = rsa.generate_private_key(65537, 1024)
    key = tmp_path / "weak.key"
    key.write_bytes(weak.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    (found,) = of_server(tmp_path, Authority(tmp_path, weak).file, key)
    assert (found.key, found.severity) == (CERTIFICATE, "error")
    assert "cannot be used" in found.message


@pytest.mark.parametrize(("days", "severity", "said"), [(0, "", ""), (-2, "warning", "expired on 20"), (None, "error", "holds no certificate")])
def test_authorities_of_an_upstream_are_looked_into(tmp_path: Path, authority: Authority, days: int | None, severity: str, said: str) -> None:
    file = tmp_path / "own.pem"
    file.write_bytes(b"x" if days is None else authority.issue("wiki.internal", days=days).certificate.read_bytes())
    route = f"routes: [{{name: a, host: a.example.com, upstream: 'https://a', access: login, tls: {{ca_file: {file}}}}}]"
    text = f"keys: [{{id: a, secret: {KEY}}}]\nserver: {{public_url: https://auth.example.com}}\n{route}\n"
    found = [problem for problem in problems(tmp_path, text) if problem.key == "routes[0].tls.ca_file"]
    assert [problem.severity for problem in found] == ([severity] if severity else [])
    assert all(said in problem.message for problem in found)


def test_an_odd_serial_number_of_an_authority_is_nobodys_business(tmp_path: Path, authority: Authority) -> None:
    """Bundles of distributions have such; a warning would be an error here."""
    der = x509.load_pem_x509_certificate(authority.file.read_bytes()).public_bytes(serialization.Encoding.DER)
    version = bytes.fromhex("a003020102")  # the serial number follows it (RFC 5280 section 4.1)
    at = der.index(version) + len(version)
    assert der[at] == 2
    negative = der[: at + 2] + b"\x80" + der[at + 3 :]
    file = tmp_path / "odd.pem"
    file.write_text(ssl.DER_cert_to_PEM_cert(negative))
    assert flaws_of_authorities(str(file), datetime.now(UTC)) == []
