"""What Alembic executes to run steps: on the connection it was handed, inside the transaction that is already open there."""

from __future__ import annotations

from alembic import context

from gateway.stores.sql.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,  # SQLite alters a table by copying it
    transactional_ddl=True,  # true of both databases, since we begin SQLite's transactions ourselves
)
context.run_migrations()
