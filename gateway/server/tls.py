"""The server's certificate: TLS 1.2 and newer, replaced without a restart.

New handshakes take what was loaded last; connections that are open keep theirs. A certificate that cannot be loaded changes nothing.
"""

from __future__ import annotations

import ssl
from pathlib import Path


class BadCertificate(Exception):
    """A certificate or key cannot be used. The text names the files and shows nothing of them."""


class Certificate:
    """A certificate and its key. Raises BadCertificate when made of files that cannot be used."""

    __slots__ = ("_certificate", "_key", "context")

    def __init__(self, certificate: Path, key: Path) -> None:
        self._certificate = certificate
        self._key = key
        self.context = self._new_context()

    def check(self) -> None:
        """Whether the files could be used as they are now. Raises BadCertificate."""
        self._new_context()

    def reload(self) -> None:
        """Read the files again. Raises BadCertificate, and then the old one stays."""
        self.check()  # a pair that does not fit would leave the living context with half of it
        self._load(self.context)

    @property
    def files(self) -> tuple[Path, Path]:
        """What to watch for changes."""
        return (self._certificate, self._key)

    def _new_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
        context.set_alpn_protocols(["http/1.1"])
        self._load(context)
        return context

    def _load(self, context: ssl.SSLContext) -> None:
        def encrypted() -> str:
            raise BadCertificate(f"{self._key}: the key is encrypted; the gateway needs it in the clear, readable by its own user only")

        try:
            context.load_cert_chain(self._certificate, self._key, password=encrypted)
        except ssl.SSLError as error:
            raise BadCertificate(f"{self._certificate}, {self._key}: not a certificate with its key ({error.reason or 'unreadable'})") from error
        except OSError as error:
            raise BadCertificate(f"{self._certificate}, {self._key}: {error.strerror}") from error
