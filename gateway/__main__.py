"""`python -m gateway` is the command `gateway`."""

from __future__ import annotations

from gateway.cli import main

main()
