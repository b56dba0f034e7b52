"""What accounts need for people to look after them themselves: profiles, pending addresses, search; tokens, mail, the audit trail, failed logins."""

from __future__ import annotations

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Columns for accounts that exist, filled; tables beside them."""
    op.add_column("users", sa.Column("first_name", sa.String(100), nullable=False, server_default=sa.text("''")))
    op.add_column("users", sa.Column("last_name", sa.String(100), nullable=False, server_default=sa.text("''")))
    op.add_column("users", sa.Column("phone", sa.String(32), nullable=True))
    op.add_column("users", sa.Column("birth_date", sa.String(10), nullable=True))
    op.add_column("users", sa.Column("link", sa.Text(), nullable=True))
    op.add_column("users", sa.Column("pending_email", sa.String(254), nullable=True))
    op.add_column("users", sa.Column("contested", sa.Boolean(), nullable=False, server_default=sa.text("false")))
    op.add_column("users", sa.Column("search_key", sa.Text(), nullable=False, server_default=sa.text("''")))
    _fill_search_keys()
    op.create_table(
        "tokens",
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("user_id", sa.String(36), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=False),
        sa.Column("code", sa.String(64), nullable=True),
        sa.Column("code_until", sa.Double(), nullable=False),
        sa.Column("tries_left", sa.Integer(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_tokens"),
    )
    op.create_index("ix_tokens_user_id", "tokens", ["user_id"])
    op.create_index("ix_tokens_expires", "tokens", ["expires"])
    op.create_table(
        "outbox",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("recipient", sa.String(254), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("due", sa.Double(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
    )
    op.create_index("ix_outbox_due", "outbox", ["due"])
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("time", sa.Double(), nullable=False),
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("outcome", sa.String(32), nullable=False),
        sa.Column("user_id", sa.String(36), nullable=True),
        sa.Column("email", sa.String(254), nullable=True),
        sa.Column("email_key", sa.String(1024), nullable=True),
        sa.Column("address", sa.String(64), nullable=True),
        sa.Column("session", sa.String(64), nullable=True),
        sa.Column("details", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_time", "audit", ["time"])
    op.create_index("ix_audit_email_key", "audit", ["email_key"])
    op.create_index("ix_audit_user_id", "audit", ["user_id", "id"])
    op.create_table(
        "login_failures",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_login_failures"),
    )
    op.create_index("ix_login_failures_last", "login_failures", ["last"])


def _fill_search_keys() -> None:
    # No database folds case the way Python does. A step is never changed, so it asks nothing of code that may be.
    users = sa.table("users", sa.column("id"), sa.column("email_key"), sa.column("name"), sa.column("search_key"))
    connection = op.get_bind()
    rows = connection.execute(sa.select(users.c.id, users.c.email_key, users.c.name)).all()
    filled = [{"row": row.id, "key": f"{row.email_key}\n{_folded(row.name)}"} for row in rows]
    if filled:
        connection.execute(sa.update(users).where(users.c.id == sa.bindparam("row")).values(search_key=sa.bindparam("key")), filled)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
