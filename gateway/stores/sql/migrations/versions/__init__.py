"""Steps, oldest first. A released step is never changed; a new one says what it follows in `down_revision`."""
