"""Counters of claims by thing, period and pool; packs and draws; codes and the guesses at them; rewards.

All of them follow from events. Hashes only: neither a device nor a code is stored as it was sent.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Date, Index, Integer, String, Table, Text

from serving.store.schema import Moment, metadata

# Claims of a template by device, IP or address.
claim_things = Table(
    "claim_things",
    metadata,
    Column("template_id", String(80), primary_key=True),
    Column("kind", String(12), primary_key=True),
    Column("value", String(64), primary_key=True),
    Column("claimed", Integer, nullable=False),
    CheckConstraint("claimed >= 0", name="claimed"),
)

# Claims of a template by shop-local day, by slot, or by day over all its slots.
claim_quotas = Table(
    "claim_quotas",
    metadata,
    Column("template_id", String(80), primary_key=True),
    Column("period", String(40), primary_key=True),
    Column("claimed", BigInteger, nullable=False),
    CheckConstraint("claimed >= 0", name="claimed"),
)

# What the coupons of a template may take off in all (drawn face value times uses).
claim_pools = Table(
    "claim_pools",
    metadata,
    Column("template_id", String(80), primary_key=True),
    Column("promised_cents", BigInteger, nullable=False),
    CheckConstraint("promised_cents >= 0", name="promised"),
)

# A pack or a draw that was claimed; its coupons name it as their reference.
bundles = Table(
    "bundles",
    metadata,
    Column("bundle_id", String(40), primary_key=True),
    Column("user_id", String(120), nullable=False),
    Column("template_id", String(80), nullable=False),
    Column("template_version", Integer, nullable=False),
    Column("claimed_at", Moment, nullable=False),
    Column("source", String(40), nullable=False),
    Column("ref", String(160)),
    Column("place", String(40)),
    Column("device", String(64)),
    Column("ip", String(64)),
    Column("address", String(64)),
    Index("ix_bundles_user_id", "user_id"),
    Index("ix_bundles_template_id", "template_id"),
)

codes = Table(
    "codes",
    metadata,
    Column("code_hash", String(64), primary_key=True),
    Column("batch_id", String(40), nullable=False),
    Column("template_id", String(80), nullable=False),
    Column("expires_at", Moment),
    Column("used_for", String(40)),  # the coupon or the bundle that it gave
    Index("ix_codes_batch_id", "batch_id"),
)

# The latest wrong guesses of a user, a device or an IP, and how often they locked it.
code_guesses = Table(
    "code_guesses",
    metadata,
    Column("kind", String(12), primary_key=True),
    Column("value", String(120), primary_key=True),
    Column("times", Text, nullable=False),
    Column("locks", Integer, nullable=False),
    CheckConstraint("locks >= 0", name="locks"),
)

# What was rewarded; the same subject is rewarded once.
rewards = Table(
    "rewards",
    metadata,
    Column("kind", String(20), primary_key=True),
    Column("subject", String(300), primary_key=True),
    Column("reward_id", String(40), nullable=False),
    Column("user_id", String(120), nullable=False),
    Column("rewarded_at", Moment, nullable=False),
    Index("ix_rewards_reward_id", "reward_id"),
)

reward_days = Table(
    "reward_days",
    metadata,
    Column("kind", String(20), primary_key=True),
    Column("user_id", String(120), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("rewarded", Integer, nullable=False),
    CheckConstraint("rewarded >= 0", name="rewarded"),
)

sign_ins = Table(
    "sign_ins",
    metadata,
    Column("user_id", String(120), primary_key=True),
    Column("last_day", Date, nullable=False),
    Column("streak", Integer, nullable=False),
    Column("n", Integer, nullable=False),
    CheckConstraint("streak >= 1", name="streak"),
)
