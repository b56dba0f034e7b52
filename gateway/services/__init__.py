"""Use cases: they join rules, keys and stores, and know neither HTTP servers nor drivers. Time comes as a clock given to constructors."""
