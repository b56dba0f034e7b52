"""Keys, sealing, tokens, password hashing, assertion signing. The only room where randomness comes from. No I/O, no `async`."""
