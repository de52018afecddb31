"""Claim limits by device, IP and address, quotas, pools, codes and rewards."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "claim_things",
        sa.Column("template_id", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("value", sa.String(length=64), nullable=False),
        sa.Column("claimed", sa.Integer(), nullable=False),
        sa.CheckConstraint("claimed >= 0", name=op.f("ck_claim_things_claimed")),
        sa.PrimaryKeyConstraint("template_id", "kind", "value", name=op.f("pk_claim_things")),
    )
    op.create_table(
        "claim_quotas",
        sa.Column("template_id", sa.String(length=80), nullable=False),
        sa.Column("period", sa.String(length=40), nullable=False),
        sa.Column("claimed", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("claimed >= 0", name=op.f("ck_claim_quotas_claimed")),
        sa.PrimaryKeyConstraint("template_id", "period", name=op.f("pk_claim_quotas")),
    )
    op.create_table(
        "claim_pools",
        sa.Column("template_id", sa.String(length=80), nullable=False),
        sa.Column("promised_cents", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("promised_cents >= 0", name=op.f("ck_claim_pools_promised")),
        sa.PrimaryKeyConstraint("template_id", name=op.f("pk_claim_pools")),
    )
    op.create_table(
        "bundles",
        sa.Column("bundle_id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=120), nullable=False),
        sa.Column("template_id", sa.String(length=80), nullable=False),
        sa.Column("template_version", sa.Integer(), nullable=False),
        sa.Column("claimed_at", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("ref", sa.String(length=160), nullable=True),
        sa.Column("place", sa.String(length=40), nullable=True),
        sa.Column("device", sa.String(length=64), nullable=True),
        sa.Column("ip", sa.String(length=64), nullable=True),
        sa.Column("address", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("bundle_id", name=op.f("pk_bundles")),
    )
    op.create_index("ix_bundles_user_id", "bundles", ["user_id"])
    op.create_index("ix_bundles_template_id", "bundles", ["template_id"])
    op.create_table(
        "codes",
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("batch_id", sa.String(length=40), nullable=False),
        sa.Column("template_id", sa.String(length=80), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("used_for", sa.String(length=40), nullable=True),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_codes")),
    )
    op.create_index("ix_codes_batch_id", "codes", ["batch_id"])
    op.create_table(
        "code_guesses",
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("value", sa.String(length=120), nullable=False),
        sa.Column("times", sa.Text(), nullable=False),
        sa.Column("locks", sa.Integer(), nullable=False),
        sa.CheckConstraint("locks >= 0", name=op.f("ck_code_guesses_locks")),
        sa.PrimaryKeyConstraint("kind", "value", name=op.f("pk_code_guesses")),
    )
    op.create_table(
        "rewards",
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("reward_id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=120), nullable=False),
        sa.Column("rewarded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "subject", name=op.f("pk_rewards")),
    )
    op.create_index("ix_rewards_reward_id", "rewards", ["reward_id"])
    op.create_table(
        "reward_days",
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("user_id", sa.String(length=120), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("rewarded", sa.Integer(), nullable=False),
        sa.CheckConstraint("rewarded >= 0", name=op.f("ck_reward_days_rewarded")),
        sa.PrimaryKeyConstraint("kind", "user_id", "day", name=op.f("pk_reward_days")),
    )
    op.create_table(
        "sign_ins",
        sa.Column("user_id", sa.String(length=120), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("streak", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.CheckConstraint("streak >= 1", name=op.f("ck_sign_ins_streak")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_sign_ins")),
    )


def downgrade() -> None:
    op.drop_table("sign_ins")
    op.drop_table("reward_days")
    op.drop_index("ix_rewards_reward_id", table_name="rewards")
    op.drop_table("rewards")
    op.drop_table("code_guesses")
    op.drop_index("ix_codes_batch_id", table_name="codes")
    op.drop_table("codes")
    op.drop_index("ix_bundles_template_id", table_name="bundles")
    op.drop_index("ix_bundles_user_id", table_name="bundles")
    op.drop_table("bundles")
    op.drop_table("claim_pools")
    op.drop_table("claim_quotas")
    op.drop_table("claim_things")
