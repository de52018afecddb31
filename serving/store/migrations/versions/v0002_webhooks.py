"""Webhook endpoints and deliveries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_INDEXES = {
    "ix_webhook_deliveries_state_next_at": ["state", "next_at"],
    "ix_webhook_deliveries_webhook_id_state_seq": ["webhook_id", "state", "seq"],
    "ix_webhook_deliveries_webhook_id_seq": ["webhook_id", "seq"],
    "ix_webhook_deliveries_webhook_id_delivered_at": ["webhook_id", "delivered_at"],
    "ix_webhook_deliveries_event_id": ["event_id"],
    "ix_webhook_deliveries_lease": ["lease"],
}


def upgrade() -> None:
    op.create_table(
        "webhook_endpoints",
        sa.Column("webhook_id", sa.String(length=40), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("description", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=24), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("rotated_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.CheckConstraint("state IN ('active', 'disabled')", name=op.f("ck_webhook_endpoints_state")),
        sa.CheckConstraint("(state = 'disabled') = (reason IS NOT NULL)", name=op.f("ck_webhook_endpoints_reason")),
        sa.CheckConstraint("generation >= 1", name=op.f("ck_webhook_endpoints_generation")),
        sa.PrimaryKeyConstraint("webhook_id", name=op.f("pk_webhook_endpoints")),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("webhook_id", sa.String(length=40), nullable=False),
        sa.Column("event_id", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("lease", sa.String(length=40), nullable=True),
        sa.Column("claimed_until", sa.BigInteger(), nullable=True),
        sa.Column("attempted_at", sa.BigInteger(), nullable=True),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.String(length=24), nullable=True),
        sa.CheckConstraint("state IN ('pending', 'delivered', 'failed')", name=op.f("ck_webhook_deliveries_state")),
        sa.CheckConstraint(
            "(state = 'delivered') = (delivered_at IS NOT NULL)", name=op.f("ck_webhook_deliveries_delivered")
        ),
        sa.CheckConstraint("(lease IS NULL) = (claimed_until IS NULL)", name=op.f("ck_webhook_deliveries_lease")),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_webhook_deliveries_attempts")),
        sa.PrimaryKeyConstraint("webhook_id", "event_id", name=op.f("pk_webhook_deliveries")),
    )
    for name, columns in _INDEXES.items():
        op.create_index(name, "webhook_deliveries", columns, unique=False)


def downgrade() -> None:
    for name in reversed(_INDEXES):
        op.drop_index(name, table_name="webhook_deliveries")
    op.drop_table("webhook_deliveries")
    op.drop_table("webhook_endpoints")
