"""Telling the C library to keep its heap works where the gateway is deployed, and hurts nowhere."""

from __future__ import annotations

import gc
import platform

from gateway.server.memory import keep_heap, settle


def test_glibc_takes_the_advice() -> None:
    assert keep_heap() is (platform.libc_ver()[0] == "glibc")


def test_the_collector_is_spared_what_exists() -> None:
    kept: list[object] = [[]]
    settle()
    try:
        assert gc.get_freeze_count() > 0
        assert not any(one is kept for one in gc.get_objects())
    finally:
        gc.unfreeze()
