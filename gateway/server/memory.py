"""Memory of a process that serves: the C library's allocator, and Python's collector of cycles.

The allocator is told to keep what a busy proxy needs again at once. Bodies pass in pieces of many kilobytes; glibc gives the top of the heap back to
the kernel whenever it can and takes it again with the next piece, thousands of calls a second that half of the time of a large download was spent
in. Elsewhere than on glibc this does nothing.

The collector looks at all objects when a quarter more of them than last time have lived long. What modules are made of are 95 000 objects, which cost
it 60 to 130 ms in which nothing is served, so they are set aside once. The thresholds stay as they are: a request leaves next to no cycles.
"""

from __future__ import annotations

import ctypes
import gc
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


def settle() -> None:
    """Spare the collector what exists by now and will stay: called once, when a process is about to serve."""
    gc.freeze()
