"""Telling the C library to keep its heap works where the gateway is deployed, and hurts nowhere."""

from __future__ import annotations

import platform

from gateway.server.memory import keep_heap


def test_glibc_takes_the_advice() -> None:
    assert keep_heap() is (platform.libc_ver()[0] == "glibc")
