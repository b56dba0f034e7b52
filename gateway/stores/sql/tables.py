"""The schema as it is now. How a database gets here is migrations/' business; a test holds that both agree on SQLite and PostgreSQL.

Times are seconds since 1970 (double precision), as everywhere in the gateway.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Column, Double, MetaData, String, Table, Text

#: Every constraint has a name that a later migration can drop it by, the same on both databases.
NAMING: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


METADATA: Final = MetaData(naming_convention=NAMING)

#: Accounts. `email_key` is `core.email.address_key(email)`; `groups` is a JSON list of names; `session_epoch` rises with every change that the
#: account's sessions must feel.
USERS: Final = Table(
    "users",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("email", String(254), nullable=False),
    Column("email_key", String(1024), nullable=False, unique=True),
    Column("name", String(100), nullable=False),
    Column("state", String(16), nullable=False),
    Column("groups", Text, nullable=False),
    Column("password_hash", Text),
    Column("session_epoch", BigInteger, nullable=False),
    Column("created", Double, nullable=False),
    Column("last_login", Double),
    CheckConstraint("state IN ('created', 'verified', 'expired', 'disabled')", name="state"),
)

#: What a user's sessions have yet to feel; one row a user. No foreign key: it outlives a deleted account.
EFFECTS: Final = Table(
    "session_effects",
    METADATA,
    Column("user_id", String(36), primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    Column("end_below", BigInteger, nullable=False),
)
