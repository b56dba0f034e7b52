"""The operator's logo: a picture's bytes and its media type, told from the bytes and never from the name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MOST: Final = 256 << 10
_SIGNATURES: Final = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"))


@dataclass(frozen=True, slots=True)
class Logo:
    """A picture."""

    content: bytes
    media_type: str


def read_logo(file: str) -> Logo:
    """Raises ValueError for what cannot be read or is no picture."""
    try:
        with Path(file).open("rb") as stream:
            content = stream.read(_MOST + 1)
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}") from None
    if len(content) > _MOST:
        raise ValueError(f"{file} is larger than 256 KiB")
    for signature, media_type in _SIGNATURES:
        if content.startswith(signature):
            return Logo(content, media_type)
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return Logo(content, "image/webp")
    if b"<svg" in content[:4096] and content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return Logo(content, "image/svg+xml")
    raise ValueError(f"{file} is no SVG, PNG, JPEG or WebP picture")
