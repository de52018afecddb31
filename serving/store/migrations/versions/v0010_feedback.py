"""Rounds of the blind audit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_rounds",
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("flagged", sa.Integer(), nullable=False),
        sa.Column("unflagged", sa.Integer(), nullable=False),
        sa.Column("drawn", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.CheckConstraint("drawn >= 0 AND drawn <= unflagged AND flagged >= 0", name=op.f("ck_audit_rounds_drawn")),
        sa.PrimaryKeyConstraint("since", name=op.f("pk_audit_rounds")),
    )


def downgrade() -> None:
    op.drop_table("audit_rounds")
