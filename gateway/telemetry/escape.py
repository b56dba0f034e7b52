"""Text that came from outside, made safe for a line of a log.

Whoever can write a line break, a terminal's escape sequence or a direction mark into a log can forge what an operator reads (CWE-117); so all
of them are written as `\\xNN` or `\\uNNNN`, in every format.
"""

from __future__ import annotations

import re
from typing import Final

_UNSAFE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def printable(text: str) -> str:
    """`text` on one line, control characters written out; `\\` stays, so this is for reading, not for parsing back."""
    return text if text.isascii() and text.isprintable() else _UNSAFE.sub(_written_out, text)


def _written_out(found: re.Match[str]) -> str:
    code = ord(found.group())
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
