"""What `gateway demo` shows: an application without a login of its own, and the configuration that protects it."""
