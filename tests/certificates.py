"""Certificates for tests: an authority of their own, made anew in a temporary folder."""

from __future__ import annotations

import datetime
import ssl
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

_PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_DAY = datetime.timedelta(days=1)


class Issued(NamedTuple):
    """Files in PEM: the certificate, its key, the authority's certificate."""

    certificate: Path
    key: Path
    authority: Path


class Authority:
    """Signs certificates for names and addresses. `context()` trusts it."""

    def __init__(self, folder: Path, key: _PrivateKey | None = None) -> None:
        self._folder = folder
        self._key = key or ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        self.file = folder / "authority.pem"
        own = self._builder(self._name, self._key).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self.file.write_bytes(own.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def issue(self, *names: str, days: float = 0) -> Issued:
        """A certificate for these host names and IP addresses, good from a day ago to tomorrow, or `days` later; another call makes another one, also
        for the same names."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        alternatives = x509.SubjectAlternativeName([_general(name) for name in names])
        signed = self._builder(subject, key, days).add_extension(alternatives, critical=False).sign(self._key, hashes.SHA256())
        stem = f"{names[0].replace('*', '_').replace(':', '_')}-{signed.serial_number:x}"[:60]
        issued = Issued(self._folder / f"{stem}.pem", self._folder / f"{stem}.key", self.file)
        issued.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        issued.key.write_bytes(key.private_bytes(*form))
        return issued

    def context(self) -> ssl.SSLContext:
        """For a client that trusts this authority and nobody else."""
        return ssl.create_default_context(cafile=str(self.file))

    def server_context(self, *names: str) -> ssl.SSLContext:
        """For a server that answers to these names."""
        issued = self.issue(*names)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(issued.certificate, issued.key)
        return context

    def _builder(self, subject: x509.Name, key: _PrivateKey, days: float = 0) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC) + days * _DAY
        authority_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _DAY)
            .not_valid_after(now + _DAY)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(authority_id, critical=False)
        )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
