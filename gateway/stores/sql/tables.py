"""The schema as it is now. How a database gets here is migrations/' business; a test holds that both agree on SQLite and PostgreSQL.

Times are seconds since 1970 (double precision), as everywhere in the gateway.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Double, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

#: Every constraint has a name that a later migration can drop it by, the same on both databases.
NAMING: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Table(DeclarativeBase):
    """What all tables share."""

    metadata = MetaData(naming_convention=NAMING)


class UserRow(Table):
    """An account. `email_key` is `core.email.address_key(email)`; `groups` is a JSON list of names; `session_epoch` rises with every change that the
    account's sessions must feel."""

    __tablename__ = "users"
    __table_args__ = (CheckConstraint("state IN ('created', 'verified', 'expired', 'disabled')", name="state"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    email: Mapped[str] = mapped_column(String(254))
    email_key: Mapped[str] = mapped_column(String(1024), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    state: Mapped[str] = mapped_column(String(16))
    groups: Mapped[str] = mapped_column(Text)
    password_hash: Mapped[str | None] = mapped_column(Text)
    session_epoch: Mapped[int] = mapped_column(BigInteger)
    created: Mapped[float] = mapped_column(Double)
    last_login: Mapped[float | None] = mapped_column(Double)


class EffectRow(Table):
    """What a user's sessions have yet to feel; one row a user. No foreign key: it outlives a deleted account."""

    __tablename__ = "session_effects"

    user_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    epoch: Mapped[int] = mapped_column(BigInteger)
    end_below: Mapped[int] = mapped_column(BigInteger)
