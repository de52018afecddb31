"""The tables of the ledger and the review store (SQLAlchemy Core). Moments are integer microseconds UTC, money is
cents.

Every state table can be rebuilt from ``events``. CHECKs repeat the laws that must hold even for a hand at the database.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - moments are UTC without a zone everywhere
_MICROSECOND = timedelta(microseconds=1)


class Moment(TypeDecorator[datetime]):
    """A UTC moment as integer microseconds: exact, ordered and alike in every store."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:  # noqa: ARG002
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Any) -> datetime | None:  # noqa: ARG002
        return None if value is None else _EPOCH + value * _MICROSECOND


# SQLite numbers rows by itself only when the key is INTEGER.
_ROW_NUMBER = BigInteger().with_variant(Integer, "sqlite")

events = Table(
    "events",
    metadata,
    Column("seq", _ROW_NUMBER, primary_key=True, autoincrement=True),
    Column("event_id", String(40), nullable=False, unique=True),
    Column("stream", String(160), nullable=False),
    Column("n", Integer, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("at", Moment, nullable=False),
    Column("actor", String(80), nullable=False),
    Column("request_key", String(255), nullable=False),
    Column("data", Text, nullable=False),
    UniqueConstraint("stream", "n"),
    # by which the audit log is searched, newest first
    Index("ix_events_actor_seq", "actor", "seq"),
    Index("ix_events_kind_seq", "kind", "seq"),
    Index("ix_events_at", "at"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("event_id", String(40), primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("published_at", Moment),
    Index("ix_outbox_pending", "published_at", "created_at"),
)

requests = Table(
    "requests",
    metadata,
    Column("principal", String(80), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("route", String(120), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
)

campaigns = Table(
    "campaigns",
    metadata,
    Column("campaign_id", String(80), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("budget_cents", BigInteger, nullable=False),
    Column("liability_cents", BigInteger),
    Column("committed_cents", BigInteger, nullable=False, default=0),
    Column("live_cents", BigInteger, nullable=False, default=0),
    Column("created_at", Moment, nullable=False),
    Column("n", Integer, nullable=False, default=1),
    CheckConstraint("committed_cents >= 0 AND committed_cents <= budget_cents", name="committed"),
    CheckConstraint("live_cents >= 0", name="live"),
)

templates = Table(
    "templates",
    metadata,
    Column("template_id", String(80), primary_key=True),
    Column("campaign_id", String(80)),
    Column("version", Integer, nullable=False),
    Column("access", String(20), nullable=False),
    Column("quantity", BigInteger),
    Column("issued", BigInteger, nullable=False, default=0),
    Column("created_at", Moment, nullable=False),
    Column("n", Integer, nullable=False, default=1),
    CheckConstraint("issued >= 0 AND (quantity IS NULL OR issued <= quantity)", name="issued"),
    Index("ix_templates_campaign_id", "campaign_id"),
)

template_versions = Table(
    "template_versions",
    metadata,
    Column("template_id", String(80), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("spec", Text, nullable=False),
)

user_claims = Table(
    "user_claims",
    metadata,
    Column("template_id", String(80), primary_key=True),
    Column("user_id", String(120), primary_key=True),
    Column("day", String(10), primary_key=True),  # "" counts all days
    Column("claimed", Integer, nullable=False),
    CheckConstraint("claimed >= 0", name="claimed"),
)

coupons = Table(
    "coupons",
    metadata,
    Column("coupon_id", String(40), primary_key=True),
    Column("user_id", String(120), nullable=False),
    Column("template_id", String(80), nullable=False),
    Column("template_version", Integer, nullable=False),
    Column("campaign_id", String(80)),
    Column("decision_id", String(40), unique=True),
    Column("face_cents", BigInteger, nullable=False),
    Column("claimed_at", Moment, nullable=False),
    Column("valid_from", Moment, nullable=False),
    Column("valid_until", Moment, nullable=False),
    Column("state", String(12), nullable=False),
    Column("hold_id", String(40)),
    Column("uses", Integer, nullable=False),
    Column("used", Integer, nullable=False),
    Column("source", String(40), nullable=False),
    Column("ref", String(160)),
    Column("place", String(40)),
    Column("device", String(64)),
    Column("ip", String(64)),
    Column("address", String(64)),
    Column("n", Integer, nullable=False),
    CheckConstraint("state IN ('unused', 'held', 'used', 'expired', 'revoked')", name="state"),
    CheckConstraint("(state = 'held') = (hold_id IS NOT NULL)", name="hold"),
    CheckConstraint("used >= 0 AND used <= uses AND (state = 'used') = (used = uses)", name="uses"),
    Index("ix_coupons_user_id", "user_id"),
    Index("ix_coupons_state_valid_until", "state", "valid_until"),
    Index("ix_coupons_device_claimed_at", "device", "claimed_at"),
    Index("ix_coupons_ip_claimed_at", "ip", "claimed_at"),
    Index("ix_coupons_address_claimed_at", "address", "claimed_at"),
)

# One row per hold; the receipt is frozen, and the sums repeat what it says, so that a CHECK can hold the laws.
orders = Table(
    "orders",
    metadata,
    Column("hold_id", String(40), primary_key=True),
    Column("order_id", String(120), nullable=False),
    Column("user_id", String(120), nullable=False),
    Column("held_at", Moment, nullable=False),
    Column("deadline", Moment, nullable=False),
    Column("goods_cents", BigInteger, nullable=False),
    Column("discount_cents", BigInteger, nullable=False),
    Column("payable_cents", BigInteger, nullable=False),
    Column("receipt", Text, nullable=False),
    Column("state", String(12), nullable=False),
    Column("reason", String(24)),
    Column("redemption_id", String(40), unique=True),
    Column("redeemed_at", Moment),
    Column("late", Boolean, nullable=False),
    Column("refunded", Text, nullable=False),
    Column("refunded_cents", BigInteger, nullable=False),
    Column("refunded_freight_cents", BigInteger, nullable=False),
    Column("refunded_shares", Text, nullable=False),
    Column("n", Integer, nullable=False),
    CheckConstraint("state IN ('open', 'released', 'redeemed', 'undone')", name="state"),
    CheckConstraint("(redemption_id IS NOT NULL) = (state IN ('redeemed', 'undone'))", name="redemption"),
    CheckConstraint("goods_cents >= 0 AND discount_cents >= 0 AND payable_cents >= 0", name="price"),
    CheckConstraint(
        "refunded_freight_cents >= 0 AND refunded_cents >= refunded_freight_cents AND refunded_cents <= payable_cents",
        name="refunded",
    ),
    Index("ix_orders_order_id", "order_id"),
    Index("ix_orders_user_id_state", "user_id", "state"),
    Index("ix_orders_state_deadline", "state", "deadline"),
)

order_coupons = Table(
    "order_coupons",
    metadata,
    Column("hold_id", String(40), primary_key=True),
    Column("coupon_id", String(40), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("discount_cents", BigInteger, nullable=False),
    Column("refunded_share_cents", BigInteger, nullable=False),
    CheckConstraint("discount_cents >= 0", name="discount"),
    CheckConstraint("refunded_share_cents >= 0 AND refunded_share_cents <= discount_cents", name="share"),
    UniqueConstraint("hold_id", "position"),
    Index("ix_order_coupons_coupon_id", "coupon_id"),
)

# An order is held or paid once at a time; its other holds are released or undone.
order_slots = Table(
    "order_slots",
    metadata,
    Column("order_id", String(120), primary_key=True),
    Column("hold_id", String(40), nullable=False),
)

decisions = Table(
    "decisions",
    metadata,
    Column("decision_id", String(40), primary_key=True),
    Column("user_id", String(120), nullable=False),
    Column("decided_at", Moment, nullable=False),
    Column("trigger", String(40), nullable=False),
    Column("campaign_id", String(80)),
    Column("eligible", Text, nullable=False),
    Column("offer", String(80), nullable=False),
    Column("propensity", Float, nullable=False),
    Column("holdout", Boolean, nullable=False),
    Column("fallback", Boolean, nullable=False),
    Column("policy_version", String(80), nullable=False),
    Column("value_cents", Float),
    Column("cost_cents", Float),
    Column("detail", Text, nullable=False),
    Column("claim_until", Moment, nullable=False),
    Column("coupon_id", String(40)),
    CheckConstraint("propensity > 0 AND propensity <= 1", name="propensity"),
    Index("ix_decisions_user_id_decided_at", "user_id", "decided_at"),
)

cases = Table(
    "cases",
    metadata,
    Column("case_id", String(40), primary_key=True),
    Column("subject", String(160), nullable=False),
    Column("source", String(80), nullable=False),
    Column("state", String(12), nullable=False),
    Column("score", Float, nullable=False),
    Column("action", String(20), nullable=False),
    Column("members", Integer, nullable=False),
    Column("first_reasons", Text, nullable=False),  # of its strongest member; what a list of cases shows
    Column("detail", Text, nullable=False),
    # A blind case keeps what a machine thinks of it to itself; ``not_by`` is who may not decide it.
    Column("blind", Boolean, nullable=False),
    Column("not_by", String(80)),
    Column("lease_by", String(80)),
    Column("lease_until", Moment),
    Column("snoozed_until", Moment),
    Column("proposal", Text),
    Column("proposed_by", String(80)),
    Column("verdict", String(20)),
    Column("decided_action", String(20)),
    Column("reason_code", String(40)),
    Column("decided_by", String(80)),
    Column("decided_at", Moment),
    Column("undone_at", Moment),
    Column("life", Text, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("n", Integer, nullable=False),
    CheckConstraint("state IN ('open', 'decided')", name="state"),
    Index("ix_cases_state_score", "state", "score"),
    Index("ix_cases_state_decided_at", "state", "decided_at"),
    # one open case per ring or user, beside those whose verdict was undone
    Index(
        "ix_cases_open_subject",
        "subject",
        unique=True,
        sqlite_where=text("state = 'open' AND undone_at IS NULL"),
        postgresql_where=text("state = 'open' AND undone_at IS NULL"),
    ),
)

# One row for every member of every case, in the order of the case.
flags = Table(
    "flags",
    metadata,
    Column("user_id", String(120), primary_key=True),
    Column("case_id", String(40), primary_key=True),
    Column("score", Float, nullable=False),
    Column("action", String(20), nullable=False),
    Column("standing", String(20)),  # what holds for the user now; NULL while a person is only asked to look
    Column("position", Integer, nullable=False),
    Column("flagged_at", Moment, nullable=False),
    Index("ix_flags_case_id_position", "case_id", "position"),
)
