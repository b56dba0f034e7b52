"""Stores in the memory of one process: for `memory://`, the demo and tests. They never raise StoreAway, and a restart forgets everything."""

from __future__ import annotations

from gateway.stores.memory.sessions import MemorySessionStore
from gateway.stores.memory.throttle import MemoryThrottleStore

__all__ = ["MemorySessionStore", "MemoryThrottleStore"]
