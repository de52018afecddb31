"""The first ledger: coupons, decisions, limits, events, outbox, request keys, cases and flags."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "campaigns",
        sa.Column("campaign_id", sa.String(length=80), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("budget_cents", sa.BigInteger(), nullable=False),
        sa.Column("liability_cents", sa.BigInteger(), nullable=True),
        sa.Column("committed_cents", sa.BigInteger(), nullable=False),
        sa.Column("live_cents", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "committed_cents >= 0 AND committed_cents <= budget_cents", name=op.f("ck_campaigns_committed")
        ),
        sa.CheckConstraint("live_cents >= 0", name=op.f("ck_campaigns_live")),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_campaigns")),
    )
    op.create_table(
        "cases",
        sa.Column("case_id", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=160), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("verdict", sa.String(length=20), nullable=True),
        sa.Column("decided_action", sa.String(length=20), nullable=True),
        sa.Column("decided_by", sa.String(length=80), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.CheckConstraint("state IN ('open', 'decided')", name=op.f("ck_cases_state")),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_cases")),
    )
    op.create_index(
        "ix_cases_open_subject",
        "cases",
        ["subject"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index("ix_cases_state_score", "cases", ["state", "score"], unique=False)
    op.create_table(
        "coupons",
        sa.Column("coupon_id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=120), nullable=False),
        sa.Column("template_id", sa.String(length=80), nullable=False),
        sa.Column("template_version", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.String(length=80), nullable=True),
        sa.Column("decision_id", sa.String(length=40), nullable=True),
        sa.Column("face_cents", sa.BigInteger(), nullable=False),
        sa.Column("claimed_at", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("valid_until", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("hold_id", sa.String(length=40), nullable=True),
        sa.Column("redemption_id", sa.String(length=40), nullable=True),
        sa.Column("device", sa.String(length=64), nullable=True),
        sa.Column("ip", sa.String(length=64), nullable=True),
        sa.Column("address", sa.String(length=64), nullable=True),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.CheckConstraint("(state = 'held') = (hold_id IS NOT NULL)", name=op.f("ck_coupons_hold")),
        sa.CheckConstraint("state IN ('unused', 'held', 'used', 'expired')", name=op.f("ck_coupons_state")),
        sa.PrimaryKeyConstraint("coupon_id", name=op.f("pk_coupons")),
        sa.UniqueConstraint("decision_id", name=op.f("uq_coupons_decision_id")),
    )
    op.create_index("ix_coupons_address_claimed_at", "coupons", ["address", "claimed_at"], unique=False)
    op.create_index("ix_coupons_device_claimed_at", "coupons", ["device", "claimed_at"], unique=False)
    op.create_index("ix_coupons_ip_claimed_at", "coupons", ["ip", "claimed_at"], unique=False)
    op.create_index("ix_coupons_state_valid_until", "coupons", ["state", "valid_until"], unique=False)
    op.create_index("ix_coupons_user_id", "coupons", ["user_id"], unique=False)
    op.create_table(
        "decisions",
        sa.Column("decision_id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=120), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=False),
        sa.Column("trigger", sa.String(length=40), nullable=False),
        sa.Column("campaign_id", sa.String(length=80), nullable=True),
        sa.Column("eligible", sa.Text(), nullable=False),
        sa.Column("offer", sa.String(length=80), nullable=False),
        sa.Column("propensity", sa.Float(), nullable=False),
        sa.Column("holdout", sa.Boolean(), nullable=False),
        sa.Column("fallback", sa.Boolean(), nullable=False),
        sa.Column("policy_version", sa.String(length=80), nullable=False),
        sa.Column("value_cents", sa.Float(), nullable=True),
        sa.Column("cost_cents", sa.Float(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("claim_until", sa.BigInteger(), nullable=False),
        sa.Column("coupon_id", sa.String(length=40), nullable=True),
        sa.CheckConstraint("propensity > 0 AND propensity <= 1", name=op.f("ck_decisions_propensity")),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_decisions")),
    )
    op.create_index("ix_decisions_user_id_decided_at", "decisions", ["user_id", "decided_at"], unique=False)
    op.create_table(
        "events",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("event_id", sa.String(length=40), nullable=False),
        sa.Column("stream", sa.String(length=160), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("request_key", sa.String(length=255), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_events")),
        sa.UniqueConstraint("event_id", name=op.f("uq_events_event_id")),
        sa.UniqueConstraint("stream", "n", name=op.f("uq_events_stream_n")),
    )
    op.create_table(
        "flags",
        sa.Column("user_id", sa.String(length=120), nullable=False),
        sa.Column("case_id", sa.String(length=40), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("standing", sa.String(length=20), nullable=False),
        sa.Column("flagged_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "case_id", name=op.f("pk_flags")),
    )
    op.create_index("ix_flags_case_id", "flags", ["case_id"], unique=False)
    op.create_table(
        "holds",
        sa.Column("hold_id", sa.String(length=40), nullable=False),
        sa.Column("coupon_id", sa.String(length=40), nullable=False),
        sa.Column("order_id", sa.String(length=120), nullable=False),
        sa.Column("deadline", sa.BigInteger(), nullable=False),
        sa.Column("discount_cents", sa.BigInteger(), nullable=False),
        sa.Column("goods_cents", sa.BigInteger(), nullable=False),
        sa.Column("split", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=24), nullable=True),
        sa.CheckConstraint("discount_cents > 0 AND discount_cents <= goods_cents", name=op.f("ck_holds_discount")),
        sa.PrimaryKeyConstraint("hold_id", name=op.f("pk_holds")),
    )
    op.create_index("ix_holds_coupon_id", "holds", ["coupon_id"], unique=False)
    op.create_index("ix_holds_state_deadline", "holds", ["state", "deadline"], unique=False)
    op.create_table(
        "order_slots",
        sa.Column("order_id", sa.String(length=120), nullable=False),
        sa.Column("hold_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_order_slots")),
    )
    op.create_table(
        "outbox",
        sa.Column("event_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_outbox")),
    )
    op.create_index("ix_outbox_pending", "outbox", ["published_at", "created_at"], unique=False)
    op.create_table(
        "redemptions",
        sa.Column("redemption_id", sa.String(length=40), nullable=False),
        sa.Column("hold_id", sa.String(length=40), nullable=False),
        sa.Column("coupon_id", sa.String(length=40), nullable=False),
        sa.Column("order_id", sa.String(length=120), nullable=False),
        sa.Column("redeemed_at", sa.BigInteger(), nullable=False),
        sa.Column("discount_cents", sa.BigInteger(), nullable=False),
        sa.Column("paid_cents", sa.BigInteger(), nullable=False),
        sa.Column("refunded", sa.Text(), nullable=False),
        sa.Column("refunded_cents", sa.BigInteger(), nullable=False),
        sa.Column("refunded_share_cents", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("scene", sa.String(length=24), nullable=True),
        sa.CheckConstraint(
            "refunded_cents >= 0 AND refunded_cents <= paid_cents", name=op.f("ck_redemptions_refunded")
        ),
        sa.CheckConstraint(
            "refunded_share_cents >= 0 AND refunded_share_cents <= discount_cents", name=op.f("ck_redemptions_share")
        ),
        sa.PrimaryKeyConstraint("redemption_id", name=op.f("pk_redemptions")),
        sa.UniqueConstraint("hold_id", name=op.f("uq_redemptions_hold_id")),
    )
    op.create_index("ix_redemptions_coupon_id", "redemptions", ["coupon_id"], unique=False)
    op.create_table(
        "requests",
        sa.Column("principal", sa.String(length=80), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("route", sa.String(length=120), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("principal", "key", name=op.f("pk_requests")),
    )
    op.create_table(
        "template_versions",
        sa.Column("template_id", sa.String(length=80), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("template_id", "version", name=op.f("pk_template_versions")),
    )
    op.create_table(
        "templates",
        sa.Column("template_id", sa.String(length=80), nullable=False),
        sa.Column("campaign_id", sa.String(length=80), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("access", sa.String(length=20), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=True),
        sa.Column("issued", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "issued >= 0 AND (quantity IS NULL OR issued <= quantity)", name=op.f("ck_templates_issued")
        ),
        sa.PrimaryKeyConstraint("template_id", name=op.f("pk_templates")),
    )
    op.create_index("ix_templates_campaign_id", "templates", ["campaign_id"], unique=False)
    op.create_table(
        "user_claims",
        sa.Column("template_id", sa.String(length=80), nullable=False),
        sa.Column("user_id", sa.String(length=120), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("claimed", sa.Integer(), nullable=False),
        sa.CheckConstraint("claimed >= 0", name=op.f("ck_user_claims_claimed")),
        sa.PrimaryKeyConstraint("template_id", "user_id", "day", name=op.f("pk_user_claims")),
    )


def downgrade() -> None:
    op.drop_table("user_claims")
    op.drop_index("ix_templates_campaign_id", table_name="templates")
    op.drop_table("templates")
    op.drop_table("template_versions")
    op.drop_table("requests")
    op.drop_index("ix_redemptions_coupon_id", table_name="redemptions")
    op.drop_table("redemptions")
    op.drop_index("ix_outbox_pending", table_name="outbox")
    op.drop_table("outbox")
    op.drop_table("order_slots")
    op.drop_index("ix_holds_state_deadline", table_name="holds")
    op.drop_index("ix_holds_coupon_id", table_name="holds")
    op.drop_table("holds")
    op.drop_index("ix_flags_case_id", table_name="flags")
    op.drop_table("flags")
    op.drop_table("events")
    op.drop_index("ix_decisions_user_id_decided_at", table_name="decisions")
    op.drop_table("decisions")
    op.drop_index("ix_coupons_user_id", table_name="coupons")
    op.drop_index("ix_coupons_state_valid_until", table_name="coupons")
    op.drop_index("ix_coupons_ip_claimed_at", table_name="coupons")
    op.drop_index("ix_coupons_device_claimed_at", table_name="coupons")
    op.drop_index("ix_coupons_address_claimed_at", table_name="coupons")
    op.drop_table("coupons")
    op.drop_index("ix_cases_state_score", table_name="cases")
    op.drop_index(
        "ix_cases_open_subject",
        table_name="cases",
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.drop_table("cases")
    op.drop_table("campaigns")
