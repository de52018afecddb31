"""What the shop says of its users, and actions on accounts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        # The names of streams hold ids of up to 120 characters; SQLite never looked at the length.
        op.alter_column("events", "stream", type_=sa.String(length=160), existing_nullable=False)
    op.create_table(
        "users",
        sa.Column("user_id", sa.String(length=120), nullable=False),
        sa.Column("registered_at", sa.BigInteger(), nullable=True),
        sa.Column("member_tier", sa.String(length=80), nullable=True),
        sa.Column("birthday", sa.Date(), nullable=True),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("orders", sa.Integer(), nullable=False),
        sa.Column("phone_verified", sa.Boolean(), nullable=False),
        sa.Column("identity_verified", sa.Boolean(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.CheckConstraint("orders >= 0", name=op.f("ck_users_orders")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_users")),
    )
    op.create_table(
        "user_links",
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("value", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=120), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('phone', 'identity', 'device', 'address')", name=op.f("ck_user_links_kind")),
        sa.PrimaryKeyConstraint("kind", "value", "user_id", name=op.f("pk_user_links")),
    )
    op.create_index("ix_user_links_user_id", "user_links", ["user_id"])
    op.create_table(
        "account_actions",
        sa.Column("action_id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=120), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=80), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("taken_at", sa.BigInteger(), nullable=False),
        sa.Column("coupon_ids", sa.Text(), nullable=False),
        sa.Column("hold_id", sa.String(length=40), nullable=True),
        sa.Column("undone_at", sa.BigInteger(), nullable=True),
        sa.Column("undone_by", sa.String(length=80), nullable=True),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("action_id", name=op.f("pk_account_actions")),
    )
    op.create_index("ix_account_actions_user_id", "account_actions", ["user_id"])


def downgrade() -> None:
    # The stream stays as wide as it is: what is in it may need the room.
    op.drop_index("ix_account_actions_user_id", table_name="account_actions")
    op.drop_table("account_actions")
    op.drop_index("ix_user_links_user_id", table_name="user_links")
    op.drop_table("user_links")
    op.drop_table("users")
