"""The schema's history, one module a step in versions/. Run by `stores/sql/schema.py`, never by Alembic's own command."""
