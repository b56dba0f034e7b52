"""What is kept and where: the protocols here, then memory/ redis/ sql/.

A store is a few dull methods on bytes and rows; the clever part is in services/ and core/. One suite in tests/contract runs on every implementation.
Every method may raise `StoreAway`, within a second of being called, when the store cannot be reached or does not answer.
"""

from __future__ import annotations


class StoreAway(Exception):
    """The store could not be reached, or hung. The text names the store and the cause, and no secret."""
