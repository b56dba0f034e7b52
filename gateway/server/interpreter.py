"""Starting Python again, for a module of our own."""

from __future__ import annotations

import sys


def python() -> list[str]:
    """The interpreter. Only who started the gateway with -m has meant the working directory to be searched for modules."""
    return [sys.executable] if "-m" in sys.orig_argv[1:-1] else [sys.executable, "-P"]
