"""Block and allow lists, appeals, reveals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_LIVE = sa.text("removed_at IS NULL")
_NETWORKS = sa.text("removed_at IS NULL AND prefix IS NOT NULL")
_OPEN = sa.text("state = 'open'")


def upgrade() -> None:
    op.create_table(
        "list_entries",
        sa.Column("entry_id", sa.String(length=40), nullable=False),
        sa.Column("list", sa.String(length=8), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("value", sa.String(length=120), nullable=False),
        sa.Column("prefix", sa.Integer(), nullable=True),
        sa.Column("owner", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("case_id", sa.String(length=40), nullable=True),
        sa.Column("accounts", sa.Integer(), nullable=False),
        sa.Column("settled", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("removed_at", sa.BigInteger(), nullable=True),
        sa.Column("removed_by", sa.String(length=80), nullable=True),
        sa.Column("removed_reason", sa.Text(), nullable=True),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.CheckConstraint("list IN ('block', 'allow')", name=op.f("ck_list_entries_list")),
        sa.CheckConstraint("kind IN ('user', 'device', 'ip', 'address', 'phone')", name=op.f("ck_list_entries_kind")),
        sa.CheckConstraint("prefix IS NULL OR kind = 'ip'", name=op.f("ck_list_entries_prefix")),
        sa.CheckConstraint("(removed_at IS NULL) = (removed_by IS NULL)", name=op.f("ck_list_entries_removed")),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_list_entries")),
    )
    op.create_index("ix_list_entries_value", "list_entries", ["value"], unique=False)
    op.create_index(
        "ix_list_entries_live", "list_entries", ["expires_at"], unique=False, sqlite_where=_LIVE,
        postgresql_where=_LIVE,
    )  # fmt: skip
    op.create_index(
        "ix_list_entries_networks", "list_entries", ["expires_at"], unique=False, sqlite_where=_NETWORKS,
        postgresql_where=_NETWORKS,
    )  # fmt: skip
    op.create_index(
        "ix_list_entries_once", "list_entries", ["list", "kind", "value"], unique=True, sqlite_where=_LIVE,
        postgresql_where=_LIVE,
    )  # fmt: skip
    op.create_table(
        "appeals",
        sa.Column("appeal_id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=120), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("contact", sa.String(length=120), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.String(length=80), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("reason_code", sa.String(length=40), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("answer_en", sa.Text(), nullable=True),
        sa.Column("answer_zh", sa.Text(), nullable=True),
        sa.Column("returned", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.CheckConstraint("state IN ('open', 'granted', 'refused')", name=op.f("ck_appeals_state")),
        sa.CheckConstraint("(state = 'open') = (decided_at IS NULL)", name=op.f("ck_appeals_decided")),
        sa.PrimaryKeyConstraint("appeal_id", name=op.f("pk_appeals")),
    )
    op.create_index("ix_appeals_state_created_at", "appeals", ["state", "created_at"], unique=False)
    op.create_index("ix_appeals_user_id", "appeals", ["user_id"], unique=False)
    op.create_index(
        "ix_appeals_open_user", "appeals", ["user_id"], unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN
    )
    op.create_table(
        "reveals",
        sa.Column("reveal_id", sa.String(length=40), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("revealed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("reveal_id", name=op.f("pk_reveals")),
    )
    op.create_index("ix_reveals_actor_revealed_at", "reveals", ["actor", "revealed_at"], unique=False)


def downgrade() -> None:
    op.drop_table("reveals")
    op.drop_table("appeals")
    op.drop_table("list_entries")
