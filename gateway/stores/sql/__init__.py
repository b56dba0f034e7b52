"""Accounts in SQL: SQLite for one machine, PostgreSQL for production. One set of statements for both.

`engine.py` opens a database and bounds every visit to it, `tables.py` is the schema, `accounts.py` the store, `schema.py` with migrations/ its
history.
"""
