"""The C library's allocator, told to keep what a busy proxy needs again at once.

Bodies pass in pieces of many kilobytes. glibc gives the top of the heap back to the kernel whenever it can and takes it again with the next piece;
thousands of calls a second that half of the time of a large download was spent in. Elsewhere than on glibc this does nothing.
"""

from __future__ import annotations

import ctypes
from typing import Final

#: mallopt(3): parameter → value in bytes.
_M_TRIM_THRESHOLD: Final = (-1, 16 << 20)
_M_TOP_PAD: Final = (-2, 1 << 20)
_M_MMAP_THRESHOLD: Final = (-3, 1 << 20)


def keep_heap() -> bool:
    """Let the heap keep up to 16 MiB at its top; whether the C library could be told."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return all(mallopt(parameter, value) for parameter, value in (_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD))
