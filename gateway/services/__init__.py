"""Use cases: they join rules, keys and stores, and know neither HTTP servers nor drivers. Time comes as a clock given to constructors.

`StoreAway` is named here once more, for those above who see no stores.
"""

from __future__ import annotations

from gateway.stores import StoreAway as StoreAway
