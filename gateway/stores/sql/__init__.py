"""Accounts and what belongs to them in SQL: SQLite for one machine, PostgreSQL for production. One set of statements for both.

`engine.py` opens a database and bounds every visit to it, `tables.py` is the schema, `schema.py` with migrations/ its history. The others are stores.
"""
