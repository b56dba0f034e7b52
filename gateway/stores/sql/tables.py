"""The schema as it is now. How a database gets here is migrations/' business; a test holds that both agree on SQLite and PostgreSQL.

Times are seconds since 1970 (double precision), as everywhere in the gateway.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Double, Index, Integer, LargeBinary, MetaData, String, Table, Text, text

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
#: account's sessions must feel; `search_key` is what a search looks into (accounts.py makes it of address and names). `signed_up`: see `Account`.
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
    Column("first_name", String(100), nullable=False, server_default=text("''")),
    Column("last_name", String(100), nullable=False, server_default=text("''")),
    Column("phone", String(32)),
    Column("birth_date", String(10)),
    Column("link", Text),
    Column("pending_email", String(254)),
    Column("contested", Boolean, nullable=False, server_default=text("false")),
    Column("search_key", Text, nullable=False, server_default=text("''")),
    Column("signed_up", Double, index=True),
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

#: `stores.tokens.Token`. `code_until` says until when the code may be used.
TOKENS: Final = Table(
    "tokens",
    METADATA,
    Column("hash", String(64), primary_key=True),
    Column("purpose", String(16), nullable=False),
    Column("user_id", String(36), nullable=False, index=True),
    Column("created", Double, nullable=False),
    Column("expires", Double, nullable=False, index=True),
    Column("code", String(64)),
    Column("code_until", Double, nullable=False),
    Column("tries_left", Integer, nullable=False),
    Column("payload", LargeBinary, nullable=False),
)

#: `stores.outbox.Letter`; those without `due` are buried.
OUTBOX: Final = Table(
    "outbox",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("recipient", String(254), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created", Double, nullable=False),
    Column("due", Double, index=True),
    Column("tries", Integer, nullable=False),
    Column("error", Text),
)

#: `stores.trail.Entry`. `email_key` finds an address in any spelling.
AUDIT: Final = Table(
    "audit",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("time", Double, nullable=False, index=True),
    Column("event", String(64), nullable=False),
    Column("outcome", String(32), nullable=False),
    Column("user_id", String(36)),
    Column("email", String(254)),
    Column("email_key", String(1024), index=True),
    Column("address", String(64)),
    Column("session", String(64)),
    Column("details", Text, nullable=False),
    Index("ix_audit_user_id", "user_id", "id"),
)

#: Logins that failed in a row, by the hash of an address that may have an account or not.
FAILURES: Final = Table(
    "login_failures",
    METADATA,
    Column("key", String(64), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last", Double, nullable=False, index=True),
)
