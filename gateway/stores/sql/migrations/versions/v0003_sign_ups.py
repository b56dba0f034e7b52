"""Which accounts a sign-up made that nobody has confirmed, and when it was last tried: they give way, an administrator's do not."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The audit trail knows which of the accounts that wait came from a sign-up. What it has forgotten, or what an administrator put into a group
    or gave a password, is nobody's to delete."""
    op.add_column("users", sa.Column("signed_up", sa.Double(), nullable=True))
    op.create_index("ix_users_signed_up", "users", ["signed_up"])
    op.execute(
        "UPDATE users SET signed_up = (SELECT max(audit.time) FROM audit WHERE audit.user_id = users.id AND audit.event = 'user:signup') "
        "WHERE state = 'created' AND groups = '[]' AND EXISTS "
        "(SELECT 1 FROM audit WHERE audit.user_id = users.id AND audit.event = 'user:signup' AND audit.outcome = 'success') AND NOT EXISTS "
        "(SELECT 1 FROM audit WHERE audit.user_id = users.id AND audit.event IN ('user:groups', 'user:password', 'user:state'))"
    )
